"""Changes to many events by a file: the rows that an export gave, edited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from admin_dashboards.tables.resources import TableResource
from apps.events.models import Event
from apps.events.services import Edits, edit_events, lock_events
from apps.users.models import User


class EventRows(TableResource):
    """Each row changes the event of its `id`, as far as its columns go. Nothing is added or removed."""

    class Meta(TableResource.Meta):
        model = Event
        fields = ("id", "title", "description", "date", "ends_at", "location", "capacity")

    def prepare(self, user: User, rows: Sequence[Event]) -> None:
        self.checked = Edits(user, rows)

    def assign(self, row: Event, changes: dict[str, Any]) -> None:
        self.checked.assign(row, changes)

    def write(self, user: User, edits: dict[int, dict[str, Any]]) -> None:
        edit_events(user, edits, later=self.decisions)

    def lock(self, numbers: Sequence[int]) -> None:
        lock_events(numbers)
