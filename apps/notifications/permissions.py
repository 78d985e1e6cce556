"""Everybody has their own notifications, and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.notifications.models import Notification
from apps.visibility.policy import Check, Policy, World, standing

if TYPE_CHECKING:
    from apps.users.models import User


def is_recipient(user: User, notification: Notification) -> bool:
    return notification.recipient_id == user.pk


def policy(viewer: User, world: World) -> Policy:
    return Policy([Check("recipient", _("Was it sent to the viewer?"), Q(recipient_id=viewer.pk))])


def own(viewer: User) -> QuerySet[Notification]:
    return standing(policy, Notification, viewer)


RULES: dict[str, Callable[[Any, Any], bool]] = {"notifications.change_notification": is_recipient}
SCOPES: dict[type[Model], Callable[[Any], QuerySet[Any]]] = {Notification: own}
