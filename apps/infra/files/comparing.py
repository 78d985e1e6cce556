"""Pages of documents compared with each other: by a child with limits, never here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from apps.infra.files.rendering import answer_of


class Fingerprint(NamedTuple):
    hashes: list[int]
    """Of what stands out of a page, to find it by; none where it shows too little."""
    features: bytes
    """Where that is and how it is recognised, to choose among what was found."""


class PagePicture(NamedTuple):
    picture: bytes
    features: bytes


def fingerprint(picture: bytes) -> Fingerprint:
    """Raises `Unrenderable`."""
    found = _ask({"do": "hash"}, [picture])
    return Fingerprint(found["hashes"], bytes.fromhex(found["features"]))


def scores(one: PagePicture, others: Sequence[PagePicture]) -> list[float]:
    """How alike a page and each other one are, 0 to 1, where they are least alike; 0 where one does not lie on the
    other, or some others agree better at half the size. Raises `Unrenderable`."""
    found: list[float] = _ask({"do": "compare"}, [part for page in (one, *others) for part in page])["scores"]
    return found


def _ask(order: dict[str, object], parts: Sequence[bytes]) -> Any:
    return json.loads(answer_of("comparing", b"".join(parts), order | {"lengths": [len(part) for part in parts]}))
