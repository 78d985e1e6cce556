"""Actions on many items of a queue at once, and what each does to an item."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class BulkAction:
    """An action on many items at once."""

    code: str
    title: str | Promise
    template: str = ""
    """Of further fields that the action asks for, once for all items."""
    key: str = ""
    """The shortcut that chooses it for the selected items, and again confirms it."""


@dataclass(slots=True)
class BulkLine:
    """What a bulk action will do, or did, to one item."""

    item: Any
    sentence: str
    skipped: bool = False


@dataclass(slots=True)
class Bulk:
    """One run of a bulk action, or its preview."""

    action: BulkAction
    batch: UUID
    lines: list[BulkLine] = field(default_factory=list)

    @property
    def taken(self) -> list[BulkLine]:
        return [line for line in self.lines if not line.skipped]

    @property
    def skipped(self) -> list[BulkLine]:
        return [line for line in self.lines if line.skipped]
