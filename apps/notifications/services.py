"""Notifies users: the row in the transaction of the change itself; open sockets on commit."""

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
from apps.notifications.models import Kind, Notification, NotificationQuerySet
from apps.notifications.texts import text_of
from apps.visibility.compiled import Listing, compiled

if TYPE_CHECKING:
    from apps.users.models import User

BATCH = 1000


def notify(recipient_id: int, kind: Kind, *, about: models.Model | None = None, **context: str) -> Notification:
    """Notify one user. `about` is the object that the notification links to; `context` fills in its text."""
    [notification] = notify_all([recipient_id], kind, about=about, **context)
    return notification


def notify_all(
    recipient_ids: Iterable[int], kind: Kind, *, about: models.Model | None = None, **context: str
) -> list[Notification]:
    """Notify many users of the same, each in their language."""
    recipient_ids = list(recipient_ids)
    languages = dict(get_user_model()._default_manager.filter(pk__in=recipient_ids).values_list("pk", "language"))
    texts = {}
    for language in set(languages.values()):
        with override(language):
            texts[language] = text_of(kind, **context)
    notifications = Notification.objects.bulk_create(
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
    for notification in notifications:
        # Only the id: each open socket reads the row, and the number of unread ones, from the database.
        pubsub.publish(f"person.{notification.recipient_id}", {"type": "notification", "id": notification.pk})
    return notifications


def notifications_of(user: User, *, unread: bool | None = None) -> Listing[Notification]:
    """The notifications of `user`, newest first: all, only the unread, or only the read."""
    return _notifications(user, unread=unread)


@compiled(unread=(None, True, False))
def _notifications(viewer: User, *, unread: bool | None) -> models.QuerySet[Notification]:
    rows = visible(viewer, Notification, NotificationQuerySet)
    if unread is not None:
        rows = rows.filter(is_read=not unread)
    return rows.newest_first()


@transaction.atomic
def mark_read(user: User, notification_id: int) -> Notification:
    """Mark one as read; idempotent. Raises `Absent`, for those of other users as well."""
    notification = visible(user, Notification).select_for_update(of=("self",)).filter(pk=notification_id).first()
    if notification is None:
        raise Absent("not-found", _("There is no such notification."))
    require(user, "notifications.change_notification", notification)
    if not notification.is_read:
        notification.is_read, notification.read_at = True, timezone.now()
        notification.save(update_fields=["is_read", "read_at"])
    return notification


def mark_all_read(user: User) -> int:
    """Mark all as read; returns how many were unread."""
    return _notifications.build(user, unread=True).update(is_read=True, read_at=timezone.now())


def unread_count(user: User) -> int:
    return notifications_of(user, unread=True).count()
