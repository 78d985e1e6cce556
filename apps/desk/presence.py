"""Who else looks at an item right now. The broker alone keeps it: without one nobody is seen, and nothing is lost."""

from __future__ import annotations

import logging
import time
from functools import cache
from typing import TYPE_CHECKING

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from apps.desk.models import Workable
    from apps.users.models import User

logger = logging.getLogger(__name__)

# Seconds. Pages say every two that they are open.
LASTS = 8
PATIENCE = 0.3
LEAVE_ALONE = 5.0

_away_until = 0.0


def look(viewer: User, item: Workable) -> list[str]:
    """Say that `viewer` has `item` open. The names of the others who have, in order."""
    global _away_until  # noqa: PLW0603
    if time.monotonic() < _away_until:
        return []
    now, key = time.time(), f"looking:{item._meta.label_lower}:{item.pk}"
    try:
        with _broker().pipeline() as pipe:
            pipe.zadd(key, {viewer.username: now})
            pipe.zremrangebyscore(key, 0, now - LASTS)
            pipe.expire(key, LASTS)
            pipe.zrange(key, 0, 49)
            names = pipe.execute()[-1]
    except redis.RedisError:
        logger.warning("The broker does not answer; nobody is shown who else looks.")
        _away_until = time.monotonic() + LEAVE_ALONE
        return []
    return sorted(name for name in (raw.decode() for raw in names) if name != viewer.username)


def leave(viewer: User, item: Workable) -> None:
    """Say that `viewer` has closed it."""
    if time.monotonic() < _away_until:
        return
    try:
        _broker().zrem(f"looking:{item._meta.label_lower}:{item.pk}", viewer.username)
    except redis.RedisError:
        logger.warning("The broker does not answer; who looks is not kept.")


@cache
def _broker() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=Retry(NoBackoff(), 1)
    )
