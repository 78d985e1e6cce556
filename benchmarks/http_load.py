"""Requests at full speed over some connections, one address after the other."""

import http.client
import json
import threading
import time
from typing import Any

from benchmarks.figures import summary

READY_TIMEOUT = 60


def wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + READY_TIMEOUT
    while True:
        try:
            if _Client(port).call("GET", "/readyz")[0] == 200:
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise SystemExit("The server did not get ready.")
        time.sleep(0.1)


def sign_in(port: int, username: str, password: str) -> str:
    """The access token."""
    status, body = _Client(port).call("POST", "/api/users/auth/login", {"username": username, "password": password})
    if status != 200:
        raise SystemExit(f"Signing in failed: {body!r}")
    return str(json.loads(body)["access"])


def measure(port: int, sample: dict[str, Any], seconds: float, connections: int) -> dict[str, dict[str, float]]:
    """Figures by operation."""
    room, members = next(iter(sample["members"].items()))
    token = sign_in(port, members[0], sample["password"])
    calls: dict[str, tuple[str, str, dict[str, Any] | None]] = {
        "events, first page": ("GET", "/api/events", None),
        "one event": ("GET", f"/api/events/{sample['events'][0]}", None),
        "directory, search": ("GET", "/api/users?search=user0001", None),
        "stories": ("GET", "/api/stories", None),
        "chat, history of a room": ("GET", f"/api/chat?room={room}", None),
        "notifications": ("GET", "/api/notifications", None),
        "own profile": ("GET", "/api/users/profile", None),
        "chat, send a message": ("POST", "/api/chat", {"room": room, "message": "Hello"}),
    }
    return {name: _hammer(port, token, call, seconds, connections) for name, call in calls.items()}


def _hammer(
    port: int, token: str, call: tuple[str, str, dict[str, Any] | None], seconds: float, connections: int
) -> dict[str, float]:
    times: list[float] = []
    wrong: list[bytes] = []
    begin = threading.Barrier(connections)

    def work() -> None:
        client = _Client(port, token)
        client.call(*call)  # connects, and warms up what is made once
        begin.wait()
        end = time.perf_counter() + seconds
        while (started := time.perf_counter()) < end:
            status, body = client.call(*call)
            if status not in {200, 201}:
                wrong.append(body)
                return
            times.append(time.perf_counter() - started)

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise SystemExit(f"{call[0]} {call[1]}: {wrong[0]!r}")
    return summary(times, seconds)


class _Client:
    """One connection that stays open."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, bytes]:
        headers = self.headers | ({"Content-Type": "application/json"} if body else {})
        self.connection.request(method, path, json.dumps(body) if body else None, headers)
        response = self.connection.getresponse()
        return response.status, response.read()
