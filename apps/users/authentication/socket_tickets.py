"""Socket credentials: the session of the access token that opened a socket, valid no longer than that token.

A browser cannot send a header with a socket, so it first fetches a ticket with its token: good once, and not for long.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass
from secrets import token_urlsafe
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from apps.errors import Unavailable, WrongCredentials
from apps.infra import valkey
from apps.users.authentication import sessions
from apps.users.authentication.tokens import AccessToken, read
from apps.users.models import Session

TICKET_SECONDS = 30


@dataclass(frozen=True, slots=True)
class SocketCredential:
    session_key: str
    version: int
    expires_at: int
    """In seconds since 1970."""


def from_token(access_token: str) -> SocketCredential:
    """The credential of an access token. Raises `WrongCredentials` for an invalid or expired one.

    Whether its session is valid, `valid_sessions` answers."""
    token = read(AccessToken, access_token)
    return SocketCredential(session_key=token["sid"], version=token["ver"], expires_at=token["exp"])


def issue_ticket(access_token: str) -> str:
    """A single-use ticket in place of the token, valid for `TICKET_SECONDS`. Raises `Unavailable` without Valkey."""
    ticket, kept = token_urlsafe(24), json.dumps(asdict(from_token(access_token)))
    try:
        with valkey.asked() as client:
            client.set(_key(ticket), kept, ex=TICKET_SECONDS)
    except valkey.Away:
        raise Unavailable("try-again", _("Tickets cannot be given at the moment. Try again shortly.")) from None
    return ticket


def from_ticket(ticket: str) -> SocketCredential:
    """Use up a ticket. Raises `WrongCredentials` where it was used before, has expired or never was, and `Unavailable`
    where it cannot be used up.
    """
    try:
        with valkey.asked() as client:
            kept: Any = client.getdel(_key(ticket))
    except valkey.Away:
        raise Unavailable("try-again", _("Tickets cannot be given at the moment. Try again shortly.")) from None
    if kept is None:
        raise WrongCredentials("invalid-ticket", _("This ticket does not hold. Fetch a new one."))
    return SocketCredential(**json.loads(kept))


def valid_sessions(credentials: Collection[SocketCredential]) -> dict[SocketCredential, Session]:
    """The valid credentials, each with its session and user. One query for all."""
    current = [credential for credential in credentials if credential.expires_at > time.time()]
    keys = {UUID(credential.session_key) for credential in current}
    logins = {str(login.key): login for login in Session.objects.filter(key__in=keys).select_related("user")}
    return {
        credential: login
        for credential in current
        if (login := logins.get(credential.session_key)) and sessions.is_valid(login, credential.version)
    }


def _key(ticket: str) -> str:
    return f"{settings.BROADCAST_PREFIX}:ticket:{ticket}"
