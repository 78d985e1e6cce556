"""The last API calls that were refused to each user, kept in Valkey for 14 days: what support reads first."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from apps.infra import valkey
from apps.users.models import User

KEPT = 50
KEPT_FOR = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class RefusedCall:
    at: datetime
    method: str
    path: str
    """Without the query."""
    status: int
    code: str
    """The problem's `type`."""


def keep(user: User, *, method: str, path: str, status: int, code: str) -> None:
    """Keep a call that was refused to this user; nothing is kept while Valkey is away."""
    call = RefusedCall(timezone.now(), method, path[:200], status, code)
    key = _key(user.pk)
    with suppress(valkey.Away), valkey.asked() as client, client.pipeline(transaction=False) as pipe:
        pipe.lpush(key, json.dumps(asdict(call), default=datetime.isoformat))
        pipe.ltrim(key, 0, KEPT - 1)
        pipe.expire(key, KEPT_FOR)
        pipe.execute()


def latest(user: User) -> list[RefusedCall] | None:
    """The last refused calls, newest first; None where Valkey does not answer."""
    try:
        with valkey.asked() as client:
            kept = client.lrange(_key(user.pk), 0, KEPT - 1)
    except valkey.Away:
        return None
    calls = [json.loads(call) for call in kept]  # type: ignore[union-attr]
    return [RefusedCall(**call | {"at": datetime.fromisoformat(call["at"])}) for call in calls]


def forget(user_id: int) -> None:
    """Delete what is kept of this user; where Valkey is away, it goes by itself after `KEPT_FOR`."""
    with suppress(valkey.Away), valkey.asked() as client:
        client.delete(_key(user_id))


def _key(user_id: int) -> str:
    return f"refused:{user_id}"
