"""Which other officers have an item open right now. Only Valkey stores it: without it no officer is shown."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from apps.infra import valkey

if TYPE_CHECKING:
    from apps.review.models import ReviewItem
    from apps.users.models import User

# Seconds. Pages say every two that they are open.
LASTS = 8


def announce(viewer: User, item: ReviewItem) -> list[str]:
    """Record that `viewer` has `item` open. Returns the names of the other users who have, in order."""
    now, key = time.time(), _key(item)
    try:
        with valkey.asked() as client, client.pipeline() as pipe:
            pipe.zadd(key, {viewer.username: now})
            pipe.zremrangebyscore(key, 0, now - LASTS)
            pipe.expire(key, LASTS)
            pipe.zrange(key, 0, 49)
            names = pipe.execute()[-1]
    except valkey.Away:
        return []
    return sorted(name for name in (raw.decode() for raw in names) if name != viewer.username)


def leave(viewer: User, item: ReviewItem) -> None:
    """Record that `viewer` has closed it."""
    with suppress(valkey.Away), valkey.asked() as client:
        client.zrem(_key(item), viewer.username)


def _key(item: ReviewItem) -> str:
    return f"looking:{item._meta.label_lower}:{item.pk}"
