"""Who sees which rooms and messages: their members, as long as no block stands between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from django.db.models import Model, QuerySet

from apps.chat.models import Membership, Message, Room
from apps.connections.permissions import connected_ids

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User


def joined(viewer: User | AnonymousUser) -> QuerySet[Room]:
    """Still readable when the connection has ended, but not after a block."""
    own = Membership.objects.unblocked().filter(user=viewer.pk)
    return Room.objects.filter(pk__in=own.values("room"))


def messages_shown(viewer: User | AnonymousUser) -> QuerySet[Message]:
    return Message.objects.filter(room__in=joined(viewer))


def may_write(user: User, room: Room) -> bool:
    """Whether `user` is connected to everybody else in the room."""
    others = Membership.objects.filter(room=room).exclude(user=user)
    return not others.exclude(user__in=connected_ids(user)).exists()


def still_members(places: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """Of these pairs of room and person, those who may be there. One query, however many."""
    wanted = set(places)
    rooms, people = {room for room, _ in wanted}, {person for _, person in wanted}
    found = Membership.objects.unblocked().filter(room__in=rooms, user__in=people).values_list("room_id", "user_id")
    return wanted & set(found)


SCOPES: dict[type[Model], Callable[[Any], QuerySet[Any]]] = {Room: joined, Message: messages_shown}
