"""New notifications for users with an open socket."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from apps.notifications.models import Notification


def ids_since(recipient_ids: Collection[int], since: datetime) -> list[tuple[int, int]]:
    """Recipient and id of the notifications to these users after `since`, oldest first. One query."""
    found = Notification.objects.filter(recipient__in=recipient_ids, created_at__gt=since)
    return list(found.order_by("id").values_list("recipient_id", "pk"))


def own_and_unread(recipient_id: int, ids: Collection[int]) -> tuple[list[Notification], int]:
    """The notifications among `ids` that are the recipient's own, oldest first, and the number of all unread ones."""
    own = Notification.objects.filter(recipient=recipient_id)
    return list(own.filter(pk__in=ids).order_by("id")), own.unread().count()
