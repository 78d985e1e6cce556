"""Users see the notifications of which they are the recipient, and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.notifications.models import Notification
from apps.visibility.evaluate import visible_rows
from apps.visibility.policy import Check, Policy
from apps.visibility.snapshot import Snapshot

if TYPE_CHECKING:
    from apps.users.models import User


def is_recipient(user: User, notification: Notification) -> bool:
    return notification.recipient_id == user.pk


def policy(viewer: User, snapshot: Snapshot) -> Policy:
    return Policy([Check("recipient", _("Was it sent to the viewer?"), Q(recipient_id=viewer.pk))])


def own(viewer: User) -> QuerySet[Notification]:
    return visible_rows(policy, Notification, viewer)


RULES: dict[str, Callable[[Any, Any], bool]] = {"notifications.change_notification": is_recipient}
SCOPES: dict[type[Model], Callable[[Any], QuerySet[Any]]] = {Notification: own}
