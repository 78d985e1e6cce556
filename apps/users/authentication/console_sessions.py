"""Sign-ins of staff to the console. Each is a `Session` row, so that it is listed and can be ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import UUIDField
from django.utils import formats, timezone

from apps.audit.actions import Action
from apps.audit.services import record
from apps.users.accounts import mails
from apps.users.accounts.identifiers import account_named
from apps.users.models import Session, User
from apps.visibility.slots import VIEWER, Slot
from apps.visibility.statement import Statement

if TYPE_CHECKING:
    from uuid import UUID

SESSION_KEY = "console_session"
"""Where the Django session of a console user has the key of their `Session`."""
KEY = Slot("key", UUIDField())
# Each request would be a write otherwise.
SEEN_EVERY = timedelta(minutes=1)


@transaction.atomic
def begin(user: User, *, address: str | None, user_agent: str) -> Session:
    """Record that `user` has signed in to the console."""
    now = timezone.now()
    session = Session.objects.create(
        user=user,
        door=Session.EntryPoint.CONSOLE,
        token_version=user.token_version,
        expires_at=_until(now, now),
        address=address,
        user_agent=user_agent[:400],
    )
    record(user, Action.SIGNED_IN, session)
    return session


def live(user: User, key: UUID | str) -> Session | None:
    """The session of `user` with this key, or None where it is not valid."""
    found: list[Session] = _of_the_console().rows({"key": key, "viewer": user.pk})
    session = found[0] if found else None
    if session is None or not session.is_live or session.token_version != user.token_version:
        return None
    return session


@cache
def _of_the_console() -> Statement:
    return Statement(Session.objects.filter(key=KEY, user=VIEWER, door=Session.EntryPoint.CONSOLE))


def note_use(session: Session) -> None:
    """Record that the session is in use. Requests that an open page makes by itself are not to be counted."""
    now, every = timezone.now(), seen_every()
    if now - session.last_seen_at > every:
        until = _until(session.created_at, now)
        Session.objects.filter(pk=session.pk, last_seen_at__lt=now - every).update(last_seen_at=now, expires_at=until)
        session.last_seen_at, session.expires_at = now, until


def seen_every() -> timedelta:
    """The precision of `last_seen_at`: a tenth of the idle time, a minute at most."""
    return min(SEEN_EVERY, timedelta(minutes=settings.CONSOLE_IDLE_MINUTES) / 10)


def _until(begun: datetime, now: datetime) -> datetime:
    """When an unused session ends: after the idle time, and at the cookie's age at the latest."""
    idle = timedelta(minutes=settings.CONSOLE_IDLE_MINUTES)
    return min(now + idle, begun + timedelta(seconds=settings.SESSION_COOKIE_AGE))


@transaction.atomic
def sign_out(user: User, key: UUID | str) -> None:
    """End the user's own session with this key."""
    session = Session.objects.select_for_update().filter(key=key, user=user).first()
    if session is not None and session.is_live:
        session.end(user, Action.SIGNED_OUT)
        session.save(update_fields=["ended_at", "ended_by", "end_reason"])
        record(user, Action.SIGNED_OUT, session)


def sign_in_failed(username: str) -> None:
    """Record a failed sign-in. Unknown names are left out: they may be passwords typed into the wrong field."""
    record(None, Action.SIGN_IN_FAILED, account_named(username))


def notify_of_device(user: User, *, address: str | None, user_agent: str) -> None:
    """Mail `user` about a sign-in from a new device; not for a known one, and not at the first sign-in of all."""
    earlier = Session.objects.filter(user=user, door=Session.EntryPoint.CONSOLE)
    if not earlier.exists() or earlier.filter(address=address, user_agent=user_agent[:400]).exists():
        return
    time = formats.date_format(timezone.localtime(), "DATETIME_FORMAT")
    mails.mail_account_notice(user, "new_device", time=time, address=address or "", device=user_agent[:120])
