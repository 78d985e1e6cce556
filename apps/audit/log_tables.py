"""The tables that the audit log is read from: the entries, and the versions of every model with history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import models

from apps.access import may
from apps.audit.models import Entry
from apps.audit.versions import Version

if TYPE_CHECKING:
    from apps.users.models import User

NOT_CONCERNED = {"decider", "assigned_to"}
"""Foreign keys to users that name staff, beside those that end with "_by"."""
VIEWED_WITH = {
    "chat.membership": "chat.view_message",
    "chat.room": "chat.view_message",
    "events.participation": "events.view_event",
    "moderation.appeal": "moderation.view_report",
    "moderation.case": "moderation.view_report",
    "moderation.strike": "moderation.view_report",
    "users.block": "users.view_user",
    "users.follow": "users.view_user",
    "users.suspension": "users.view_user",
}
"""The permission to view what has none of its own, by model; of others "app.view_model"."""


@dataclass(frozen=True, slots=True)
class LogTable:
    """A table that lines come from."""

    label: str
    """Of the model that the versions are of, such as "users.document"; of entries "audit.entry"."""
    model: type[models.Model]
    is_history: bool

    @property
    def tracked(self) -> type[models.Model]:
        """The model that the versions are of."""
        model: Any = self.model
        return model.instance_type if self.is_history else model


@cache
def log_tables() -> tuple[LogTable, ...]:
    histories: Iterator[Any] = (model for model in apps.get_models() if issubclass(model, Version))
    found = [LogTable(model.instance_type._meta.label_lower, model, is_history=True) for model in histories]
    return tuple(sorted((LogTable(Entry._meta.label_lower, Entry, is_history=False), *found), key=_by_label))


def _by_label(source: LogTable) -> str:
    return source.label


@cache
def concerned_by(model: type[models.Model]) -> tuple[str, ...]:
    """The fields of a model that name whom a row concerns, such as its owner; the key of a user itself."""
    user = get_user_model()
    if issubclass(model, user):
        return ("id",)
    return tuple(
        field.name
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey)
        and field.related_model is user
        and not field.name.endswith("_by")
        and field.name not in NOT_CONCERNED
    )


def person_of(row: models.Model | None) -> int | None:
    """The id of the user whom a row concerns, the first where it stands between two."""
    # The class, and not the type: the user of a request is a lazy object.
    fields = () if row is None else concerned_by(row.__class__)
    return row.serializable_value(fields[0]) if row is not None and fields else None


@cache
def owner_fields(model: type[models.Model]) -> tuple[str, ...]:
    """Those of `concerned_by` that say whose row it is, which is no secret; where a row stands between two users, such
    as a connection, who they are is one."""
    fields = concerned_by(model)
    return fields if len(fields) < 2 else tuple(name for name in fields if name == "author")


def closed_to(viewer: User) -> frozenset[str]:
    """The labels of the models that `viewer` may not view: what end users did there is shown without the user."""
    if viewer.is_superuser:
        return frozenset()
    labels = [source.label for source in log_tables() if source.is_history]
    return frozenset(label for label in labels if not may(viewer, VIEWED_WITH.get(label) or _view(label)))


def _view(label: str) -> str:
    app, _dot, name = label.partition(".")
    return f"{app}.view_{name}"


@cache
def names_of(label: str) -> tuple[str, ...]:
    """The labels under which entries name rows of a model: its own, and those of its proxies."""
    concrete = apps.get_model(label)._meta.concrete_model
    return tuple(model._meta.label_lower for model in apps.get_models() if model._meta.concrete_model is concrete)
