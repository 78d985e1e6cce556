"""The sections of the page of one user, and the lines in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.utils.safestring import SafeString

LATEST = 8
"""How many lines a section shows."""


@dataclass(frozen=True, slots=True)
class Line:
    """One object: its name, state and time."""

    text: str
    state: str | SafeString = ""
    at: datetime | None = None
    why: str = ""
    """The address of the page that explains whether the user sees it."""
    lines: list[Line] = field(default_factory=list)
    """What belongs below it."""


@dataclass(frozen=True, slots=True)
class Section:
    slug: str
    title: str
    icon: str
    lines: list[Line]
    empty: str
