"""Lines of the log, sent elsewhere too: syslog (RFC 5424) in counted frames, over TLS (RFC 5425) or TCP.

Nothing waits for it. What its queue does not hold while the server is away is dropped, and counted.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import queue
import select
import socket
import ssl
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

SCHEMES = ("syslog+tls", "syslog+tcp")
# Lines that wait at most; bytes of one, as servers commonly take them.
WAITING = 10_000
LONGEST = 64 * 1024
# Seconds: for a connection, and for each line; between two tries, at most; for what waits at the end of the process.
TIMEOUT = 5.0
RETRY_MAX = 30.0
LAST_WORDS = 2.0
# Seconds between two lines on stderr about a server that takes none.
SAY_EVERY = 60.0
# Facility local0, and the severities of RFC 5424 for the levels of `logging`.
FACILITY = 16 * 8
SEVERITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))


class LogServer:
    """`put` never waits. A thread that is started with the first line sends them, in their order."""

    def __init__(self, url: str, *, ca_file: str = "") -> None:
        """`url` as `syslog+tls://logs.example.com:6514`; `ca_file` in place of the system's certificates."""
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or (6514 if parts.scheme == "syslog+tls" else 601))
        self._tls = ssl.create_default_context(cafile=ca_file or None) if parts.scheme == "syslog+tls" else None
        self._head = f"{socket.gethostname()} infloo"
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        """Threads and connections stay behind in the process that was forked."""
        self._waiting: queue.Queue[bytes | None] = queue.Queue(WAITING)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._connection: socket.socket | None = None
        self._is_ending = threading.Event()
        self._silent_until = float("-inf")

    def put(self, line: bytes, level: int = logging.INFO) -> None:
        severity = next((number for least, number in SEVERITIES if level >= least), 7)
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        message = f"<{FACILITY + severity}>1 {stamp} {self._head} {os.getpid()} - - ".encode() + line.strip()[:LONGEST]
        if self._thread is None:
            self._start()
        try:
            self._waiting.put_nowait(b"%d %b" % (len(message), message))
        except queue.Full:
            from apps.infra import metrics  # here, since settings are read before any app

            metrics.LOG_LINES_DROPPED.labels("full").inc()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log server", daemon=True)
                self._thread.start()
                atexit.register(self._finish)

    def _finish(self) -> None:
        with suppress(queue.Full):
            self._waiting.put_nowait(None)
        if self._thread is not None:
            self._thread.join(LAST_WORDS)
        self._is_ending.set()

    def _run(self) -> None:
        while (message := self._waiting.get()) is not None:
            wait = 0.2
            while not self._sent(message):
                if self._is_ending.wait(wait):
                    return
                wait = min(2 * wait, RETRY_MAX)

    def _sent(self, message: bytes) -> bool:
        try:
            if self._connection is None or _is_closed(self._connection):
                self._connect()
            assert self._connection is not None
            self._connection.sendall(message)
        except (OSError, ValueError) as error:
            self._say(error)
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            return False
        return True

    def _say(self, error: Exception) -> None:
        """On stderr alone: a line of the log would come back here."""
        now = time.monotonic()
        if now < self._silent_until:
            return
        self._silent_until = now + SAY_EVERY
        stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        said = {"event": f"The log server takes no lines: {error}", "level": "warning", "timestamp": stamp}
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{json.dumps(said | {'logger': __name__})}\n")

    def _connect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        plain = socket.create_connection(self._address, TIMEOUT)
        try:
            self._connection = self._tls.wrap_socket(plain, server_hostname=self._address[0]) if self._tls else plain
        except BaseException:
            plain.close()
            raise


def _is_closed(connection: socket.socket) -> bool:
    """A log server says nothing, save that it ends the connection (or, over TLS, hands out tickets at its start)."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if not poll.poll(0):
        return False
    connection.settimeout(0.01)
    try:
        return connection.recv(1024) == b""
    except TimeoutError:
        return False
    finally:
        connection.settimeout(TIMEOUT)


class LogServerHandler(logging.Handler):
    """What goes through `logging`."""

    def __init__(self, server: LogServer, **options: Any) -> None:
        super().__init__(**options)
        self._server = server

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._server.put(self.format(record).encode(errors="replace"), record.levelno)
        except Exception:
            self.handleError(record)
