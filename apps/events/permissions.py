"""Who may do what with events, and who sees which."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db.models import Model, QuerySet

from apps.events.models import Event
from apps.users.permissions import hidden_from, switched_off

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User


def is_host(user: User, event: Event) -> bool:
    return event.host_id == user.pk


def shown(viewer: User | AnonymousUser) -> QuerySet[Event]:
    """Events are public; those of hosts who are hidden by a block, or switched off, are not there."""
    return Event.objects.kept().exclude(host__in=switched_off()).exclude(host__in=hidden_from(viewer))


RULES: dict[str, Callable[[Any, Any], bool]] = {
    "events.change_event": is_host,
    "events.delete_event": is_host,
}
SCOPES: dict[type[Model], Callable[[Any], QuerySet[Any]]] = {Event: shown}
