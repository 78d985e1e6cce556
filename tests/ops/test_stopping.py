"""Processes that are asked to stop: no call fails, nothing that was acknowledged is lost, and they do stop."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import psycopg
import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from apps.chat.models import Message
from apps.users.authentication.api_sessions import begin
from apps.users.authentication.jobs import send_reset_code
from tests.api.realtime.client import Client, chat, socket
from tests.apps.chat.people import room_of
from tests.ops.processes import PATIENCE, Command, HttpCommand, pause
from tests.people import alice, bob, make_user
from tests.races import at_once
from tests.settings import servers

pytestmark = pytest.mark.django_db(transaction=True)

DRAINING = {"DRAIN_SECONDS": "3", "STOP_SECONDS": "10", "LIMITS_SCALE": "1000"}
AT_ONCE = DRAINING | {"DRAIN_SECONDS": "0"}
"""For one that nobody asks to stop before the end."""

BETWEEN_CALLS, MEANWHILE = 0.02, 0.25
"""Seconds: a drain of many is no load test, and while nothing stops, what starts needs the processor."""


class Proxy:
    """Calls whichever process asks for calls, over connections that are kept; as nginx does, tries the next one only
    where a connection is refused."""

    def __init__(self, processes: list[HttpCommand], token: str, room: str) -> None:
        self.processes, self.token, self.room = processes, token, room
        self.ready = list(processes)
        self.stored: list[int] = []
        self.failures: list[str] = []
        self.is_over = threading.Event()
        self.between = BETWEEN_CALLS
        self._threads = [threading.Thread(target=work) for work in (self._watch, self._call, self._call)]

    def __enter__(self) -> Proxy:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        for thread in self._threads:
            thread.join()

    def stores_on(self) -> None:
        """Wait until either thread has stored something that it began to send after now."""
        enough = len(self.stored) + 2 * len(self._threads)
        until(lambda: bool(self.failures) or len(self.stored) >= enough, True)

    @contextmanager
    def seldom(self) -> Iterator[None]:
        """While nothing stops."""
        self.between = MEANWHILE
        yield
        self.between = BETWEEN_CALLS

    def _watch(self) -> None:
        while not self.is_over.is_set():
            self.ready = [process for process in self.processes if process.is_ready()]
            pause()

    def _call(self) -> None:
        kept: dict[int, http.client.HTTPConnection] = {}
        number = 0
        while not self.is_over.is_set():
            number += 1
            for process in self.ready[number % 2 :] + self.ready[: number % 2]:
                with suppress(ConnectionRefusedError):
                    self._post(process, kept, f"{threading.get_ident()}-{number}")
                    break
            else:
                self.failures.append("no process serves")
            pause(self.between)

    def _post(self, process: HttpCommand, kept: dict[int, http.client.HTTPConnection], client_id: str) -> None:
        link = kept.pop(process.port, None) or http.client.HTTPConnection("127.0.0.1", process.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        body = json.dumps({"room": self.room, "message": "Hi", "client_id": client_id})
        try:
            link.request("POST", "/api/chat", body, headers)
            answer = link.getresponse()
            text = answer.read()
        except ConnectionRefusedError:
            raise
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(repr(error))
            return
        if answer.status != 201:
            self.failures.append(f"{answer.status} {text!r}")
        else:
            self.stored.append(json.loads(text)["id"])
        if not answer.will_close:
            kept[process.port] = link


def test_no_call_fails_while_processes_are_replaced() -> None:
    commands = "web", "serve"
    # Each on data of its own, and both at once: draining is waiting.
    people = [[make_user(f"{command}.{name}") for name in ("sender", "receiver")] for command in commands]
    rooms = [room_of(*pair) for pair in people]
    tokens = [[begin(sender).access for _ in range(2)] for sender, _ in people]
    actions = [
        partial(replace_processes, command, room.name, *both)
        for command, room, both in zip(commands, rooms, tokens, strict=True)
    ]
    for room, stored in zip(rooms, at_once(actions), strict=True):
        assert set(stored) == set(Message.objects.filter(room=room).values_list("pk", flat=True))


def replace_processes(command: str, room: str, token: str, slow_token: str) -> list[int]:
    """Replace two processes one after the other while messages are sent; the numbers of those acknowledged."""
    # Longer than `end` waits for it: asked again, it drains no longer.
    patient = DRAINING | {"DRAIN_SECONDS": str(2 * PATIENCE)}
    with HttpCommand(command, **patient) as first, HttpCommand(command, **DRAINING) as second:
        first.wait_until(ready=True)
        second.wait_until(ready=True)
        with Proxy([first, second], token, room) as proxy:
            slow = upload_slowly(first.port, slow_token)
            first.ask_to_stop()
            asked = time.monotonic()
            try:
                # The answer that ends the waiting itself: a further call may come after the drain.
                while (answer := first.get("/readyz"))[0] == 200:
                    pause()
            except OSError:
                pytest.fail(f"no word of it for {time.monotonic() - asked:.1f} s: {first.end()}")
            assert answer == (503, '{"process": "is stopping"}')
            assert slow() == 200
            until(lambda: proxy.ready, [second])
            proxy.stores_on()
            first.ask_to_stop()
            code, said = first.end()
            with HttpCommand(command, first.port, **AT_ONCE) as third:
                with proxy.seldom():
                    third.wait_until(ready=True)
                proxy.processes[0] = third
                proxy.stores_on()
                second.ask_to_stop()
                assert second.end()[0] == code
                proxy.stores_on()
                proxy.is_over.set()
    assert code in (0, 143), said
    assert proxy.failures == []
    return proxy.stored


def upload_slowly(port: int, token: str) -> Callable[[], int]:
    """Begin a call; when called, send the rest of it and return the status of the answer."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = json.dumps({"bio": "Back soon"}).encode()
    link.putrequest("PATCH", "/api/users/profile")
    for name, value in (("Authorization", f"Bearer {token}"), ("Content-Type", "application/json")):
        link.putheader(name, value)
    link.putheader("Content-Length", str(len(body)))
    link.endheaders(body[:4])

    def finish() -> int:
        link.send(body[4:])
        return link.getresponse().status

    return finish


