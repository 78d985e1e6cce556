"""Messages of sockets are stored several at a time, in the order in which they came."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from django.db import DataError, OperationalError, transaction

from api.realtime import batches
from api.realtime.batches import AT_ONCE, Batches
from apps.chat.models import Message, Room
from apps.chat.writing import Draft
from apps.errors import Absent
from apps.infra.limits import TooMany
from tests.apps.chat.people import room_of
from tests.people import alice, bob, carol

pytestmark = pytest.mark.django_db(transaction=True)


class Line:
    """Batches of one event loop, and what was published by them."""

    def __init__(self) -> None:
        self.published: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.batches = Batches(self._run, lambda message: self.published.append(message.text))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def send(self, *drafts: Draft) -> list[Any]:
        return await asyncio.gather(*map(self.batches.send, drafts), return_exceptions=True)


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many messages were stored at a time."""
    sizes: list[int] = []
    send = batches.services.send_messages

    def counted(drafts: list[Draft]) -> Any:
        sizes.append(len(drafts))
        return send(drafts)

    monkeypatch.setattr(batches.services, "send_messages", counted)
    return sizes


def sent(*drafts: Draft) -> tuple[list[Any], list[str]]:
    """The answers to drafts that come at once, and what was published."""

    async def run() -> tuple[list[Any], list[str]]:
        line = Line()
        return await line.send(*drafts), line.published

    return asyncio.run(run())


def stored(room: Room) -> list[str]:
    return list(Message.objects.filter(room=room).order_by("seq").values_list("text", flat=True))


def test_messages_that_come_at_once_are_stored_together_in_order(sizes: list[int]) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    texts = [str(number) for number in range(3 * AT_ONCE)]
    answers, published = sent(*(Draft(a, room.name, text) for text in texts))
    assert [(message.text, is_new) for message, is_new in answers] == [(text, True) for text in texts]
    assert published == texts == stored(room)
    # The first waits for nothing.
    assert sizes == [1, AT_ONCE, AT_ONCE, AT_ONCE - 1]


def test_only_what_is_new_is_published() -> None:
    a, b, c = alice(), bob(), carol()
    room = room_of(a, b)
    answers, published = sent(
        Draft(a, room.name, "one", "c1"),
        Draft(a, room.name, "one", "c1"),
        Draft(c, room.name, "two"),
        Draft(b, room.name, "three"),
    )
    assert [answers[0][1], answers[1][1], answers[3][1]] == [True, False, True]
    assert isinstance(answers[2], Absent)
    assert published == ["one", "three"]


def test_a_message_that_cannot_be_stored_fails_alone() -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    answers, published = sent(*(Draft(a, room.name, text) for text in ("one", "two", "\0", "three")))
    assert isinstance(answers.pop(2), DataError)
    assert [message.seq for message, _is_new in answers] == [1, 2, 3]
    assert published == ["one", "two", "three"] == stored(room)


def test_a_database_that_is_away_is_asked_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    asked: list[int] = []

    def away(drafts: list[Draft]) -> Any:
        asked.append(len(drafts))
        raise OperationalError

    monkeypatch.setattr(batches.services, "send_messages", away)
    answers, published = sent(*(Draft(a, room.name, str(number)) for number in range(20)))
    assert [type(answer) for answer in answers] == [OperationalError] * 20
    assert asked == [1, 1, 19, 1]
    assert published == []


def test_the_limit_holds_for_each_sender(settings: Any) -> None:
    settings.LIMITS = settings.LIMITS | {"messages": (2, 60)}
    settings.LIMITS_SCALE = 1
    a, b = alice(), bob()
    room = room_of(a, b)
    answers, published = sent(*(Draft(who, room.name, who.username) for who in (a, b, a, a, b, b)))
    assert [isinstance(answer, TooMany) for answer in answers] == [False, False, False, True, False, True]
    assert 58 <= answers[3].wait <= 60
    assert published == [who.username for who in (a, b, a, b)] == stored(room)


def test_a_message_whose_socket_has_ended_is_stored_and_published() -> None:
    a, b = alice(), bob()
    room = room_of(a, b)

    async def run() -> list[str]:
        line = Line()
        first = asyncio.create_task(line.batches.send(Draft(a, room.name, "one")))
        await asyncio.sleep(0)
        first.cancel()
        await line.send(Draft(b, room.name, "two"))
        return line.published

    assert asyncio.run(run()) == ["one", "two"] == stored(room)


def test_a_room_that_is_locked_delays_no_other() -> None:
    a, b = alice(), bob()
    locked, other = room_of(a, b), room_of(a, carol())

    line = Line()

    async def begin() -> list[asyncio.Task[Any]]:
        late = [asyncio.create_task(line.batches.send(Draft(a, locked.name, text))) for text in ("one", "two", "three")]
        for text in ("x", "y"):
            await line.batches.send(Draft(a, other.name, text))
        return late

    async def end(late: list[asyncio.Task[Any]]) -> None:
        await asyncio.gather(*late)

    with asyncio.Runner() as loop:
        with transaction.atomic():
            Room.objects.select_for_update().get(pk=locked.pk)
            late = loop.run(begin())
            assert line.published == ["x", "y"]
        loop.run(end(late))
    assert stored(locked) == ["one", "two", "three"] == line.published[2:]
