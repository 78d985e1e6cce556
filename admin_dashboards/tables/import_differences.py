"""What an imported file changes in a row, as the preview shows it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.formats import date_format
from django.utils.html import escape, format_html
from django.utils.timezone import localtime
from import_export.resources import Diff

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from admin_dashboards.tables.resources import TableResource


class Difference(Diff):
    """The values of a row before and after, each changed one marked as a whole; empty where no page shows it."""

    def __init__(self, resource: TableResource, row: Any, _new: bool) -> None:
        self.shown = resource.shows_differences
        self.left = self.right = _values(resource, row) if self.shown else []

    def compare_with(self, resource: TableResource, row: Any) -> None:
        self.right = _values(resource, row) if self.shown else []

    def as_html(self) -> list[SafeString]:
        return [_cell(*pair) for pair in zip(self.left, self.right, strict=True)]


def _values(resource: TableResource, row: Any) -> list[tuple[str, str]]:
    """Each value as the tables of the console show it, and as an export writes it."""
    return [(_shown(field.get_value(row)), str(field.export(row))) for field in resource.get_import_fields()]


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return date_format(localtime(value), "DATETIME_FORMAT")
    return "" if value is None else str(value)


def _cell(before: tuple[str, str], after: tuple[str, str]) -> SafeString:
    if before == after:
        return escape(before[0])
    # Times that differ by seconds alone are shown the same, so the values of the export mark them.
    old, new = (before[1], after[1]) if before[0] == after[0] else (before[0], after[0])
    parts = [format_html(tag, text) for tag, text in (("<del>{}</del>", old), ("<ins>{}</ins>", new)) if text]
    return format_html("{} {}", *parts) if len(parts) == 2 else parts[0]
