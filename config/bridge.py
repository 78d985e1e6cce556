"""A WSGI application under ASGI: each request takes one thread, once, and its answer comes back in one piece.

a2wsgi, which this stands in for, waits for the event loop with each part of an answer, three times for the shortest.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

type Scope = dict[str, Any]
type Send = Callable[[dict[str, Any]], Awaitable[None]]

# Bytes of an answer that are collected before any are sent.
IN_ONE_PIECE = 256 * 1024


class Bridge:
    """Calls the WSGI application with a body that is there already."""

    def __init__(self, application: Any, *, threads: int) -> None:
        self._application = application
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="request")

    async def __call__(self, scope: Scope, body: IO[bytes], send: Send) -> None:
        loop = asyncio.get_running_loop()
        answer = _Answer(lambda messages: asyncio.run_coroutine_threadsafe(_send(send, messages), loop).result())
        call = contextvars.copy_context().run
        await loop.run_in_executor(self._threads, call, answer.make, self._application, environ(scope, body))
        await _send(send, answer.unsent)


async def _send(send: Send, messages: list[dict[str, Any]]) -> None:
    for message in messages:
        await send(message)


class _Answer:
    """What a thread makes of one request."""

    def __init__(self, send_and_wait: Callable[[list[dict[str, Any]]], None]) -> None:
        self._send_and_wait = send_and_wait
        self.unsent: list[dict[str, Any]] = []

    def make(self, application: Any, environ: dict[str, Any]) -> None:
        """Send all of the answer but its last piece, which is `unsent` at the end."""
        parts: Iterable[bytes] = application(environ, self._begin)
        try:
            for piece in _pieces(parts):
                self.unsent.append({"type": "http.response.body", "body": piece, "more_body": True})
                if len(piece) >= IN_ONE_PIECE:
                    self._send_and_wait(self.unsent)
                    self.unsent = []
            if self.unsent and self.unsent[-1]["type"] == "http.response.body":
                self.unsent[-1]["more_body"] = False
            else:
                self.unsent.append({"type": "http.response.body", "body": b""})
        finally:
            getattr(parts, "close", lambda: None)()

    def _begin(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self.unsent = [{"type": "http.response.start", "status": int(status[:3]), "headers": encoded}]


def _pieces(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The parts, joined to pieces of about IN_ONE_PIECE."""
    collected, size = [], 0
    for part in parts:
        collected.append(part)
        size += len(part)
        if size >= IN_ONE_PIECE:
            yield b"".join(collected)
            collected, size = [], 0
    if collected:
        yield b"".join(collected)


def environ(scope: Scope, body: IO[bytes]) -> dict[str, Any]:
    """The request as WSGI has it, without headers that it could not distinguish: X_Real_IP from X-Real-IP."""
    host, port = scope.get("server") or ("localhost", 80)
    values: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 0),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if client := scope.get("client"):
        values["REMOTE_ADDR"], values["REMOTE_PORT"] = client[0], str(client[1])
    for encoded, value in scope["headers"]:
        if b"_" in encoded:
            continue
        name = encoded.decode("latin-1").upper().replace("-", "_")
        if name not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            name = f"HTTP_{name}"
        text = value.decode("latin-1")
        values[name] = f"{values[name]},{text}" if name in values else text
    return values
