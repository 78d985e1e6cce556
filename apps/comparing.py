"""Pages of documents compared with each other: by a child with limits, never here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps.rendering import run_child

CHILD = Path(__file__).with_name("comparing_child.py")


def hashes(picture: bytes) -> list[int]:
    """Of what stands out of a page, to find it by; none where it shows too little. Raises `Unrenderable`."""
    found: list[int] = _ask({"do": "hash"}, [picture])["hashes"]
    return found


def scores(picture: bytes, others: Sequence[bytes]) -> list[float]:
    """How alike a page and each other one are, 0 to 1, where they are least alike; 0 where one does not lie on the
    other. Raises `Unrenderable`."""
    found: list[float] = _ask({"do": "compare"}, [picture, *others])["scores"]
    return found


def _ask(order: dict[str, object], pictures: Sequence[bytes]) -> Any:
    lengths = [len(picture) for picture in pictures]
    return json.loads(run_child(CHILD, b"".join(pictures), order | {"lengths": lengths}))
