"""What all parts of the demo share: its clock, its dice, its users, and how rows get their past."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Protocol, cast

from django.db import models
from django.utils import timezone

from apps.audit.actions import Action
from apps.audit.history import bulk_create_as, bulk_update_as
from apps.notifications.models import Kind, Notification
from apps.notifications.texts import text_of
from apps.review.models import Notice
from apps.users.models import User
from demo.bulk import Stored, store

ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "application/pdf": "pdf"}


@dataclass
class Scenario:
    random: Random = field(default_factory=lambda: Random("infloo"))
    now: datetime = field(default_factory=timezone.now)
    users: dict[str, User] = field(default_factory=dict)
    """All users by their names, staff too."""
    notifications: list[Notification] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def __getitem__(self, username: str) -> User:
        return self.users[username]

    @property
    def clients(self) -> list[User]:
        return [user for user in self.users.values() if not user.is_staff]

    @property
    def verified(self) -> list[User]:
        return [user for user in self.clients if user.identity_verified]

    def ago(self, **span: float) -> datetime:
        return self.now - timedelta(**span)

    def between(self, earlier: timedelta, later: timedelta) -> datetime:
        """Some time that long ago."""
        return self.now - later - (earlier - later) * self.random.random()

    def store(self, folder: str, media_type: str, content: bytes) -> Stored:
        name = f"{folder}/{self.random.randbytes(16).hex()}.{ENDINGS[media_type]}"
        return store(name, media_type, content)

    def notify(
        self, recipient: User, kind: Kind, at: datetime, *, about: models.Model | None = None, **details: str
    ) -> None:
        """What the service of the action would have sent; `send_notifications` writes it."""
        is_read = self.now - at > timedelta(days=3) or self.random.random() < 0.3
        self.notifications.append(
            Notification(
                recipient=recipient,
                kind=kind,
                text=text_of(kind, **details),
                target_kind=about._meta.model_name or "" if about is not None else "",
                target_id=about.pk if about is not None else None,
                is_read=is_read,
                read_at=at + (self.now - at) * self.random.random() if is_read else None,
                created_at=at,
            )
        )

    def send_notifications(self) -> None:
        """To users and staff, oldest first: lists are in the order of their IDs."""
        Notification.objects.bulk_create(sorted(self.notifications, key=lambda row: row.created_at))
        Notice.objects.bulk_create(sorted(self.notices, key=lambda row: row.created_at))


def create[M: models.Model](
    objs: Sequence[M], *, by: Callable[[M], User | None], at: Callable[[M], datetime], action: Action, note: str = ""
) -> list[M]:
    """Write rows with their first version, oldest first."""
    ordered = sorted(objs, key=at)
    _date(ordered, at)
    return bulk_create_as(by, ordered, action=action, note=note)


def change[M: models.Model](
    objs: Sequence[M],
    fields: Sequence[str],
    *,
    by: Callable[[M], User | None],
    at: Callable[[M], datetime],
    action: Action,
    note: str = "",
) -> None:
    """Write changed fields with the version that they make."""
    _date(objs, at)
    bulk_update_as(by, objs, fields, action=action, note=note)


class Dated(Protocol):
    """A row that says when its next version was made, as simple-history reads it."""

    _history_date: datetime


def _date[M: models.Model](objs: Sequence[M], at: Callable[[M], datetime]) -> None:
    for obj in objs:
        cast(Dated, obj)._history_date = at(obj)
