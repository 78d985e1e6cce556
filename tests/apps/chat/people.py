"""Alice and Bob, who are connected, and what they say."""

from __future__ import annotations

from django.utils import timezone

from apps.chat.models import Room
from apps.chat.services import open_room, send_message
from apps.connections.models import Connection
from apps.users.models import User


def connect(one: User, other: User) -> Connection:
    return Connection.objects.create(
        sender=one, receiver=other, status=Connection.Status.ACCEPTED, responded_at=timezone.now()
    )


def room_of(one: User, other: User) -> Room:
    """Their room; connects them where they are not yet."""
    if not Connection.objects.between(one.pk, other.pk).exists():
        connect(one, other)
    return open_room(one, other.pk)[0]


def say(sender: User, room: Room, *texts: str) -> None:
    for text in texts:
        send_message(sender, room.name, text=text)
