"""Rooms and their messages. A message is stored first, and published to open sockets after the commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.access import require, visible
from apps.audit.actions import Action
from apps.audit.history import bulk_create_as, save_as
from apps.chat.models import Membership, Message, Room, RoomQuerySet, direct_key
from apps.chat.permissions import joined
from apps.chat.timeline import Timeline
from apps.chat.writing import Draft, Outcome, write
from apps.connections.permissions import are_connected
from apps.errors import Absent, DomainError, Invalid, Refused
from apps.infra import pubsub
from apps.review.decisions.removal import remove_as, restore_as
from apps.users.models import User
from apps.visibility.compiled import compiled

type Answer = tuple[Message, bool] | DomainError
"""A message that was sent, and whether it is new; or why it was not sent."""


def rooms_of(viewer: User) -> RoomQuerySet:
    """The rooms of `viewer` with all that a list shows of them, those with the latest messages first."""
    rooms = visible(viewer, Room, RoomQuerySet)
    return rooms.with_people().with_last_message(viewer).with_unread(viewer).latest_first()


def room_named(viewer: User, name: str) -> Room:
    """The room by its name. Raises `Absent`, also where `viewer` is no member."""
    room = _room(viewer, name).first()
    if room is None:
        raise _no_room()
    return room


@compiled()
def _room(viewer: User, name: str) -> QuerySet[Room]:
    return visible(viewer, Room).filter(name=name)


def timeline_of(viewer: User, room_name: str | None = None) -> Timeline:
    """The messages of all rooms of `viewer`, or of one. Raises `Absent` where they are no member of that."""
    if room_name is not None:
        room = room_named(viewer, room_name)
        return Timeline({room.pk: room.last_seq})
    return Timeline(dict(_last_seqs(viewer)))


@compiled()
def _last_seqs(viewer: User) -> QuerySet[Room, tuple[int, int]]:
    return visible(viewer, Room).values_list("pk", "last_seq")


def enter_room(user: User, name: str) -> Room:
    """The room, to subscribe to. Raises `Absent` where `user` is no member, `Refused` after a block."""
    room = Room.objects.filter(name=name, memberships__user=user).first()
    if room is None:
        raise _no_room()
    if not joined(user).filter(pk=room.pk).exists():
        raise Refused("blocked", _("This conversation is closed."))
    return room


@transaction.atomic
def open_room(actor: User, participant_id: int) -> tuple[Room, bool]:
    """The room of two connected users, and whether it has just been created.

    Raises `Absent` for a user whom `actor` may not see, `Refused` while the two are not connected.
    """
    room, made = _room_with(actor, participant_id, field="participant")
    return rooms_of(actor).get(pk=room.pk), made


def _room_with(actor: User, person_id: int, *, field: str) -> tuple[Room, bool]:
    if person_id == actor.pk:
        raise Invalid("oneself", _("Choose another user to talk to."), field=field)
    if not visible(actor, User).filter(pk=person_id).exists():
        raise Absent("not-found", _("There is no such person."))
    if not are_connected(actor.pk, person_id):
        raise _not_connected()
    key = direct_key(actor.pk, person_id)
    room = Room.objects.filter(direct_key=key).first()
    if room is not None:
        return room, False
    try:
        with transaction.atomic():
            room = save_as(actor, Room(direct_key=key), action=Action.ROOM_OPENED)
            members = [Membership(room=room, user_id=member) for member in (actor.pk, person_id)]
            bulk_create_as(actor, members, action=Action.ROOM_OPENED)
    except IntegrityError:
        return Room.objects.get(direct_key=key), False  # created by the other member at the same time
    return room, True


@transaction.atomic
def send_message(
    sender: User, room_name: str | None = None, *, receiver_id: int | None = None, text: str, client_id: str = ""
) -> tuple[Message, bool]:
    """Send a message to a room, or to a connected user. Returns it, and whether it is new.

    The same `client_id` of the same sender in the same room returns the first message again. Raises `Absent` where
    `sender` is no member, `Refused` while the two are not connected, `Invalid` for an empty or too long text.
    """
    draft = Draft(sender, room_name or "", text, client_id)
    if receiver_id is not None:
        draft = replace(draft, room_name=_room_with(sender, receiver_id, field="receiver")[0].name)
    [answer] = send_messages([draft])
    if isinstance(answer, DomainError):
        raise answer
    return answer


@transaction.atomic
def send_messages(drafts: Sequence[Draft]) -> list[Answer]:
    """Send messages in this order, in one transaction, and return for each what `send_message` would return or raise.

    The messages of a room take turns, which is what keeps `seq` without a gap; a sender has read all earlier ones.
    """
    # Said twice with one `client_id` among these, it is one message, too.
    keys = [(draft.sender.pk, draft.room_name, draft.client_id or n) for n, draft in enumerate(drafts)]
    distinct: dict[tuple[Any, ...], Draft] = {}
    for key, draft in zip(keys, drafts, strict=True):
        distinct.setdefault(key, draft)
    outcomes = dict(zip(distinct, write(list(distinct.values())), strict=True))
    for outcome in outcomes.values():
        if outcome.message is not None and outcome.is_new:
            pubsub.publish(_group(outcome.message.room_id), {"type": "message", **outcome.message.payload()})
    return [_answer(outcomes[key], is_first=distinct[key] is draft) for key, draft in zip(keys, drafts, strict=True)]


def _answer(outcome: Outcome, *, is_first: bool) -> Answer:
    if outcome.message is None:
        return _not_connected() if outcome.is_member else _no_room()
    return outcome.message, outcome.is_new and is_first


def mark_read(actor: User, room_name: str, up_to: int) -> None:
    """Record that `actor` has read the messages up to that number; a lower number changes nothing."""
    room = room_named(actor, room_name)
    up_to = min(up_to, room.last_seq)
    own = Membership.objects.filter(room=room, user=actor, read_up_to__lt=up_to)
    if own.update(read_up_to=up_to):
        pubsub.publish(_group(room.pk), {"type": "read", "room": room.name, "sender": actor.username, "up_to": up_to})


def publish_typing(actor: User, room_name: str) -> None:
    """Publish to the room that `actor` is typing. It is not stored."""
    room = room_named(actor, room_name)
    pubsub.publish(_group(room.pk), {"type": "typing", "room": room.name, "sender": actor.username})


# --- Staff -----------------------------------------------------------------------------------------------------------


def remove_message(actor: User, message_id: int, *, reason: str = "", batch: UUID | None = None) -> Message:
    """Hide the text at every entry point. Raises `Conflict` where that has happened already."""
    return _decide(actor, message_id, remove_as, reason, batch)


def restore_message(actor: User, message_id: int, *, reason: str = "", batch: UUID | None = None) -> Message:
    """Restore what was hidden."""
    return _decide(actor, message_id, restore_as, reason, batch)


@transaction.atomic
def _decide(actor: User, message_id: int, action: Callable[..., Any], reason: str, batch: UUID | None) -> Message:
    message = Message.objects.select_for_update(of=("self",)).filter(pk=message_id).first()
    if message is None:
        raise Absent("not-found", _("There is no such message."))
    require(actor, "chat.delete_message", message)
    action(actor, message, subject_id=message.sender_id, named={"thing": "message"}, reason=reason, batch=batch)
    return message


# --- Shared ----------------------------------------------------------------------------------------------------------


def _group(room_id: int) -> str:
    return f"room.{room_id}"


def _no_room() -> Absent:
    return Absent("not-found", _("There is no such room."))


def _not_connected() -> Refused:
    return Refused("not-connected", _("Only people who are connected can write to each other."))
