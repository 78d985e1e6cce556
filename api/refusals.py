"""The calls that were refused to somebody of late: what support looks at first. Kept by Valkey, and no longer."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from api.auth import LookingAs
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


def note(request: HttpRequest, response: HttpResponseBase) -> None:
    """Keep the call in mind where it was refused to somebody who is signed in."""
    if response.status_code < 400 or not request.user.is_authenticated or isinstance(request, LookingAs):
        return
    code = json.loads(getattr(response, "content", b"") or b"{}").get("type", "")
    call = RefusedCall(timezone.now(), request.method or "", request.path[:200], response.status_code, code)
    key = _key(request.user.pk)
    with suppress(valkey.Away), valkey.asked() as client, client.pipeline(transaction=False) as pipe:
        pipe.lpush(key, json.dumps(asdict(call), default=datetime.isoformat))
        pipe.ltrim(key, 0, KEPT - 1)
        pipe.expire(key, KEPT_FOR)
        pipe.execute()


def latest(person: User) -> list[RefusedCall] | None:
    """The last refused calls, newest first; None where Valkey does not answer."""
    try:
        with valkey.asked() as client:
            kept = client.lrange(_key(person.pk), 0, KEPT - 1)
    except valkey.Away:
        return None
    calls = [json.loads(call) for call in kept]  # type: ignore[union-attr]
    return [RefusedCall(**call | {"at": datetime.fromisoformat(call["at"])}) for call in calls]


def _key(user_id: int) -> str:
    return f"refused:{user_id}"
