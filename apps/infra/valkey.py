"""Valkey, which stores only what may be lost: counters, tickets, previews, which officers have a page open.

It may be away, hang, be full or take no writes: callers say what to do then. After a failure the process leaves
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
from redis.backoff import NoBackoff
from redis.retry import Retry

from apps.infra import metrics

logger = logging.getLogger(__name__)

# Seconds for which a Valkey that was away is not asked.
LEAVE_ALONE = 2.0
# Seconds between two lines in the log about the same server.
SAY_EVERY = 60.0


class Away(Exception):
    """Valkey did not do what it was asked, or failed to in the last seconds and was not asked."""


class CircuitBreaker:
    """Leaves a server alone for a while after a failure, so that callers do not wait for it again and again."""

    def __init__(self) -> None:
        self.open_until = float("-inf")

    def is_open(self) -> bool:
        """Whether the server is to be left alone now."""
        return time.monotonic() < self.open_until

    def trip(self, seconds: float) -> None:
        """Leave the server alone for so long."""
        self.open_until = time.monotonic() + seconds


class _Server:
    def __init__(self, url: str) -> None:
        self.client = connect(url, timeout=settings.VALKEY_TIMEOUTS["request"])
        self.breaker = CircuitBreaker()
        self._silent_until = float("-inf")

    def leave_alone(self, error: redis.RedisError) -> None:
        metrics.VALKEY_FAILURES.inc()
        now = time.monotonic()
        self.breaker.trip(LEAVE_ALONE)
        if now >= self._silent_until:
            self._silent_until = now + SAY_EVERY
            # Its kind alone: what Valkey says of a command may repeat it.
            kind = type(error).__name__
            logger.warning("Valkey does not answer, or takes no writes (%s): the platform goes on without it.", kind)


def connect(url: str, *, timeout: float, attempts: int = 1) -> redis.Redis:
    """A client that tries so often and waits `timeout` seconds for each answer."""
    # A pool of its own: `redis.Redis(...)` would try three times more, with pauses.
    retry = Retry(NoBackoff(), attempts - 1)
    return redis.Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=retry)


@contextmanager
def asked() -> Iterator[redis.Redis]:
    """Valkey, to be asked within the block. Raises `Away`."""
    server = _server(settings.REDIS_URL)
    if server.breaker.is_open():
        raise Away
    try:
        yield server.client
    except redis.RedisError as error:
        server.leave_alone(error)
        raise Away from error


@cache
def _server(url: str) -> _Server:
    return _Server(url)
