"""What an open socket stands on: the login of the access token that let it in, and no longer than that token.

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
    """A ticket in place of the token. Raises `Unavailable` while Valkey keeps none."""
    ticket, kept = token_urlsafe(24), json.dumps(asdict(by_token(access_token)))
    try:
        with valkey.asked() as client:
            client.set(_key(ticket), kept, ex=TICKET_SECONDS)
    except valkey.Away:
        raise Unavailable("try-again", _("Tickets cannot be given at the moment. Try again shortly.")) from None
    return ticket


def by_ticket(ticket: str) -> Admission:
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
    return Admission(**json.loads(kept))


def standing(admissions: Collection[Admission]) -> dict[Admission, Session]:
    """Those that still hold, each with its login and user. One query, however many."""
    current = [admission for admission in admissions if admission.expires_at > time.time()]
    keys = {UUID(admission.session_key) for admission in current}
    logins = {str(login.key): login for login in Session.objects.filter(key__in=keys).select_related("user")}
    return {
        admission: login
        for admission in current
        if (login := logins.get(admission.session_key)) and sessions.is_valid(login, admission.version)
    }


def _key(ticket: str) -> str:
    return f"{settings.BROADCAST_PREFIX}:ticket:{ticket}"
