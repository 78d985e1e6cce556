"""Several socket processes on one broker, and the loss of either in the middle of traffic."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from api.realtime.manager import POLL_EVERY
from apps.chat.models import Message, Room
from apps.notifications.models import Kind, Notification
from apps.users.authentication.api_sessions import begin
from apps.users.models import User
from tests.api.realtime.client import Client, chat, notifications, socket
from tests.api.realtime.processes import Broker, SocketProcess
from tests.apps.chat.people import room_of
from tests.people import alice, bob

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def broker_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="module")
def of_its_own(django_db_setup: None, broker_of_its_own: Broker) -> Iterator[list[SocketProcess]]:
    """Three that load at once, while the first test waits."""
    with ExitStack() as stack:
        yield [stack.enter_context(SocketProcess(broker_of_its_own)) for _ in range(3)]


@pytest.fixture(scope="module")
def processes(of_its_own: list[SocketProcess]) -> tuple[SocketProcess, SocketProcess]:
    """Two that none of these tests ends."""
    return of_its_own[0], of_its_own[1]


@pytest.fixture
def mortal(of_its_own: list[SocketProcess]) -> SocketProcess:
    """The third."""
    return of_its_own[2]


def assert_live(one: Client, other: Client) -> None:
    """The broker carries: far faster than the database is polled for what was missed."""
    started, rounds = time.monotonic(), 20
    for _ in range(rounds):
        for speaker, listener in ((one, other), (other, one)):
            speaker.say("Hi")
            assert speaker.next() == listener.next()
    assert time.monotonic() - started < rounds * POLL_EVERY / 2


def speak(client: Client, count: int) -> None:
    """Say so much, each once the one before has come back."""
    for number in range(count):
        client.say(str(number))
        client.next()


def test_messages_cross_processes(processes: tuple[SocketProcess, SocketProcess]) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    with chat(processes[0].url, a, room) as one, chat(processes[1].url, b, room) as other:
        assert_live(one, other)
        # Clients of the broker with a timeout of their own die after five seconds of silence.
        with pytest.raises(TimeoutError):
            one.connection.recv(5.5)
        assert_live(one, other)


class Phone:
    """What a client app does when its socket breaks: open another, resume, and send again what was not answered."""

    def __init__(self, urls: list[str], user: User, room: Room) -> None:
        self.urls, self.username = urls, user.username
        self.path, self.token = f"/ws/chat/{room.name}/", begin(user).access
        self.heard: list[int] = []

    def listen(self, count: int, to_say: int = 0) -> list[int]:
        said = 0
        while len(self.heard) < count or said < to_say:
            try:
                with socket(self.urls[0], self.path, self.token) as client:
                    client.send(type="resume", after=len(self.heard))
                    if said < to_say:
                        client.send(message="Hi", client_id=f"c{said}")
                    while len(self.heard) < count or said < to_say:
                        frame = client.next()
                        own = frame["sender"] == self.username and frame["client_id"] == f"c{said}"
                        if frame["seq"] > len(self.heard):
                            self.heard.append(frame["seq"])
                        if own:
                            said += 1
                            if said < to_say:
                                client.send(message="Hi", client_id=f"c{said}")
            except (ConnectionClosed, InvalidHandshake, OSError):
                self.urls.reverse()
        return self.heard


def test_a_socket_process_that_is_killed_loses_and_doubles_nothing(
    processes: tuple[SocketProcess, SocketProcess], mortal: SocketProcess
) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    one, other, count = processes[0], mortal, 120
    with (
        ThreadPoolExecutor() as pool,
        chat(one.url, a, room) as witness,
    ):
        speaking = pool.submit(Phone([other.url, one.url], a, room).listen, count, to_say=count)
        listening = pool.submit(Phone([other.url, one.url], b, room).listen, count)
        witness.hear(30)
        other.kill()
        assert speaking.result() == listening.result() == list(range(1, count + 1))
        assert witness.hear_seqs(count - 30) == list(range(31, count + 1))
    assert list(Message.objects.order_by("seq").values_list("client_id", flat=True)) == [f"c{n}" for n in range(count)]


def test_a_broker_that_is_killed_loses_and_doubles_nothing(
    processes: tuple[SocketProcess, SocketProcess], broker_of_its_own: Broker
) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    with (
        chat(processes[0].url, a, room) as one,
        chat(processes[1].url, b, room) as other,
        notifications(processes[1].url, b) as news,
        ThreadPoolExecutor() as pool,
    ):
        assert_live(one, other)
        # Said while the broker dies, and comes back, and dies, without another word after it.
        for restart in (True, False):
            speaking = pool.submit(speak, one, 40)
            heard = other.hear(10)
            broker_of_its_own.kill()
            if restart:
                broker_of_its_own.start()
            assert heard + other.hear(30) == [str(number) for number in range(40)]
            speaking.result()
        notification = Notification.objects.create(recipient=b, kind=Kind.NEW_FOLLOWER, text="alice follows you now.")
        frame = news.next()
        assert (frame["type"], frame["id"], frame["unread"]) == ("notification", notification.pk, 1)
        with chat(processes[0].url, a, room) as late:
            late.send(type="resume", after=0)
            assert late.hear_seqs(120) == list(range(1, 121))
        broker_of_its_own.start()
        one.expect_nothing()
        other.expect_nothing()
        news.expect_nothing()
        wait_until_live(one, other)
        assert_live(one, other)


def wait_until_live(one: Client, other: Client) -> None:
    """Until both processes have found the broker again."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        started = time.monotonic()
        one.say("Hi")
        assert one.next() == other.next()
        if time.monotonic() - started < POLL_EVERY / 10:
            return
    pytest.fail("The processes do not listen to the new broker.")
