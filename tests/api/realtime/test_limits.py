"""How many sockets a person has, how much they say, and how a server that ends takes its leave."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import uvicorn

from api.realtime import open_sockets
from api.realtime.base import Socket
from api.realtime.manager import ConnectionManager
from apps.chat.models import Message
from apps.users.models import User
from tests.api.realtime.client import chat, notifications
from tests.apps.chat.people import room_of
from tests.client import api
from tests.conftest import serving
from tests.people import alice, bob


@pytest.fixture
def another(transactional_db: None) -> Iterator[tuple[str, uvicorn.Server]]:
    """A second server, which knows of the first only through Valkey."""
    with serving() as server:
        yield server


def test_a_person_has_at_most_20_sockets_and_the_oldest_goes(stack_url: str) -> None:
    a, b = alice(), bob()
    with ExitStack() as stack:
        other = stack.enter_context(notifications(stack_url, b))
        oldest = stack.enter_context(chat(stack_url, a, room_of(a, b)))
        rest = [stack.enter_context(notifications(stack_url, a)) for _ in range(19)]
        oldest.expect_nothing()
        rest.append(stack.enter_context(notifications(stack_url, a)))
        assert oldest.closed() == 4429
        assert oldest.connection.close_reason == "too-many-sockets"
        for one in (*rest, other):
            one.expect_nothing()


def test_open_sockets_are_counted_over_all_processes(
    stack_url: str, another: tuple[str, uvicorn.Server], broker: Any, settings: Any
) -> None:
    settings.SOCKETS_A_PERSON = 2
    a = alice()
    with notifications(another[0], a) as first, notifications(stack_url, a) as second:
        first.expect_nothing()
        second.expect_nothing()
        with notifications(stack_url, a) as third:
            assert first.closed() == 4429
            second.expect_nothing()
            third.expect_nothing()
        until_registered(broker, 1)
        with notifications(another[0], a) as fourth:  # in the place of the third, which has gone by itself
            fourth.expect_nothing()
            second.expect_nothing()


def until_registered(broker: Any, count: int) -> None:
    end = time.monotonic() + 10
    while sum(broker.zcard(name) for name in broker.keys("*:sockets:*")) != count:
        assert time.monotonic() < end


class Registered(Socket):
    """A socket known only to a connection manager and to `open_sockets`."""

    kind = "notifications"

    def __init__(self, person_id: int) -> None:
        super().__init__()
        self.user, self.key, self.reasons = User(pk=person_id), open_sockets.new_key(), list[str]()

    async def flood(self, reason: str) -> None:
        self.reasons.append(reason)


def idle_manager() -> ConnectionManager:
    manager = object.__new__(ConnectionManager)
    manager._sockets, manager._tasks = set(), set()
    return manager


async def finished(manager: ConnectionManager) -> None:
    while manager._tasks:
        await asyncio.gather(*manager._tasks)


def delayed(monkeypatch: pytest.MonkeyPatch, name: str, until: threading.Event) -> None:
    """Have that call of `open_sockets` wait."""
    call = getattr(open_sockets, name)
    monkeypatch.setattr(open_sockets, name, lambda *args: until.wait(10) and call(*args))


async def test_a_socket_that_closes_before_it_is_counted_is_not_counted(
    broker: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SOCKETS_A_PERSON = 1
    manager, stays, goes = idle_manager(), Registered(7), Registered(7)
    manager.add(stays)
    await finished(manager)
    has_left = threading.Event()
    delayed(monkeypatch, "enter", has_left)
    manager.add(goes)
    manager.remove(goes)
    while len(manager._tasks) > 1:  # all but the one that waits
        await asyncio.wait(manager._tasks, return_when=asyncio.FIRST_COMPLETED)
    has_left.set()
    await finished(manager)
    [name] = broker.keys("*:sockets:*")
    assert broker.zrange(name, 0, -1) == [stays.key.encode()]
    assert stays.reasons == []


async def test_a_socket_that_closes_while_all_are_refreshed_is_not_counted(
    broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, goes = idle_manager(), Registered(7)
    manager.add(goes)
    await finished(manager)
    has_left = threading.Event()
    delayed(monkeypatch, "refresh", has_left)
    refreshing = asyncio.create_task(manager._refresh())
    await asyncio.sleep(0)  # it has begun
    manager.remove(goes)
    await finished(manager)
    has_left.set()
    await refreshing
    assert broker.keys("*:sockets:*") == []


def test_sockets_of_killed_processes_are_forgotten(stack_url: str, broker: Any, settings: Any) -> None:
    settings.SOCKETS_A_PERSON = 2
    a = alice()
    with notifications(stack_url, a) as one:
        until_registered(broker, 1)
        [name] = broker.keys("*:sockets:*")
        assert broker.ttl(name) <= open_sockets.FORGET_AFTER
        broker.zadd(name, {open_sockets.new_key(): time.time() - open_sockets.FORGET_AFTER - 1 for _ in range(5)})
        with notifications(stack_url, a) as two:
            until_registered(broker, 2)
            two.expect_nothing()
            one.expect_nothing()


def test_sockets_lost_by_valkey_are_registered_again(
    transactional_db: None, broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_sockets, "REFRESH_EVERY", 0.05)
    with serving() as (url, _server), notifications(url, alice()), notifications(url, bob()):
        until_registered(broker, 2)
        broker.flushdb()
        until_registered(broker, 2)


def test_without_valkey_each_process_counts_its_own(
    stack_url: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SOCKETS_A_PERSON = 2
    settings.REDIS_URL = "redis://127.0.0.1:1"
    a = alice()
    with notifications(stack_url, a) as first, notifications(stack_url, a) as second:
        first.expect_nothing()
        with notifications(stack_url, a) as third:
            assert first.closed() == 4429
            second.expect_nothing()
            third.expect_nothing()


def test_messages_count_for_api_and_sockets_together(stack_url: str, settings: Any) -> None:
    settings.LIMITS = settings.LIMITS | {"messages": (4, 60)}
    a, b = alice(), bob()
    room = room_of(a, b)
    said = {"room": room.name, "message": "Hi"}
    with chat(stack_url, a, room) as one, chat(stack_url, a, room) as two, chat(stack_url, b, room) as other:
        for _ in range(2):
            assert api(a).post("/chat", said).status_code == 201
        one.say("Hi")
        two.say("Hi")
        assert one.hear_seqs(4) == two.hear_seqs(4) == other.hear_seqs(4) == [1, 2, 3, 4]
        one.send(type="typing")  # is no message
        one.expect_nothing()
        one.say("Hi")
        assert one.closed() == 4429
        assert one.connection.close_reason == "too-many-messages"
        refusal = api(a).post("/chat", said)
        assert refusal.status_code == 429
        assert 0 < int(refusal["Retry-After"]) <= 60
        two.expect_nothing()
        other.say("Hello")  # counts for himself
        assert two.hear_seqs(1) == [5]
    assert Message.objects.count() == 5


def test_a_server_that_ends_says_that_it_comes_back(another: tuple[str, uvicorn.Server]) -> None:
    url, server = another
    a, b = alice(), bob()
    with chat(url, a, room_of(a, b)) as one, notifications(url, b) as two:
        server.should_exit = True
        assert (one.closed(), two.closed()) == (1012, 1012)
