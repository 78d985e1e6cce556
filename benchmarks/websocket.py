"""A WebSocket client that does next to nothing for each frame: 200 of them share a core with the servers they load.

For load tests of this project's own servers: no compression, no fragments, no check of what the server sends.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
SHORT, MIDDLE = 126, 127


class Connection(asyncio.Protocol):
    """Calls `on_text` with each text frame."""

    def __init__(self, path: str, token: str, on_text: Callable[[bytes], None]) -> None:
        self._request = handshake(path, token)
        self._on_text = on_text
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self.opened.done():
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                self.opened.set_exception(ConnectionError(head.decode(errors="replace")[:200]))
                return
            self._buffer = rest
            self.opened.set_result(None)
        frames, self._buffer = split(self._buffer)
        for kind, content in frames:
            if kind == TEXT:
                self._on_text(content)
            elif kind == PING:
                self._write(PONG, content)
            elif kind == CLOSE:
                self.closed = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionError("The server closed before it answered."))

    def send(self, text: str) -> None:
        self._write(TEXT, text.encode())

    def close(self) -> None:
        if self._transport:
            self._write(CLOSE, b"\x03\xe8")
            self._transport.close()

    def _write(self, kind: int, content: bytes) -> None:
        assert self._transport
        self._transport.write(framed(kind, content))


async def connect(port: int, path: str, token: str, on_text: Callable[[bytes], None]) -> Connection:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: Connection(path, token, on_text), "127.0.0.1", port)
    await connection.opened
    return connection


def handshake(path: str, token: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        f"Authorization: Bearer {token}",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def framed(kind: int, content: bytes) -> bytes:
    """A frame of a client, RFC 6455: masked, with a mask of zeros, which leaves the content as it is."""
    size = len(content)
    if size < SHORT:
        head = bytes((0x80 | kind, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((0x80 | kind, 0x80 | SHORT)) + size.to_bytes(2)
    else:
        head = bytes((0x80 | kind, 0x80 | MIDDLE)) + size.to_bytes(8)
    return head + bytes(4) + content


def split(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The whole frames of a server in `data`, each as (kind, content), and what is left of it."""
    frames = []
    start = 0
    while len(data) - start >= 2:
        size, head = data[start + 1] & 0x7F, start + 2
        if size >= SHORT:
            more = 2 if size == SHORT else 8
            size, head = int.from_bytes(data[head : head + more]), head + more
            if len(data) < head:
                break
        if len(data) < head + size:
            break
        frames.append((data[start] & 0x0F, data[head : head + size]))
        start = head + size
    return frames, data[start:]
