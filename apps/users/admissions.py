"""What an open socket stands on: the login of the access token that let it in, and no longer than that token.

A browser cannot send a header with a socket, so it first fetches a ticket with its token: good once, and not for long.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass
from functools import cache
from secrets import token_urlsafe
from typing import Any
from uuid import UUID

import redis
from django.conf import settings
from django.utils.translation import gettext as _

from apps.errors import Conflict, WrongCredentials
from apps.users import sessions
from apps.users.models import Session
from apps.users.tokens import AccessToken, read

TICKET_SECONDS = 30
# Seconds to wait for the broker, which keeps the tickets.
PATIENCE = 2


@dataclass(frozen=True, slots=True)
class Admission:
    session_key: str
    version: int
    expires_at: int
    """In seconds since 1970."""


def by_token(access_token: str) -> Admission:
    """Raises `WrongCredentials` for what is no access token of ours, or expired; `standing` judges the rest."""
    token = read(AccessToken, access_token)
    return Admission(session_key=token["sid"], version=token["ver"], expires_at=token["exp"])


def issue_ticket(access_token: str) -> str:
    """A ticket in place of the token. Raises `Conflict` while the broker is away."""
    ticket = token_urlsafe(24)
    try:
        _broker().set(_key(ticket), json.dumps(asdict(by_token(access_token))), ex=TICKET_SECONDS)
    except redis.RedisError as error:
        raise Conflict("try-again", _("Tickets cannot be given at the moment. Try again shortly.")) from error
    return ticket


def by_ticket(ticket: str) -> Admission:
    """Use up a ticket. Raises `WrongCredentials` where it was used before, has expired or never was."""
    kept: Any = _broker().getdel(_key(ticket))
    if kept is None:
        raise WrongCredentials("invalid-ticket", _("This ticket does not hold. Fetch a new one."))
    return Admission(**json.loads(kept))


def standing(admissions: Collection[Admission]) -> dict[Admission, Session]:
    """Those that still hold, each with its login and user. One query, however many."""
    current = [admission for admission in admissions if admission.expires_at > time.time()]
    keys = {UUID(admission.session_key) for admission in current}
    logins = {str(login.key): login for login in Session.objects.filter(key__in=keys).select_related("user")}
    return {
        admission: login
        for admission in current
        if (login := logins.get(admission.session_key)) and sessions.holds(login, admission.version)
    }


def _key(ticket: str) -> str:
    return f"{settings.BROADCAST_PREFIX}:ticket:{ticket}"


def _broker() -> redis.Redis:
    return _client(settings.REDIS_URL)


@cache
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
