"""Sessions of the console and the API alike: listed, ended, and whether one is still valid."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.access import require
from apps.audit.actions import Action
from apps.audit.services import record
from apps.errors import Absent
from apps.infra import pubsub
from apps.users.accounts.guards import refuse_superuser
from apps.users.models import Session, User
from apps.users.permissions import MAY_SIGN_IN


@transaction.atomic
def end_session(actor: User, session_id: int, reason: str = "") -> Session:
    """End a session of the actor, or of another user with the permission. Raises `Absent`, `Refused`."""
    session = Session.objects.select_for_update(of=("self",)).select_related("user").filter(pk=session_id).first()
    if session is None:
        raise Absent("not-found", _("There is no such session."))
    require(actor, "users.end_session", session)
    refuse_superuser(actor, session.user)
    end(session, actor, reason or Action.SESSION_ENDED)
    record(actor, Action.SESSION_ENDED, session, reason=reason, subject=session.user)
    return session


@transaction.atomic
def end_sessions_of(actor: User, user_id: int, reason: str = "") -> int:
    """End every session of a user, of the console and the API, and return their number; the actor's own as well."""
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None:
        raise Absent("not-found", _("There is no such person."))
    require(actor, "users.end_session")
    refuse_superuser(actor, user)
    count = end_all(actor, user, action=Action.SESSION_ENDED, note=reason)
    record(actor, Action.SESSION_ENDED, user, reason=reason, subject=user, count=count)
    return count


def valid_sessions_of(user: User) -> QuerySet[Session]:
    """The live sessions of `user`, latest activity first."""
    return Session.objects.live().filter(user=user).order_by("-last_seen_at", "-id")


@transaction.atomic
def end_own_session(user: User, session_id: int) -> None:
    """End one of the user's own sessions. Raises `Absent`."""
    session = valid_sessions_of(user).select_for_update(of=("self",)).filter(pk=session_id).first()
    if session is None:
        raise Absent("not-found", _("There is no such login of yours."))
    end(session, user, Action.SESSION_ENDED)


@transaction.atomic
def end_other_sessions(user: User, current: Session) -> int:
    """End every session of `user` but the current one, of the console and the API, and return their number."""
    count = _end_live(valid_sessions_of(user).exclude(pk=current.pk), user, user, Action.SESSION_ENDED)
    if count:
        record(user, Action.SESSION_ENDED, user, subject=user, count=count)
    return count


def is_signed_in(user: User, session_id: int) -> bool:
    """Whether this session of `user` is valid."""
    session = Session.objects.select_related("user").filter(pk=session_id, user=user).first()
    return session is not None and is_valid(session, session.user.token_version)


def end_all(actor: User | None, user: User, *, action: Action, note: str = "") -> int:
    """End every session of `user`, of the console and the API, and return their number."""
    return _end_live(valid_sessions_of(user), user, actor, note or action)


def _end_live(sessions: QuerySet[Session], user: User, actor: User | None, reason: str) -> int:
    count = sessions.order_by().update(ended_at=timezone.now(), ended_by=actor, end_reason=reason)
    pubsub.recheck(user.pk)
    return count


def is_valid(session: Session, version: int) -> bool:
    """Whether the session is valid for tokens of `version`: live, account active, password unchanged, not staff."""
    user = session.user
    versions = {session.token_version, user.token_version, version}
    return session.is_live and MAY_SIGN_IN.passes(user, timezone.now()) and len(versions) == 1


def end(session: Session, by: User | None, reason: str) -> None:
    session.end(by, reason)
    session.save(update_fields=["ended_at", "ended_by", "end_reason"])
    pubsub.recheck(session.user_id)
