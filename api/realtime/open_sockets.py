"""Which sockets a user has open, over all processes: a sorted set for each user in Valkey.

Each process refreshes its own every 20 s; a socket that was not refreshed for 60 s is forgotten, as after a process was
killed or Valkey has lost its data. While Valkey is away each process knows its own alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from secrets import token_hex
from typing import Any

from django.conf import settings

from apps.infra import valkey

# Seconds: between two refreshes by a process, and without one until its sockets count no more.
REFRESH_EVERY = 20.0
FORGET_AFTER = 60
AT_ONCE = 500

type Place = tuple[int, str]
"""A user, and one of their sockets."""
type Command = tuple[str | int | float, ...]


def new_key() -> str:
    """A name for a socket that is opened now. Names sort by their age."""
    return f"{time.time():017.6f}:{token_hex(8)}"


def surplus(keys: Iterable[str]) -> list[str]:
    """Those of one user's sockets that are too many: the oldest."""
    allowed = max(1, round(settings.SOCKETS_A_PERSON * settings.LIMITS_SCALE))
    return sorted(keys)[:-allowed]


def enter(user_id: int, key: str) -> list[str]:
    """Add a socket, and return those of this user that are too many now."""
    answers = _ask([*_note(user_id, key), ("ZRANGE", _name(user_id), 0, -1)])
    return surplus(member.decode() for member in answers[-1]) if answers else []


def leave(user_id: int, key: str) -> None:
    """Forget a socket."""
    _ask([("ZREM", _name(user_id), key)])


def refresh(places: list[Place]) -> None:
    """Note that these are still open."""
    for start in range(0, len(places), AT_ONCE):
        _ask([command for place in places[start : start + AT_ONCE] for command in _note(*place)])


def _note(user_id: int, key: str) -> list[Command]:
    name, now = _name(user_id), time.time()
    return [
        ("ZADD", name, now, key),
        ("ZREMRANGEBYSCORE", name, "-inf", now - FORGET_AFTER),
        ("EXPIRE", name, FORGET_AFTER),
    ]


def _name(user_id: int) -> str:
    return f"{settings.BROADCAST_PREFIX}:sockets:{user_id}"


def _ask(commands: Iterable[Command]) -> list[Any]:
    """The answers to these, in one trip; none while Valkey is away."""
    try:
        with valkey.asked() as client, client.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)  # type: ignore[no-untyped-call]
            return pipe.execute()
    except valkey.Away:
        return []
