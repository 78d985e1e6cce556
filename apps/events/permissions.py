"""Who may do what with events, and who sees which."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.events.models import Event
from apps.users.permissions import owner_is_active, unblocked
from apps.visibility.evaluate import visible_rows
from apps.visibility.policy import Check, Policy
from apps.visibility.snapshot import Snapshot

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User


def is_host(user: User, event: Event) -> bool:
    return event.host_id == user.pk


def policy(viewer: User | AnonymousUser, snapshot: Snapshot) -> Policy:
    """Events are public; those of hosts who are hidden by a block, or deactivated, are not there."""
    return Policy(
        [
            Check(
                "kept", _("Is it still up, not removed by staff?"), Q(removed_at=None), fixable_by="events.delete_event"
            ),
            owner_is_active("host", snapshot),
            unblocked("host", viewer, snapshot),
        ]
    )


def shown(viewer: User | AnonymousUser) -> QuerySet[Event]:
    return visible_rows(policy, Event, viewer)


RULES: dict[str, Callable[[Any, Any], bool]] = {
    "events.change_event": is_host,
    "events.delete_event": is_host,
}
SCOPES: dict[type[Model], Callable[[Any], QuerySet[Any]]] = {Event: shown}
