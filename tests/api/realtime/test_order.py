"""No gap, no double, no disorder: the protocol of docs/sockets.md against a model of it, by Hypothesis.

The consumers, the connection manager, the subscriptions and PostgreSQL are the real ones. What lies between them is the
test's: what is published waits until a rule carries, loses, doubles or overtakes it, answers of the database come late,
clients read slowly, drop, and come back, processes start anew, and time passes when a rule says so.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from django.db import connections
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from api.realtime import channel, consumers, database, subscriptions
from api.realtime.manager import POLL_EVERY
from api.realtime.routing import application
from apps.chat import services
from apps.chat.models import Message, Room
from apps.infra import pubsub
from apps.users.authentication.api_sessions import begin
from apps.users.models import User
from tests.api.realtime.interference import Gate, Layer, Loop, elsewhere
from tests.apps.chat.people import room_of
from tests.people import alice, bob

AT_HAND = 4
"""As many frames a feed keeps here, and a read of the database brings, so that few messages are many."""
SETTINGS = settings(
    max_examples=50,
    stateful_step_count=25,
    derandomize=True,
    phases=[Phase.generate],  # what fails is short enough; to make it shorter takes minutes
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


# --- The model ------------------------------------------------------------------------------------------------------


class Line:
    """One socket of a client, and what may come through it.

    Each state is a number that may come next, and how many of the resumes the server has followed by then.
    """

    def __init__(self, room: Room, token: str, loop: Loop, after: int | None) -> None:
        self.room = room
        self.faults: list[str] = []
        self.seen: list[int] = []
        self.is_open = False
        self.is_over = False
        self.has_position = after is not None
        self.states = {(after + 1, 0)} if after is not None else set()
        self.resumes: list[int] = []
        self.said_again: set[str] = set()
        self.reading = Gate()
        self._last_at_opening = self.last_seq()
        self._frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._frames.put_nowait({"type": "websocket.connect"})
        scope = {
            "type": "websocket",
            "path": f"/ws/chat/{room.name}/",
            "query_string": b"" if after is None else f"after={after}".encode(),
            "headers": [(b"authorization", f"Bearer {token}".encode())],
            "subprotocols": [],
        }
        loop.create_task(application(scope, self._frames.get, self._receive))

    def last_seq(self) -> int:
        return elsewhere(lambda: Room.objects.get(pk=self.room.pk).last_seq)

    def send(self, **frame: Any) -> None:
        if not self.has_position:
            self.has_position = True
            if frame.get("type") == "resume":
                self.states = {(frame["after"] + 1, 0)}
        elif frame.get("type") == "resume":
            self.resumes.append(frame["after"])
        self._frames.put_nowait({"type": "websocket.receive", "text": json.dumps(frame)})

    def drop(self) -> None:
        self.is_over = True
        self.reading.open()
        self._frames.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def _receive(self, event: dict[str, Any]) -> None:
        await self.reading.pass_through()
        if self.is_over:
            raise OSError
        match event["type"]:
            case "websocket.accept":
                self.is_open = True
                if not self.states:
                    self.states = {(last + 1, 0) for last in range(self._last_at_opening, self.last_seq() + 1)}
            case "websocket.close":
                self.is_over = True
                self.faults.append(f"closed with {event['code']}")
            case "websocket.send":
                self._read(json.loads(event["text"]))

    def _read(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "error" or (not self.has_position):
            self.faults.append(f"{frame} came")
        if frame["type"] != "message":
            return
        seq = frame["seq"]
        states = {(number + 1, followed) for number, followed in self._possible() if number == seq}
        if frame["client_id"] in self.said_again:  # the answer to that, perhaps, which does not run ahead
            states |= {(number, followed) for number, followed in self._possible() if seq < number}
        if not states:
            self.faults.append(f"{seq} came after {self.seen}, in place of {sorted(self._possible())}")
            return
        self.states = states
        self.seen.append(seq)

    def _possible(self) -> set[tuple[int, int]]:
        further = {
            (after + 1, number + 1)
            for _, followed in self.states
            for number, after in enumerate(self.resumes)
            if number >= followed
        }
        return self.states | further

    def is_complete(self) -> bool:
        return (self.last_seq() + 1, len(self.resumes)) in self._possible()


class Client:
    """An app: it goes on from the highest number it has, and says again what it does not know to be stored."""

    def __init__(self, user: User) -> None:
        self.token = begin(user).access
        self.line: Line | None = None
        self.highest = 0
        self.said = ""

    def resumes_after(self, first: int) -> int:
        if self.line is not None:
            self.highest = max([self.highest, *self.line.seen])
        return max(first, self.highest)

    def drop(self) -> None:
        self.resumes_after(0)
        if self.line is not None:
            self.line.drop()
            self.line = None


WHO = st.integers(0, 1)


def one_of(clients: list[Client], who: int) -> Client:
    return clients[who % len(clients)]


class Conversation(RuleBasedStateMachine):
    people: ClassVar[tuple[User, User]]
    room: ClassVar[Room]
    now: ClassVar[Conversation]

    @initialize()
    def begin(self) -> None:
        Conversation.now = self
        self.layer = Layer()
        self.loop = Loop()
        self.answers = Gate()
        self.clients = [Client(user) for user in self.people]
        self.first = Room.objects.get(pk=self.room.pk).last_seq
        self.all_said: list[str] = []

    @property
    def online(self) -> list[Client]:
        return [client for client in self.clients if client.line is not None]

    @property
    def offline(self) -> list[Client]:
        return [client for client in self.clients if client.line is None]

    # --- What clients do

    @precondition(lambda self: self.offline)
    @rule(who=WHO, way=st.sampled_from(["in the address", "by resume", "by a message said again", "later"]))
    def open(self, who: int, way: str) -> None:
        client = one_of(self.offline, who)
        after = client.resumes_after(self.first) if way == "in the address" else None
        client.line = Line(self.room, client.token, self.loop, after)
        place = self.online.index(client)
        if way == "by resume":
            self.resume(who=place, back=0, slow="")
        if way == "by a message said again" or (way == "by resume" and client.said):
            self.say_again(who=place, slow="")

    @precondition(lambda self: self.online)
    @rule(who=WHO, back=st.sampled_from([0, 0, 1, 2 * AT_HAND]), slow=st.sampled_from(["", "", "answers", "reader"]))
    def resume(self, who: int, back: int, slow: str) -> None:
        self.trouble(what=slow, who=who)
        client = one_of(self.online, who)
        client.line.send(type="resume", after=max(self.first, client.resumes_after(self.first) - back))

    @precondition(lambda self: self.online)
    @rule(who=WHO, kind=st.sampled_from(["ping", "typing"]))
    def send(self, who: int, kind: str) -> None:
        one_of(self.online, who).line.send(type=kind)

    @precondition(lambda self: self.online)
    @rule(who=WHO)
    def say(self, who: int) -> None:
        client = one_of(self.online, who)
        client.said = f"{self.first}-{len(self.all_said)}"
        self.all_said.append(client.said)
        client.line.send(message="Hi", client_id=client.said)

    @precondition(lambda self: self.online)
    @rule(who=WHO, slow=st.sampled_from(["", "answers", "reader"]))
    def say_again(self, who: int, slow: str) -> None:
        self.trouble(what=slow, who=who)
        client = one_of(self.online, who)
        if client.said:
            client.line.said_again.add(client.said)
            client.line.send(message="Hi", client_id=client.said)

    @rule(fates=st.lists(st.sampled_from(["carried", "carried", "doubled", "lost", "waiting"]), min_size=1, max_size=4))
    def say_over_http(self, fates: list[str]) -> None:
        for fate in fates:
            self._store()
            if fate != "waiting" and self.layer.under_way:
                message = self.layer.under_way.pop()
                for _ in range({"lost": 0, "carried": 1, "doubled": 2}[fate]):
                    self.layer.deliver(*message)

    def _store(self) -> None:
        services.send_message(self.people[1], self.room.name, text="Hi")

    # --- What networks and servers do

    @precondition(lambda self: self.layer.under_way)
    @rule(count=st.integers(1, 3), backwards=st.booleans())
    def carry(self, count: int, backwards: bool) -> None:
        late, self.layer.under_way = self.layer.under_way[:count], self.layer.under_way[count:]
        for message in late[::-1] if backwards else late:
            self.layer.deliver(*message)

    @rule(what=st.sampled_from(["answers", "answers", "broker", "reader", "reader", "line", "process"]), who=WHO)
    def trouble(self, what: str, who: int) -> None:
        match what:
            case "answers":
                self.answers.is_open = False
            case "broker":
                self.layer.is_down = True
                self.layer.under_way.clear()
            case "reader" if self.online:
                one_of(self.online, who).line.reading.is_open = False
            case "line":
                self.clients[who].drop()
            case "process":
                self._restart_the_process()

    @rule()
    def recover(self) -> None:
        self.layer.is_down = False
        self.answers.open()
        for client in self.online:
            client.line.reading.open()

    @rule()
    def wait(self) -> None:
        self.loop.pass_time(POLL_EVERY * 1.01)

    def _restart_the_process(self) -> None:
        for client in self.clients:
            client.drop()
        self.answers.open()
        self.loop.end()
        self.layer.flush_now()
        self.loop = Loop()

    # --- What must hold

    @invariant()
    def no_gap_no_double_no_disorder(self) -> None:
        self.loop.settle()
        for client in self.online:
            assert not client.line.faults, client.line.faults

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        try:
            self._end_well()
        finally:
            self.loop.end()

    def _end_well(self) -> None:
        """Once all is well again, every client gets all frames, be it through the broker or not."""
        self.recover()
        for fates in ([], ["lost"], ["carried", "lost"]):
            self.say_over_http(fates=fates)
            for _ in range(2):
                self.loop.pass_time(POLL_EVERY * 1.01)
            while self.offline:
                self.open(who=0, way="by resume")
        self.no_gap_no_double_no_disorder()
        for client in self.online:
            assert client.line.is_open
            if client.line.has_position:
                assert client.line.is_complete(), (client.line.seen, client.line.states, client.line.last_seq())
        messages = Message.objects.filter(room=self.room, seq__gt=self.first)
        ids = list(messages.exclude(client_id="").values_list("client_id", flat=True))
        assert len(ids) == len(set(ids)), "a message is stored once, however often it was said"
        assert set(ids) <= set(self.all_said)


@pytest.fixture
def conversation(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Iterator[type[Conversation]]:
    class Here(Conversation):
        people = (alice(), bob())
        room = room_of(*people)

    def late(call: Callable[..., Any], **_options: Any) -> Callable[..., Any]:
        async def run(*args: Any, **kwargs: Any) -> Any:
            result = elsewhere(call, *args, **kwargs)
            await Conversation.now.answers.pass_through()
            return result

        return run

    class Sender:
        def put(self, group: str, content: str) -> None:
            Conversation.now.layer.put(group, content)

    settings.LIMITS_SCALE = 1000
    monkeypatch.setattr(subscriptions, "AT_HAND", AT_HAND)
    monkeypatch.setattr(consumers, "AT_ONCE", AT_HAND)
    monkeypatch.setattr(database, "database_sync_to_async", late)
    monkeypatch.setattr(channel, "get_channel_layer", lambda: Conversation.now.layer)
    monkeypatch.setattr(pubsub, "_sender", Sender())
    yield Here
    elsewhere(connections.close_all)


def test_drops_delays_and_restarts_leave_no_gap_no_double_no_disorder(conversation: type[Conversation]) -> None:
    run_state_machine_as_test(conversation, settings=SETTINGS)


@pytest.fixture
def scene(conversation: type[Conversation]) -> Iterator[Conversation]:
    """A room of which one client is at message 5, and stops reading there."""
    scene = conversation()
    scene.begin()
    scene.open(who=0, way="in the address")
    scene.say(who=0)
    scene.say_over_http(fates=["carried"] * AT_HAND)
    scene.no_gap_no_double_no_disorder()
    scene.trouble(what="reader", who=0)
    scene.say_over_http(fates=["carried"] * AT_HAND)
    scene.no_gap_no_double_no_disorder()
    yield scene
    scene.no_gap_no_double_no_disorder()
    scene.recover()
    scene.no_gap_no_double_no_disorder()
    scene.teardown()


def test_a_resume_while_older_frames_are_being_sent_is_followed(scene: Conversation) -> None:
    scene.resume(who=0, back=2, slow="")


def test_an_answer_does_not_run_ahead_of_what_is_being_sent(scene: Conversation) -> None:
    scene.say(who=0)
    scene.say_again(who=0, slow="")
