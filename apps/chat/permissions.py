"""Who sees which rooms and messages: their members, as long as no member has blocked them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.db.models.expressions import Combinable
from django.utils.translation import gettext_lazy as _

from apps.chat.models import Membership, Message, Room
from apps.connections.models import Connection
from apps.users.permissions import hidden_from
from apps.visibility.evaluate import visible_rows
from apps.visibility.policy import Check, Policy
from apps.visibility.snapshot import Snapshot

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User


def policy(viewer: User | AnonymousUser, snapshot: Snapshot) -> Policy:
    """Still readable when the connection has ended, but not after a block."""
    return Policy(_membership("id", viewer, snapshot))


def message_policy(viewer: User | AnonymousUser, snapshot: Snapshot) -> Policy:
    """As its room. One that staff removed keeps its place, without its text."""
    return Policy(_membership("room_id", viewer, snapshot))


def _membership(room: str, viewer: User | AnonymousUser, snapshot: Snapshot) -> list[Check]:
    memberships = snapshot.of(Membership)
    own = memberships.filter(user_id=viewer.pk).values_list("room_id", flat=True)
    # Asked of each room: for one list of all hidden users the planner would read all memberships.
    with_hidden = memberships.filter(room_id=OuterRef(room), user__in=hidden_from(viewer, snapshot))
    return [
        Check("member", _("Is the viewer a member of the room?"), Q(**{f"{room}__in": own})),
        Check(
            "unblocked",
            _("Has no member of the room blocked the viewer, or been blocked?"),
            ~Q(Exists(with_hidden)),
        ),
    ]


def joined(viewer: User | AnonymousUser) -> QuerySet[Room]:
    return visible_rows(policy, Room, viewer)


def messages_shown(viewer: User | AnonymousUser) -> QuerySet[Message]:
    return visible_rows(message_policy, Message, viewer)


def may_write(user: User) -> Combinable:
    """The condition on a room that `user` is connected to all its other members."""
    connections = Connection.objects.between(user.pk, cast(int, OuterRef("user_id"))).accepted()
    strangers = Membership.objects.filter(~Exists(connections), room=OuterRef("pk")).exclude(user_id=user.pk)
    return ~Exists(strangers)


def still_members(places: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """Of these pairs of room and person, those who may be there. One query, however many."""
    wanted = set(places)
    rooms, people = {room for room, _person in wanted}, {person for _room, person in wanted}
    found = Membership.objects.unblocked().filter(room__in=rooms, user__in=people).values_list("room_id", "user_id")
    return wanted & set(found)


SCOPES: dict[type[Model], Callable[[Any], QuerySet[Any]]] = {Room: joined, Message: messages_shown}
