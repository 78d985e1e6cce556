"""Pages of documents compared with each other: by a child with limits, never here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from apps.infra.files.rendering import run_child

CHILD = Path(__file__).with_name("comparing_child.py")


class Fingerprint(NamedTuple):
    hashes: list[int]
    """Of what stands out of a page, to find it by; none where it shows too little."""
    features: bytes
    """Where that is and what it looks like, to choose among what was found."""


class Paper(NamedTuple):
    picture: bytes
    features: bytes


def fingerprint(picture: bytes) -> Fingerprint:
    """Raises `Unrenderable`."""
    found = _ask({"do": "hash"}, [picture])
    return Fingerprint(found["hashes"], bytes.fromhex(found["features"]))


def scores(paper: Paper, others: Sequence[Paper]) -> list[float]:
    """How alike a paper and each other one are, 0 to 1, where they are least alike; 0 where one does not lie on the
    other, or some others agree better at half the size. Raises `Unrenderable`."""
    found: list[float] = _ask({"do": "compare"}, [part for one in (paper, *others) for part in one])["scores"]
    return found


def _ask(order: dict[str, object], parts: Sequence[bytes]) -> Any:
    return json.loads(run_child(CHILD, b"".join(parts), order | {"lengths": [len(part) for part in parts]}))
