"""Everybody has their own notifications, and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db.models import Model, QuerySet

from apps.notifications.models import Notification

if TYPE_CHECKING:
    from apps.users.models import User


def is_recipient(user: User, notification: Notification) -> bool:
    return notification.recipient_id == user.pk


def own(viewer: User) -> QuerySet[Notification]:
    return Notification.objects.filter(recipient_id=viewer.pk)


RULES: dict[str, Callable[[Any, Any], bool]] = {"notifications.change_notification": is_recipient}
SCOPES: dict[type[Model], Callable[[Any], QuerySet[Any]]] = {Notification: own}
