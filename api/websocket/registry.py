"""Which sockets a person has open, over all processes: a sorted set a person in Valkey.

Each process says every so often which of its own are open; what nobody has said for a while is forgotten, as after a
process was killed or Valkey has lost its data. While Valkey is away each process knows its own alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from itertools import batched
from secrets import token_hex

from django.conf import settings
from redis.client import Pipeline
from redis.exceptions import RedisError

from api.throttles import LEAVE_ALONE, broker

logger = logging.getLogger(__name__)

# Seconds: between two words of a process on its sockets, and after how many without one they count no more.
REFRESH_EVERY = 20.0
FORGET_AFTER = 60
AT_ONCE = 500

type Place = tuple[int, str]
"""A person, and one of their sockets."""

_away_until = 0.0


def new_key() -> str:
    """A name for a socket that is opened now. Names sort by their age."""
    return f"{time.time():017.6f}:{token_hex(8)}"


def surplus(keys: Iterable[str]) -> list[str]:
    """Those of one person's sockets that are too many: the oldest."""
    allowed = max(1, round(settings.SOCKETS_A_PERSON * settings.LIMITS_SCALE))
    return sorted(keys)[:-allowed]


def enter(person_id: int, key: str) -> list[str]:
    """Add a socket, and return those of this person that are too many now."""
    answers = _ask(lambda pipe: (_note(pipe, person_id, key), pipe.zrange(_name(person_id), 0, -1)))
    return surplus(member.decode() for member in answers[-1]) if answers else []


def leave(person_id: int, key: str) -> None:
    """Forget a socket."""
    _ask(lambda pipe: pipe.zrem(_name(person_id), key))


def refresh(places: Iterable[Place]) -> None:
    """Say that these are open still."""
    for some in batched(places, AT_ONCE, strict=False):
        _ask(lambda pipe, some=some: [_note(pipe, *place) for place in some])


def _note(pipe: Pipeline, person_id: int, key: str) -> None:
    name, now = _name(person_id), time.time()
    pipe.zadd(name, {key: now})
    pipe.zremrangebyscore(name, "-inf", now - FORGET_AFTER)
    pipe.expire(name, FORGET_AFTER)


def _name(person_id: int) -> str:
    return f"{settings.BROADCAST_PREFIX}:sockets:{person_id}"


def _ask(fill: Callable[[Pipeline], object]) -> list[bytes | int | list[bytes]]:
    """The answers to what `fill` puts into a pipeline; none while Valkey is away."""
    global _away_until  # noqa: PLW0603
    if time.monotonic() < _away_until:
        return []
    try:
        with broker(settings.REDIS_URL).pipeline(transaction=False) as pipe:
            fill(pipe)
            return pipe.execute()
    except RedisError:
        _away_until = time.monotonic() + LEAVE_ALONE
        logger.warning("Valkey does not answer: each process counts the sockets of a person by itself.")
        return []
