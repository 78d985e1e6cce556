"""The web server: HTTP and sockets on one port."""

import asyncio
import os
import signal
import socket
import threading
from types import FrameType
from typing import Any, cast

import uvicorn
from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets import http11
from websockets.exceptions import SecurityError

from apps.infra import draining

# Bytes of a request's line and headers, of calls and of handshakes alike. Cookies are shared by all programs of a
# host, whatever the port.
HEAD_MAX = 64 * 1024
# A handshake is read as a call first, so that one limit holds for both. This one is never reached: it was 8 KiB a line
# and 128 headers.
http11.MAX_LINE_LENGTH = http11.MAX_NUM_HEADERS = 1024 * 1024
# Seconds in which the head of a request must have come.
HEAD_PATIENCE = 20.0


def listen(host: str, port: int) -> socket.socket:
    """Raises OSError where the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


class Inbox:
    """What came from a client, for the one task that takes it; `asyncio.Queue` holds 3 KB when it is empty."""

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._taker: asyncio.Future[None] | None = None

    def put_nowait(self, message: Any) -> None:
        self._messages.append(message)
        if self._taker is not None and not self._taker.done():
            self._taker.set_result(None)

    async def get(self) -> Any:
        while not self._messages:
            self._taker = asyncio.get_running_loop().create_future()
            await self._taker
        return self._messages.pop(0)

    def empty(self) -> bool:
        return not self._messages


class SocketProtocol(WebSocketsSansIOProtocol):
    """Answers a handshake that cannot be read, and keeps nothing of one that was.

    By itself uvicorn leaves the connection open without a word, and keeps the headers for as long as it is open.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.queue = cast(Any, Inbox())

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is None or self.handshake_initiated:
            return
        is_too_large = isinstance(self.conn.handshake_exc.__cause__, SecurityError)
        status = b"431 Request Header Fields Too Large" if is_too_large else b"400 Bad Request"
        self.handshake_initiated = self.handshake_complete = self.close_sent = True
        self.transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()

    def start_keepalive(self) -> None:  # called once the handshake is answered
        super().start_keepalive()
        cast(list[Any], self.scope["headers"]).clear()
        self.request.headers.clear()
        self.response.headers.clear()


class BadHead(Exception):
    """The head of a request is larger than any needs to be, or does not name one host in a version that we know."""


class Prompt(HttpToolsProtocol):
    """HTTP that waits for the head of a request no longer than a client needs, and reads no more than it may say."""

    _waiting: asyncio.TimerHandle | None = None
    # Bytes that came since the last head or part of a body, and those of the head that is read.
    _unparsed = _head = 0
    _is_head = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        self._unparsed += len(data)
        super().data_received(data)
        # The parser keeps what it has of a header, of trailers too, for as long as more of it comes.
        if self._unparsed > HEAD_MAX and not self.transport.is_closing():
            if self._is_busy():
                self.transport.close()
            else:
                self.send_400_response("Request header fields too large.")
        self._wait_for_head()

    def on_message_begin(self) -> None:
        self._is_head, self._head = True, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """What comes after a body is no header of the request: it would be one that no proxy has looked at."""
        self._count(len(name) + len(value) + len(": \r\n"))
        if self._is_head:
            super().on_header(name, value)

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > HEAD_MAX:
            raise BadHead

    def on_headers_complete(self) -> None:
        self._is_head, self._unparsed = False, 0
        hosts = sum(name == b"host" for name, _value in self.headers)
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1") or hosts > 1 or (hosts == 0 and version == "1.1"):
            raise BadHead
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unparsed = 0
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        """From the first byte on; between two requests uvicorn waits by itself."""
        if self._is_busy():
            self._stop_waiting()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(HEAD_PATIENCE, self._give_up)

    def _is_busy(self) -> bool:
        """With a request, or as a socket."""
        return self.transport.get_protocol() is not self or (
            self.cycle is not None and not self.cycle.response_complete
        )

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if not self._is_busy():
            self.transport.close()


class DrainingServer(uvicorn.Server):
    """When it is asked to stop, it first serves on for `drain` seconds, as a process that asks to be left out."""

    def __init__(self, config: uvicorn.Config, *, drain: float) -> None:
        super().__init__(config)
        self._drain = drain
        self._serves_until: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self._drain or draining.is_draining():  # told not to wait, or asked a second time
            super().handle_exit(sig, frame)
            return
        self._captured_signals.append(sig)
        draining.begin()

    async def on_tick(self, counter: int) -> bool:
        now = asyncio.get_running_loop().time()
        if self._serves_until is None and draining.is_draining():
            from api.realtime import manager

            self._serves_until = now + self._drain
            manager.current().drain(self._drain)
        is_over = self._serves_until is not None and now >= self._serves_until
        return await super().on_tick(counter) or is_over


def web_server(application: Any) -> uvicorn.Server:
    """Limits and manners of sockets are the product's; see the tests of `api.realtime`."""
    return DrainingServer(
        uvicorn.Config(
            application,
            http=Prompt,
            loop="uvloop",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # TRUSTED_PROXIES says whose headers count
            ws=SocketProtocol,
            ws_max_size=64 * 1024,
            ws_ping_interval=20,
            ws_ping_timeout=20,
            timeout_graceful_shutdown=max(1, round(settings.STOP_SECONDS)),
        ),
        drain=settings.DRAIN_SECONDS,
    )


def end_with_supervisor() -> None:
    """End this process when the one that started it goes away, even killed: its end of our input closes then."""
    if os.environ.get("SUPERVISED") != "1":
        return

    def wait() -> None:
        os.read(0, 1)  # not through sys.stdin, whose lock would be missed at our end
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
