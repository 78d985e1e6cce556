"""Valkey, which holds only what may be lost: counters, tickets, previews, who else looks.

It may be away, hang, be full or take no writes: whoever asks says what to do then. After a failure the process leaves
it alone for a while, so that a request waits for it at most once, and returns to it by itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

# Seconds. A Valkey that is slower than this is as good as away; then it is left alone for a while.
PATIENCE = 0.5
LEAVE_ALONE = 2.0
# Seconds between two lines in the log about the same server.
SAY_EVERY = 60.0


class Away(Exception):
    """Valkey did not do what it was asked, or failed to in the last seconds and was not asked."""


class _Server:
    def __init__(self, url: str) -> None:
        # A pool of its own: `redis.Redis(...)` would try three times more, with pauses.
        self.client = redis.Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
        self.away_until = self._silent_until = float("-inf")

    def leave_alone(self, error: redis.RedisError) -> None:
        now = time.monotonic()
        self.away_until = now + LEAVE_ALONE
        if now >= self._silent_until:
            self._silent_until = now + SAY_EVERY
            # Its kind alone: what Valkey says of a command may repeat it.
            kind = type(error).__name__
            logger.warning("Valkey does not answer, or takes no writes (%s): the platform goes on without it.", kind)


@contextmanager
def asked() -> Iterator[redis.Redis]:
    """Valkey, to be asked within the block. Raises `Away`."""
    server = _server(settings.REDIS_URL)
    if time.monotonic() < server.away_until:
        raise Away
    try:
        yield server.client
    except redis.RedisError as error:
        server.leave_alone(error)
        raise Away from error


@cache
def _server(url: str) -> _Server:
    return _Server(url)
