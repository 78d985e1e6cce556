"""Pictures of the pages of documents that strangers sent in.

Nothing of a stranger's file is decoded in the process that asks: a child with little memory, little time and no
rights of its own does it, and hands back a picture drawn anew.
"""

from __future__ import annotations

import json
import subprocess
import threading
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from apps.errors import DomainError
from apps.infra.files.child_process import run_child

SECONDS = 15
MEMORY = 1536 * 1024 * 1024
MAX_PAGES = 50
MAX_SIDE = 2000
MAX_SHORT = 1000
"""What is very long is drawn so wide, as far as memory goes, so that its lines can be read."""
# So many children at once in one process: each may take all of its memory.
_children = threading.BoundedSemaphore(3)


class Unrenderable(DomainError):
    """The file cannot be shown; it is broken, or costs more to draw than it may."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What drawing found out about a file."""

    pages: int
    """At most MAX_PAGES."""
    letters_missing: bool
    """Some letters are not drawn: a PDF leaves their font to the reader, and there is none here."""


def render_page(
    content: bytes, media_type: str, page: int, *, watermark: str, max_side: int = MAX_SIDE, max_short: int = 0
) -> bytes:
    """A picture of page `page` (from 1), `watermark` drawn across it: WebP, or JPEG where that is too long for WebP.

    The longer side has at most `max_side` pixels, unless the shorter one would have less than `max_short`.
    Raises `Unrenderable`.
    """
    order = {"do": "render", "page": page, "watermark": watermark, "max_side": max_side, "max_short": max_short}
    # What is drawn once and kept is worth packing well; what is marked for one viewer is not.
    return _render(content, order | {"media_type": media_type, "effort": 0 if watermark else 2})


def media_type_of(drawn: bytes) -> str:
    """Of a picture that `render_page` drew."""
    return "image/jpeg" if drawn.startswith(b"\xff\xd8") else "image/webp"


def inspect(content: bytes, media_type: str) -> Inspection:
    """The number of pages, and whether letters are missing. Raises `Unrenderable`, also for a first page alone."""
    found = json.loads(_render(content, {"do": "inspect", "media_type": media_type}))
    return Inspection(found["pages"], found["letters_missing"])


def _render(content: bytes, order: dict[str, object]) -> bytes:
    return answer_of("rendering", content, order | {"max_pages": MAX_PAGES})


def answer_of(child: str, content: bytes, order: dict[str, object]) -> bytes:
    """What a child answers, with `SECONDS` of CPU and `MEMORY` bytes. Raises `Unrenderable`."""
    try:
        with _children:
            done = run_child(child, content, order, seconds=SECONDS, memory=MEMORY)
    except subprocess.TimeoutExpired:
        raise Unrenderable("too-slow-to-draw", _("This file takes too long to draw.")) from None
    if done.returncode == 3:
        raise Unrenderable("no-such-page", _("This document has no such page."))
    if done.returncode != 0 or not done.stdout:
        raise Unrenderable("cannot-be-drawn", _("This file cannot be drawn. Reject it as unreadable."))
    return done.stdout
