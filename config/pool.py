"""Whether a connection of the pool still lives, without a round trip each time one is taken."""

from __future__ import annotations

import select
import time
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg_pool import ConnectionPool

# Seconds after which a connection is asked, since a broken network says nothing by itself.
IDLE = 1.0

_taken: WeakKeyDictionary[psycopg.Connection[Any], float] = WeakKeyDictionary()


def check(connection: psycopg.Connection[Any]) -> None:
    """Raise where the connection is dead. It is asked after a while unused, and where it has something to say."""
    now = time.monotonic()
    last, _taken[connection] = _taken.get(connection, float("-inf")), now
    if now - last > IDLE or _has_news(connection):
        ConnectionPool.check_connection(connection)


def _has_news(connection: psycopg.Connection[Any]) -> bool:
    """PostgreSQL sends nothing to a connection at rest, save that it ends it."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
