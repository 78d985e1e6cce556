"""What is new for people who have a socket open."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from apps.notifications.models import Notification


def ids_since(recipient_ids: Collection[int], since: datetime) -> list[tuple[int, int]]:
    """Recipient and id of all that these people were told after `since`, oldest first. One query."""
    found = Notification.objects.filter(recipient__in=recipient_ids, created_at__gt=since)
    return list(found.order_by("id").values_list("recipient_id", "pk"))


def read(recipient_id: int, ids: Collection[int]) -> tuple[list[Notification], int]:
    """Those of these notifications that are this person's, oldest first, and how many of all are unread."""
    own = Notification.objects.filter(recipient=recipient_id)
    return list(own.filter(pk__in=ids).order_by("id")), own.unread().count()
