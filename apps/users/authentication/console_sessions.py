"""Sign-ins of staff to the console. Each is a `Session` row, so that it is listed and can be ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import formats, timezone

from apps.audit.actions import Action
from apps.audit.services import record
from apps.users.accounts import mails
from apps.users.accounts.identifiers import account_named
from apps.users.models import Session, User

if TYPE_CHECKING:
    from uuid import UUID

SESSION_KEY = "console_session"
"""Where the Django session of a console user has the key of their `Session`."""
# Each request would be a write otherwise.
SEEN_EVERY = timedelta(minutes=1)


@transaction.atomic
def begin(user: User, *, address: str | None, user_agent: str) -> Session:
    """Note that `user` has signed in to the console."""
    now = timezone.now()
    session = Session.objects.create(
        user=user,
        door=Session.Door.CONSOLE,
        token_version=user.token_version,
        expires_at=_until(now, now),
        address=address,
        user_agent=user_agent[:400],
    )
    record(user, Action.SIGNED_IN, session)
    return session


def live(user: User, key: UUID | str) -> Session | None:
    """This sign-in of `user`, where it still counts."""
    session = Session.objects.filter(key=key, user=user, door=Session.Door.CONSOLE).first()
    if session is None or not session.is_live or session.token_version != user.token_version:
        return None
    return session


def note_use(session: Session) -> None:
    """Note that somebody uses the console now. What a page asks by itself, while it stands open, is no use."""
    now, every = timezone.now(), seen_every()
    if now - session.last_seen_at > every:
        until = _until(session.created_at, now)
        Session.objects.filter(pk=session.pk, last_seen_at__lt=now - every).update(last_seen_at=now, expires_at=until)
        session.last_seen_at, session.expires_at = now, until


def seen_every() -> timedelta:
    """How exact `last_seen_at` is; a session that ends soon without use needs it more exact."""
    return min(SEEN_EVERY, timedelta(minutes=settings.CONSOLE_IDLE_MINUTES) / 10)


def _until(begun: datetime, now: datetime) -> datetime:
    """When a session ends that is not used again: after the idle time, and in any case at the cookie's age."""
    idle = timedelta(minutes=settings.CONSOLE_IDLE_MINUTES)
    return min(now + idle, begun + timedelta(seconds=settings.SESSION_COOKIE_AGE))


@transaction.atomic
def sign_out(user: User, key: UUID | str) -> None:
    """End a sign-in of one's own."""
    session = Session.objects.select_for_update().filter(key=key, user=user).first()
    if session is not None and session.is_live:
        session.end(user, Action.SIGNED_OUT)
        session.save(update_fields=["ended_at", "ended_by", "end_reason"])
        record(user, Action.SIGNED_OUT, session)


def sign_in_failed(username: str) -> None:
    """Note a failed sign-in. Only accounts are named: people type passwords into the wrong field."""
    record(None, Action.SIGN_IN_FAILED, account_named(username))


def notify_of_device(user: User, *, address: str | None, user_agent: str) -> None:
    """Mail `user` that they signed in from a new device, unless they did from just such a one before, or never did."""
    earlier = Session.objects.filter(user=user, door=Session.Door.CONSOLE)
    if not earlier.exists() or earlier.filter(address=address, user_agent=user_agent[:400]).exists():
        return
    time = formats.date_format(timezone.localtime(), "DATETIME_FORMAT")
    mails.mail_account_notice(user, "new_device", time=time, address=address or "", device=user_agent[:120])
