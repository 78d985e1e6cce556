"""Rooms and their messages. A message is stored first, and published to open sockets after the commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.access import require, visible
from apps.audit.actions import Action
from apps.audit.history import bulk_create_as, save_as
from apps.chat.models import LONGEST_MESSAGE, Membership, Message, Room, RoomQuerySet, direct_key
from apps.chat.permissions import joined, may_write
from apps.chat.timeline import Timeline
from apps.connections.permissions import are_connected
from apps.errors import Absent, Invalid, Refused
from apps.infra import pubsub
from apps.review.decisions.removal import remove_as, restore_as
from apps.users.models import User
from apps.visibility.compiled import compiled


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
    _check_text(text)
    if receiver_id is not None:
        room_name = _room_with(sender, receiver_id, field="receiver")[0].name
    # Messages of a room take turns, which is what keeps `seq` without a gap.
    room = visible(sender, Room).select_for_update(of=("self",)).filter(name=room_name).first()
    if room is None:
        raise _no_room()
    if client_id and (first := _sent_already(room, sender, client_id)):
        return first, False
    if not may_write(sender, room):
        raise _not_connected()
    return _store(room, sender, text, client_id), True


def _sent_already(room: Room, sender: User, client_id: str) -> Message | None:
    return Message.objects.with_names().filter(room=room, sender=sender, client_id=client_id).first()


# In one round trip, compiled once rather than for each message. The sender has read all earlier messages.
COUNT_MESSAGE = f"""
    WITH counted AS (
        UPDATE {Room._meta.db_table} SET last_seq = %(seq)s, last_message_at = %(now)s WHERE id = %(room)s
    )
    UPDATE {Membership._meta.db_table} SET read_up_to = %(seq)s WHERE room_id = %(room)s AND user_id = %(sender)s
"""  # noqa: S608


def _store(room: Room, sender: User, text: str, client_id: str) -> Message:
    seq, now = room.last_seq + 1, timezone.now()
    message = Message(room=room, seq=seq, sender=sender, text=text, client_id=client_id, sent_at=now)
    Message.objects.bulk_create([message])  # as such it makes no version; only a removal does
    with connection.cursor() as cursor:
        cursor.execute(COUNT_MESSAGE, {"seq": seq, "now": now, "room": room.pk, "sender": sender.pk})
    pubsub.publish(_group(room), {"type": "message", **message.payload()})
    return message


def mark_read(actor: User, room_name: str, up_to: int) -> None:
    """Record that `actor` has read the messages up to that number; a lower number changes nothing."""
    room = room_named(actor, room_name)
    up_to = min(up_to, room.last_seq)
    own = Membership.objects.filter(room=room, user=actor, read_up_to__lt=up_to)
    if own.update(read_up_to=up_to):
        pubsub.publish(_group(room), {"type": "read", "room": room.name, "sender": actor.username, "up_to": up_to})


def publish_typing(actor: User, room_name: str) -> None:
    """Publish to the room that `actor` is typing. It is not stored."""
    room = room_named(actor, room_name)
    pubsub.publish(_group(room), {"type": "typing", "room": room.name, "sender": actor.username})


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


def _check_text(text: str) -> None:
    if not text.strip():
        raise Invalid("blank", _("Write something."), field="message")
    if len(text) > LONGEST_MESSAGE:
        limit = {"limit": LONGEST_MESSAGE}
        raise Invalid("too-long", _("A message has at most %(limit)d characters.") % limit, field="message")


def _group(room: Room) -> str:
    return f"room.{room.pk}"


def _no_room() -> Absent:
    return Absent("not-found", _("There is no such room."))


def _not_connected() -> Refused:
    return Refused("not-connected", _("Only people who are connected can write to each other."))
