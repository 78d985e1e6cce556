"""Requests at full speed over some connections, one call after the other.

By wrk where it is installed, since it leaves nearly all of a small machine to the servers; else by threads of ours.
"""

from __future__ import annotations

import http.client
import json
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks import process_costs, wrk
from benchmarks.figures import Row, summary

READY_TIMEOUT = 60
WARM_UP = 0.5
"""Seconds at full speed before anything counts: connections open, and what is made once is made."""


@dataclass(frozen=True)
class Call:
    """One request that is sent again and again."""

    method: str
    path: str
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def all_headers(self) -> dict[str, str]:
        return self.headers | ({"Content-Type": "application/json"} if self.body is not None else {})

    def text(self) -> str | None:
        return None if self.body is None else json.dumps(self.body)


@dataclass(frozen=True)
class Load:
    """How hard, and whose CPU time is read."""

    seconds: float = 3
    connections: int = 16
    database_pid: int | None = None

    def measure(self, port: int, pid: int, call: Call) -> Row:
        """Figures of one call. Ends the run where the server answers with an error."""
        self._once(port, call)
        send(port, call, WARM_UP, self.connections)
        watched = [pid, *([self.database_pid] if self.database_pid else [])]
        before = [process_costs.cpu_ms(each) for each in watched]
        row, count = send(port, call, self.seconds, self.connections)
        after = [process_costs.cpu_ms(each) for each in watched]
        for name, began, ended in zip(("cpu_ms", "database_cpu_ms"), before, after, strict=False):
            if began is not None and ended is not None and count:
                row[name] = round((ended - began) / count, 3)
        return row

    def _once(self, port: int, call: Call) -> None:
        status, answer = Client(port).call(call)
        if status not in {200, 201}:
            raise SystemExit(f"{call.method} {call.path} was answered {status}: {answer[:300]!r}")


def generator() -> str:
    return "wrk" if shutil.which("wrk") else "threads"


def send(port: int, call: Call, seconds: float, connections: int) -> tuple[Row, int]:
    """The figures of one call at full speed, and how many requests there were."""
    if generator() == "wrk":
        return wrk.send(port, call.method, call.path, call.all_headers(), call.text(), seconds, connections)
    times: list[float] = []
    wrong: list[bytes] = []
    threads = [threading.Thread(target=_repeat, args=(port, call, seconds, times, wrong)) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise SystemExit(f"{call.method} {call.path}: {wrong[0]!r}")
    return summary(times, seconds), len(times)


def _repeat(port: int, call: Call, seconds: float, times: list[float], wrong: list[bytes]) -> None:
    client = Client(port)
    end = time.perf_counter() + seconds
    while (started := time.perf_counter()) < end:
        status, body = client.call(call)
        if status not in {200, 201}:
            wrong.append(body)
            return
        times.append(time.perf_counter() - started)


def wait_until_ready(port: int, path: str = "/readyz") -> None:
    deadline = time.monotonic() + READY_TIMEOUT
    while True:
        try:
            if Client(port).call(Call("GET", path))[0] == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        if time.monotonic() > deadline:
            raise SystemExit("The server did not get ready.")
        time.sleep(0.05)


def sign_in(port: int, username: str, password: str) -> str:
    """The access token."""
    call = Call("POST", "/api/users/auth/login", {"username": username, "password": password})
    status, body = Client(port).call(call)
    if status != 200:
        raise SystemExit(f"Signing in failed: {body!r}")
    return str(json.loads(body)["access"])


def calls_of(port: int, sample: dict[str, Any], only: Sequence[str] = ()) -> dict[str, Call]:
    """The calls that are measured, by their names, with the token of a user of the sample."""
    room, members = next(iter(sample["members"].items()))
    token = {"Authorization": f"Bearer {sign_in(port, members[0], sample['password'])}"}
    event = {"title": "Launch", "date": "2030-01-01T20:00:00Z", "location": "Hall 1", "description": "x"}
    calls = {
        "event": Call("GET", f"/api/events/{sample['events'][0]}", headers=token),
        "events": Call("GET", "/api/events", headers=token),
        "stories": Call("GET", "/api/stories", headers=token),
        "connections": Call("GET", "/api/connections", headers=token),
        "chat": Call("GET", "/api/chat", headers=token),
        "chat, one room": Call("GET", f"/api/chat?room={room}", headers=token),
        "notifications": Call("GET", "/api/notifications", headers=token),
        "profile": Call("GET", "/api/users/profile", headers=token),
        "users, search": Call("GET", "/api/users?search=user0001", headers=token),
        "post event": Call("POST", "/api/events", event, token),
        "post message": Call("POST", "/api/chat", {"room": room, "message": "Hello"}, token),
        "log in": Call("POST", "/api/users/auth/login", {"username": members[1], "password": sample["password"]}),
    }
    return {name: call for name, call in calls.items() if not only or name in only}


class Client:
    """One connection that stays open."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def call(self, call: Call) -> tuple[int, bytes]:
        self.connection.request(call.method, call.path, call.text(), call.all_headers())
        response = self.connection.getresponse()
        return response.status, response.read()
