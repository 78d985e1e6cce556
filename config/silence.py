"""What becomes of a statement whose server has fallen silent: it fails within seconds, where libpq would wait for ever.

A statement may take its time. After some seconds without an answer the server is asked over another connection whether
it lives: a machine that is gone, cut off or stopped does not answer there, a busy one does. A single connection that
was lost on the way is found out by TCP, as `KEEPALIVE` says.

A server that does not live is not asked by everyone: one caller at a time goes first, the others have an error at once.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg.abc import PQGen
from psycopg.errors import _WaitTimeout
from psycopg.pq import TransactionStatus
from psycopg.waiting import Ready

SILENCE = 3.0
"""Seconds without an answer after which a server is asked whether it lives, and again after as many more."""
PROBE = 2.0
"""Seconds that it has for that."""
REST = 2.0
"""Seconds after which a caller may go first again."""
INTERVAL = 0.1
"""Seconds between two looks at interrupts, as psycopg has it."""
KEEPALIVE: dict[str, Any] = {
    "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000,
    "connect_timeout": 5,
}  # fmt: skip
"""Options of libpq: a connection whose other end has vanished ends some ten seconds after its last packet."""
# The request for TLS, which every server answers with one byte before anything else (PostgreSQL, “Message Formats”).
SSL_REQUEST = (8).to_bytes(4) + (80877103).to_bytes(4)
# Of those pools whose server was found dead: until when nobody asks it.
_resting: WeakKeyDictionary[Any, float] = WeakKeyDictionary()


class Connection(psycopg.Connection[Any]):
    def wait[T](self, gen: PQGen[T], interval: float = INTERVAL, timeout: float | None = None) -> T:
        """Raises `psycopg.OperationalError` where the server does not live."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        waited = gen
        while True:
            try:
                return super().wait(waited, interval, SILENCE)
            except _WaitTimeout:
                if _is_at_work(self) and not answers(self.info.host, self.info.port):
                    raise _given_up(self) from None
                waited = _resumed(gen)


class AsyncConnection(psycopg.AsyncConnection[Any]):
    async def wait[T](
        self,
        gen: PQGen[T],
        interval: float = INTERVAL,
        timeout: float | None = None,  # noqa: ASYNC109  # psycopg's
    ) -> T:
        """Raises `psycopg.OperationalError` where the server does not live."""
        if timeout is not None:
            return await super().wait(gen, interval, timeout)
        waited = gen
        while True:
            try:
                return await super().wait(waited, interval, SILENCE)
            except _WaitTimeout:
                if _is_at_work(self) and not await asyncio.to_thread(answers, self.info.host, self.info.port):
                    raise _given_up(self) from None
                waited = _resumed(gen)


@contextmanager
def taking_turns(pool: Any) -> Iterator[None]:
    """Take a connection of `pool` inside the block. Raises `psycopg.OperationalError` where another caller found the
    server dead, and it is not this one's turn to see whether it lives again."""
    until = _resting.get(pool) if pool else None
    if until is None:
        yield
        return
    now = time.monotonic()
    if now < until:
        raise psycopg.OperationalError("PostgreSQL did not answer just now")
    _resting[pool] = now + pool.timeout + REST
    try:
        yield
    except Exception:
        _resting[pool] = time.monotonic() + REST
        raise
    _resting.pop(pool, None)


def answers(host: str, port: int) -> bool:
    """Whether the server there says anything at all."""
    try:
        if host.startswith("/"):
            link = socket.socket(socket.AF_UNIX)
            link.settimeout(PROBE)
            link.connect(f"{host}/.s.PGSQL.{port}")
        else:
            link = socket.create_connection((host, port), PROBE)
        with link:
            link.sendall(SSL_REQUEST)
            return bool(link.recv(1))
    except OSError:
        return False


def _is_at_work(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> bool:
    """Whether an answer is owed: who listens for notifications waits for what may never come."""
    return connection.pgconn.transaction_status == TransactionStatus.ACTIVE


def _given_up(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> psycopg.OperationalError:
    connection.pgconn.finish()
    if pool := getattr(connection, "_pool", None):
        _resting[pool] = time.monotonic() + REST
    return psycopg.OperationalError("PostgreSQL does not answer")


def _resumed[T](gen: PQGen[T]) -> Generator[Any, Any, T]:
    """`gen` from where a wait for it had ended. It does not end with this: it may be resumed again."""
    ready: Any = Ready.NONE
    try:
        while True:
            ready = yield gen.send(ready)
    except StopIteration as end:
        result: T = end.value
        return result
