"""A client app's end of a socket: `with chat(url, alice, room) as socket: socket.say("Hi")`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from apps.chat.models import Room
from apps.users.authentication.api_sessions import begin
from apps.users.models import User

# Seconds until a frame that does not come is missed. Everything is here at once, or, without the broker, in 2 seconds.
PATIENCE = 10

# What opens a socket (RFC 6455, 4.1, which has this key, too).
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


class Client:
    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def send(self, **frame: Any) -> None:
        self.connection.send(json.dumps(frame))

    def say(self, *messages: str) -> None:
        for message in messages:
            self.send(message=message)

    def next(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(self.connection.recv(PATIENCE))
        return frame

    def hear(self, count: int) -> list[str]:
        """The next `count` messages; fails on a frame of another type."""
        return [self.next()["message"] for _ in range(count)]

    def hear_seqs(self, count: int) -> list[int]:
        return [self.next()["seq"] for _ in range(count)]

    def expect_nothing(self) -> None:
        """Fails where anything was sent before the answer to a ping."""
        self.send(type="ping")
        assert self.next() == {"type": "pong"}

    def expect_error(self, code: str) -> None:
        frame = self.next()
        assert (frame["type"], frame["code"]) == ("error", code)
        assert frame["detail"]

    def closed(self) -> int:
        """The code that the server closes with; whatever comes before does not matter."""
        with suppress(ConnectionClosed):
            while True:
                self.connection.recv(PATIENCE)
        code = self.connection.close_code
        assert code is not None
        return code


@contextmanager
def socket(url: str, path: str, token: str | None = None, *, cookie: str = "", **options: Any) -> Iterator[Client]:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    if cookie:
        headers["Cookie"] = cookie
    address = url.replace("http://", "ws://") + path
    # A process that was just started needs its time.
    options = {"compression": None, "proxy": None, "open_timeout": 60} | options
    with connect(address, additional_headers=headers, **options) as connection:
        yield Client(connection)


@contextmanager
def chat(
    url: str, user: User, room: Room, *, after: object = None, ready: bool = True, **options: Any
) -> Iterator[Client]:
    """With a first frame behind it, which is what live messages wait for; `after` is a position in the address."""
    query = "" if after is None else f"?after={after}"
    with socket(url, f"/ws/chat/{room.name}/{query}", begin(user).access, **options) as client:
        if ready and after is None:
            with suppress(ConnectionClosed):  # refused: the code says why
                client.expect_nothing()
        yield client


@contextmanager
def notifications(url: str, user: User, **options: Any) -> Iterator[Client]:
    with socket(url, "/ws/notifications/", begin(user).access, **options) as client:
        yield client