def test_sockets_come_back_to_another_process_and_miss_nothing() -> None:
    """One that opens while its process drains is sent there, too."""
    a, b = alice(), bob()
    room = room_of(a, b)
    with HttpCommand("serve", **DRAINING) as first, HttpCommand("serve", **AT_ONCE) as second:
        first.wait_until(ready=True)
        second.wait_until(ready=True)

        def stop_first() -> Client:
            first.ask_to_stop()
            first.wait_until(ready=False)
            with socket(first.url, f"/ws/chat/{room.name}/") as client:  # without credentials, which are not asked for
                client.closed()
                return client

        with (
            chat(first.url, a, room) as speaker,
            chat(first.url, b, room) as listener,
            ThreadPoolExecutor(1) as pool,
        ):
            acknowledged = [speak(speaker)]
            stopping = pool.submit(stop_first)
            asked = time.monotonic()
            with suppress(Exception):
                while True:  # until the socket is closed
                    acknowledged.append(speak(speaker))
            heard = rest_of(listener)
            for client in (speaker, listener, stopping.result()):
                assert client.connection.close_code == 1012
                name, _, seconds = str(client.connection.close_reason).partition("=")
                assert name == "retry-after"
                assert 0 < float(seconds) <= 5
        first.end()
        assert time.monotonic() - asked < 10
        assert heard == [*range(1, len(heard) + 1)]
        last = Message.objects.filter(room=room).order_by("-seq").values_list("seq", flat=True)[0]
        assert last >= max(acknowledged)
        with chat(second.url, b, room, after=max(heard, default=0)) as back:
            heard += back.hear_seqs(last - len(heard))
        assert heard == list(range(1, last + 1))
        assert set(acknowledged) <= set(heard)


def speak(client: Client) -> int:
    client.say("Hi")
    seq: int = client.next()["seq"]
    return seq


def rest_of(client: Client) -> list[int]:
    seqs: list[int] = []
    with suppress(Exception):
        while True:
            seqs.append(client.next()["seq"])
    return seqs


def status_of(job: int) -> str | None:
    return ProcrastinateJob.objects.filter(pk=job).values_list("status", flat=True).first()


def until(state: Callable[[], Any], wanted: object) -> None:
    deadline = time.monotonic() + PATIENCE
    while state() != wanted:
        assert time.monotonic() < deadline
        pause()


@pytest.mark.parametrize("is_held_up", [False, True], ids=["finishes", "hangs"])
def test_a_job_under_way_finishes_or_is_handed_back(is_held_up: bool) -> None:
    """The job waits for a table that is locked."""
    job = send_reset_code.defer(user_id=alice().pk)
    with (
        psycopg.connect(host=str(servers.home), user="postgres", dbname=connection.settings_dict["NAME"]) as session,
        Command("worker", STOP_SECONDS="1" if is_held_up else "20") as worker,
    ):
        session.execute("LOCK TABLE users_user IN ACCESS EXCLUSIVE MODE")
        until(lambda: status_of(job), "doing")
        pause(0.5)
        started = time.monotonic()
        worker.ask_to_stop()
        if is_held_up:
            code, said = worker.end()
            assert time.monotonic() - started < 10
            assert (code, status_of(job)) == (0, "todo"), said
            session.rollback()
        else:
            pause(0.5)
            assert worker.process.poll() is None
            session.rollback()
            code, said = worker.end()
            assert (code, status_of(job)) == (0, None), said
