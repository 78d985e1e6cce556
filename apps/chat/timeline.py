"""What was said, newest first, read at the cost of what is asked for, however much there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from django.db.models import F, QuerySet

from apps.chat.models import Message, Room


class Timeline(Sequence[Message]):
    """All messages of `rooms`, to be sliced.

    `seq` has no gap, so it counts them, and the newest `n` of a room are those above its `last_seq - n`.
    """

    def __init__(self, rooms: QuerySet[Room]) -> None:
        self._last = dict(rooms.values_list("pk", "last_seq"))

    def __len__(self) -> int:
        return sum(self._last.values())

    @overload
    def __getitem__(self, place: int) -> Message: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Message]: ...
    def __getitem__(self, place: int | slice) -> Message | Sequence[Message]:
        if isinstance(place, int):
            return self[place : place + 1][0]
        messages = Message.objects.with_names()
        if len(self._last) == 1:
            [(room, last)] = self._last.items()
            part = messages.filter(room=room, seq__gt=last - place.stop, seq__lte=last - place.start)
            return list(part.order_by("-seq"))
        newest = messages.filter(room__in=list(self._last), seq__gt=F("room__last_seq") - place.stop)
        return list(newest.newest_first()[place])


def before(room: Room, seq: int, limit: int) -> list[Message]:
    """The nearest messages below `seq`, newest first."""
    return list(Message.objects.with_names().filter(room=room, seq__lt=seq).order_by("-seq")[:limit])


def after(room_id: int, seq: int, limit: int) -> list[Message]:
    """The nearest messages above `seq`, in the order in which they were sent."""
    return list(Message.objects.with_names().filter(room=room_id, seq__gt=seq).order_by("seq")[:limit])


def last_seqs(room_ids: Sequence[int]) -> dict[int, int]:
    """How far each of the rooms has come."""
    return dict(Room.objects.filter(pk__in=room_ids).values_list("pk", "last_seq"))
