"""Telling people things: the row first, in the transaction of what it tells of; open sockets hear on commit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from apps.access import require, visible
from apps.errors import Absent
from apps.infra import pubsub
from apps.notifications.models import Kind, Notification
from apps.notifications.texts import text_of

if TYPE_CHECKING:
    from apps.users.models import User

BATCH = 1000


def notify(recipient_id: int, kind: Kind, *, about: models.Model | None = None, **facts: str) -> Notification:
    """Tell one person. `about` is what the notification leads to; `facts` are what `texts.py` words it with."""
    [notification] = notify_all([recipient_id], kind, about=about, **facts)
    return notification


def notify_all(
    recipient_ids: Iterable[int], kind: Kind, *, about: models.Model | None = None, **facts: str
) -> list[Notification]:
    """Tell many people the same, each in their language, however many they are."""
    recipient_ids = list(recipient_ids)
    languages = dict(get_user_model()._default_manager.filter(pk__in=recipient_ids).values_list("pk", "language"))
    texts = {}
    for language in set(languages.values()):
        with override(language):
            texts[language] = text_of(kind, **facts)
    told = Notification.objects.bulk_create(
        [
            Notification(
                recipient_id=recipient_id,
                kind=kind,
                text=texts[languages[recipient_id]],
                target_kind=str(about._meta.model_name) if about is not None else "",
                target_id=about.pk if about is not None else None,
            )
            for recipient_id in recipient_ids
        ],
        batch_size=BATCH,
    )
    for notification in told:
        # Only the number: whoever has a socket open reads the row, and how much is unread, from the database.
        pubsub.publish(f"person.{notification.recipient_id}", {"type": "notification", "id": notification.pk})
    return told


def notifications_of(user: User, *, unread: bool | None = None) -> models.QuerySet[Notification]:
    """One's own, newest first: all, only those unread, or only those read."""
    rows = visible(user, Notification)
    if unread is not None:
        rows = rows.filter(is_read=not unread)
    return rows.newest_first()  # type: ignore[attr-defined]


@transaction.atomic
def mark_read(user: User, notification_id: int) -> Notification:
    """Mark one as read. Twice is once."""
    notification = visible(user, Notification).select_for_update(of=("self",)).filter(pk=notification_id).first()
    if notification is None:
        raise Absent("not-found", _("There is no such notification."))
    require(user, "notifications.change_notification", notification)
    if not notification.is_read:
        notification.is_read, notification.read_at = True, timezone.now()
        notification.save(update_fields=["is_read", "read_at"])
    return notification


def mark_all_read(user: User) -> int:
    """Mark all that a person has as read; how many were not."""
    return notifications_of(user, unread=True).update(is_read=True, read_at=timezone.now())


def unread_count(user: User) -> int:
    return notifications_of(user, unread=True).count()
