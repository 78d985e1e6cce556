"""Pages of documents compared with each other: by a child with limits, never here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.rendering import run_child

CHILD = Path(__file__).with_name("comparing_child.py")


@dataclass(frozen=True, slots=True)
class Hashes:
    """Of the features of a page, 0 to 2 ** 31 - 1. Empty where it shows too little."""

    kept: list[int]
    """To find the page by."""
    asked: list[int]
    """Those and some that are nearly the same: to find other pages with."""


def hashes(picture: bytes) -> Hashes:
    """Raises `Unrenderable`."""
    found = _ask({"do": "hash"}, [picture])
    return Hashes(found["kept"], found["asked"])


def scores(picture: bytes, others: Sequence[bytes]) -> list[float]:
    """How alike a page and each other one are, 0 to 1, where they are least alike; 0 where one does not lie on the
    other. Raises `Unrenderable`."""
    found: list[float] = _ask({"do": "compare"}, [picture, *others])["scores"]
    return found


def _ask(order: dict[str, object], pictures: Sequence[bytes]) -> Any:
    lengths = [len(picture) for picture in pictures]
    return json.loads(run_child(CHILD, b"".join(pictures), order | {"lengths": lengths}))
