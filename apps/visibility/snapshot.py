"""The state of the database that visibility is evaluated on: live, or as of a time, from history."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.utils import timezone


class Snapshot(Protocol):
    """Where checks look up rows: as they are now, or as they were at a time."""

    @property
    def now(self) -> datetime: ...

    def of(self, model: type[Model]) -> QuerySet[Any]:
        """The rows of `model`. Their key is `id`, never `pk`, which history has for itself."""
        ...


class Live:
    """The rows as they are now."""

    @property
    def now(self) -> datetime:
        return timezone.now()

    def of(self, model: type[Model]) -> QuerySet[Any]:
        return model._default_manager.all()


class AsOf:
    """The rows as they were at `now`, from history; of models without one, the rows that existed by then.

    Raises `ValueError` for a time in the future.
    """

    def __init__(self, now: datetime, created: dict[type[Model], str]) -> None:
        if now > timezone.now():
            raise ValueError("A snapshot cannot be of the future.")
        self.now = now
        self.created = created
        """Of models whose rows never change in what is checked: the field with the time of creation."""

    def of(self, model: type[Model]) -> QuerySet[Any]:
        if field := self.created.get(model):
            return model._default_manager.filter(**{f"{field}__lte": self.now})
        # Not `as_of`, which takes both of two versions that were made at the same instant; the later one counts.
        tracked: Any = model
        history = tracked.history
        later = Q(history_date__gt=OuterRef("history_date")) | Q(
            history_date=OuterRef("history_date"), history_id__gt=OuterRef("history_id")
        )
        superseded = history.filter(later, id=OuterRef("id"), history_date__lte=self.now)
        return history.filter(~Exists(superseded), history_date__lte=self.now).as_instances()


LIVE = Live()


def live_for(viewer: Any) -> Snapshot:
    """The rows as they are now, for a viewer; for one who stands for all, while a query is compiled, with time open."""
    snapshot: Snapshot = getattr(viewer, "snapshot", LIVE)
    return snapshot
