"""The messages of rooms as their members see them; a page costs the same however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, overload

from django.db.models import F, QuerySet

from apps.chat.models import Message, MessageQuerySet, Room
from apps.visibility.compiled import compiled
from apps.visibility.slots import each_of

type Payload = dict[str, Any]
"""See `Message.payload`."""


class Timeline(Sequence[Payload]):
    """All messages of some rooms, newest first, to be sliced.

    `seq` has no gap, so it counts them, and the newest `n` of a room are those above its `last_seq - n`.
    """

    def __init__(self, last_seqs: dict[int, int]) -> None:
        self._last_seqs = last_seqs

    def __len__(self) -> int:
        return sum(self._last_seqs.values())

    @overload
    def __getitem__(self, place: int) -> Payload: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Payload]: ...
    def __getitem__(self, place: int | slice) -> Payload | Sequence[Payload]:
        if isinstance(place, int):
            return self[place : place + 1][0]
        if len(self._last_seqs) == 1:
            [(room, last)] = self._last_seqs.items()
            return before(room, last - place.start + 1, place.stop - place.start)
        return _payloads(_newest(list(self._last_seqs), place.stop)[place])


def before(room_id: int, seq: int, limit: int) -> list[Payload]:
    """The nearest messages below `seq`, newest first."""
    return _payloads(_before(room_id, seq)[:limit])


def after(room_id: int, seq: int, limit: int) -> list[Payload]:
    """The nearest messages above `seq`, in the order in which they were sent."""
    return _payloads(_after(room_id, seq)[:limit])


@compiled()
def _newest(rooms: list[int], reach: int) -> MessageQuerySet:
    """Among the newest `reach` messages of each room are the newest `reach` of all."""
    return _shown().filter(room__in=each_of(rooms), seq__gt=F("room__last_seq") - reach).newest_first()


@compiled()
def _before(room: int, seq: int) -> QuerySet[Message]:
    return _shown().filter(room=room, seq__lt=seq).order_by("-seq")


@compiled()
def _after(room: int, seq: int) -> QuerySet[Message]:
    return _shown().filter(room=room, seq__gt=seq).order_by("seq")


def last_seqs(room_ids: Iterable[int]) -> dict[int, int]:
    """The number of the last message of each room, in one query."""
    return dict(Room.objects.filter(pk__in=list(room_ids)).values_list("pk", "last_seq"))


def _shown() -> MessageQuerySet:
    """With what `payload` reads, and no more."""
    names = ("room__name", "sender__username")
    return Message.objects.with_names().only(
        "room", "sender", "seq", "text", "client_id", "sent_at", "removed_at", *names
    )


def _payloads(messages: Iterable[Message]) -> list[Payload]:
    return [message.payload() for message in messages]
