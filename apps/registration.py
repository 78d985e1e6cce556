"""Pages laid onto the form that they share with others, and compared there: by a child with limits, never here."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.rendering import run_child

CHILD = Path(__file__).with_name("likeness_child.py")
FEATURE_BYTES = 136


@dataclass(frozen=True, slots=True)
class Form:
    """What is known of a form: its size in pixels, and its features packed, `FEATURE_BYTES` each."""

    width: int
    height: int
    features: bytes


@dataclass(frozen=True, slots=True)
class Placed:
    """How a page lies on a form."""

    homography: list[float]
    """From its pixels to those of the form, row by row."""
    hull: list[float]
    """The part of the form that was found, as a polygon: x, y, x, y …"""


@dataclass(frozen=True, slots=True)
class Laid:
    """What came of laying a page onto the form that fits best."""

    form: int
    """Which of those offered."""
    placed: Placed
    found: list[int]
    """Numbers of the features of the form that were found."""
    bands: list[int]
    """A hash of each block that shows something, below 2 ** 32; its place is in it."""


def form_of(picture: bytes) -> tuple[Form, list[int]]:
    """A page as the first of its form, and hashes to find that by. Without features where it shows too little."""
    found = _ask({"do": "features"}, [picture])
    width, height = found["size"]
    return Form(width, height, base64.b64decode(found["features"])), found["bands"]


def lay_on_forms(picture: bytes, forms: Sequence[Form]) -> Laid | None:
    """The form that fits a page best; none where it is on none of them."""
    order: dict[str, object] = {"do": "lay", "sizes": [(form.width, form.height) for form in forms]}
    found = _ask(order, [picture, *(form.features for form in forms)])
    if found["form"] is None:
        return None
    return Laid(found["form"], Placed(found["placed"], found["hull"]), found["found"], found["bands"])


def scores(form: Form, pages: Sequence[tuple[bytes, Placed]]) -> list[float]:
    """How alike the first page and each other one are, 0 to 1, where they are least alike. All lie on one form."""
    order: dict[str, object] = {
        "do": "compare",
        "size": (form.width, form.height),
        "placed": [placed.homography for _, placed in pages],
        "hulls": [placed.hull for _, placed in pages],
    }
    found: list[float] = _ask(order, [picture for picture, _ in pages])["scores"]
    return found


def _ask(order: dict[str, object], parts: Sequence[bytes]) -> Any:
    """Raises `Unrenderable`."""
    order |= {"lengths": [len(part) for part in parts]}
    return json.loads(run_child(CHILD, b"".join(parts), order))
