"""Signing in and staying signed in: a row for each login, tokens that point at it, and passwords.

A login lives in its `Session` row; a token only names the row. The access token is good while the row is live and
the password unchanged; of the refresh tokens only the latest counts, and an earlier one that turns up again ends
the login, since somebody else may hold it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import check_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import formats, timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from apps.access import require
from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.audit.models import Entry
from apps.audit.services import record
from apps.errors import Absent, Invalid, Refused, WrongCredentials
from apps.infra import pubsub
from apps.users.accounts.guards import not_above
from apps.users.authentication import mfa
from apps.users.authentication.tokens import AccessToken, RefreshToken, dead_token, read
from apps.users.models import ResetCode, Session, User, nobody
from apps.users.models.second_factors import is_digits
from apps.users.names import fold, tidy, tidy_code
from apps.users.passwords import composed, nobodys_password, require_password
from apps.users.permissions import SWITCHED_ON, require_standing

# How exact `last_seen_at` is; each request would be a write otherwise.
SEEN_EVERY = timedelta(minutes=1)
# How often staff are mailed that their password was used where it opens nothing.
NOTICE_EVERY = timedelta(hours=1)
# No account has a longer name or mail address, in whatever way it is written.
NAME_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Tokens:
    access: str
    refresh: str


def sign_in(
    name: str,
    password: str,
    *,
    otp: str = "",
    address: str | None = None,
    user_agent: str = "",
    language: str | None = None,
) -> Tokens:
    """Begin a login of the end user with this user name or mail address, who reads `language` from now on.

    Raises `WrongCredentials` alike for nobody, a wrong password and a switched-off account. Once the password was
    right: `Refused` for staff, `WrongCredentials` where a code is missing or wrong. Then `Refused` for the suspended,
    with an access token among its facts: it opens what they may still do, and their account once that is over.
    """
    user = account_named(name)
    # A hash is computed for nobody too, so that time does not tell whether an account exists.
    right = (user or nobody()).check_password(password)
    if user is not None and user.is_staff:
        _note_try_of_staff(user, right=right, address=address, user_agent=user_agent)
    if user is None or not right or not user.is_active:
        raise WrongCredentials("wrong-credentials", _("No active account found with the given credentials"))
    if user.is_staff:
        raise Refused("staff-account", _("Staff accounts sign in at the console, not here."))
    if mfa.is_enabled(user):
        if not otp:
            raise WrongCredentials("otp-required", _("Send a code of your authenticator app along, as “otp”."))
        mfa.verify(user, otp)
    if language is not None and user.language != language:
        _read_in(user, language)
    try:
        require_standing(user)
    except Refused as refusal:
        refusal.details["access"] = begin(user, address=address, user_agent=user_agent).access
        raise
    return begin(user, address=address, user_agent=user_agent)


@transaction.atomic
def _note_try_of_staff(user: User, *, right: bool, address: str | None, user_agent: str) -> None:
    """Write down that a staff account was tried at the API, and notify its owner where the password was right.

    By mail, once in an hour at most: the staff member may have mistaken the app for the console, time and again.
    """
    tried: dict[str, Any] = {"at": "api", "password_was_right": right}
    now = timezone.now()
    if right and user.is_active:
        tries = Entry.objects.filter(target_type=User._meta.label_lower, target_id=str(user.pk), detail__contains=tried)
        if not tries.filter(verb=Action.SIGN_IN_FAILED, created_at__gt=now - NOTICE_EVERY).exists():
            time = formats.date_format(timezone.localtime(now), "DATETIME_FORMAT")
            mfa.tell(user, "password_used", time=time, address=address or "", device=user_agent[:120])
    record(None, Action.SIGN_IN_FAILED, user, **tried)


@transaction.atomic
def _read_in(user: User, language: str) -> None:
    locked = User.objects.select_for_update(of=("self",)).get(pk=user.pk)
    locked.language = language
    save_as(locked, locked, action=Action.ACCOUNT_LANGUAGE_SET)


def begin(user: User, *, address: str | None = None, user_agent: str = "") -> Tokens:
    """Begin a login of an end user who has shown who they are."""
    session = Session(
        user=user,
        door=Session.Door.API,
        token_version=user.token_version,
        address=address,
        user_agent=user_agent[:400],
    )
    return _renew(session)


def refresh(encoded: str) -> Tokens:
    """Exchange a refresh token for new tokens. Raises `WrongCredentials` where it does not count any more."""
    tokens = _rotate(read(RefreshToken, encoded))
    if tokens is None:
        raise dead_token()
    return tokens


@transaction.atomic
def _rotate(token: RefreshToken) -> Tokens | None:
    """New tokens for a refresh token that still counts; None after ending the login of one that was used before.

    Under the lock of the login's row: the library's own rotation takes none, and would serve two calls at once.
    """
    session = Session.objects.select_for_update(of=("self",)).select_related("user").filter(key=token["sid"]).first()
    if session is None or not holds(session, token["ver"]):
        raise dead_token()
    require_standing(session.user)
    if session.refresh_id != UUID(token["jti"]):
        _end(session, None, Action.REFRESH_TOKEN_REUSED)
        return None
    return _renew(session)


@transaction.atomic
def sign_out(user: User, encoded: str) -> None:
    """End the login that the refresh token belongs to."""
    try:
        token = read(RefreshToken, encoded)
    except WrongCredentials as error:
        raise Invalid("unknown-token", _("This is not a refresh token of yours."), field="refresh") from error
    session = Session.objects.select_for_update().filter(key=token["sid"], user=user).first()
    if session is None:
        raise Invalid("unknown-token", _("This is not a refresh token of yours."), field="refresh")
    _end(session, user, Action.SIGNED_OUT)


@transaction.atomic
def end_session(actor: User, session_id: int, reason: str = "") -> Session:
    """End a login of one's own, or, with the permission, anybody's."""
    session = Session.objects.select_for_update(of=("self",)).select_related("user").filter(pk=session_id).first()
    if session is None:
        raise Absent("not-found", _("There is no such session."))
    require(actor, "users.end_session", session)
    not_above(actor, session.user)
    _end(session, actor, reason or Action.SESSION_ENDED)
    record(actor, Action.SESSION_ENDED, session, reason=reason, subject=session.user)
    return session


@transaction.atomic
def end_sessions_of(actor: User, user_id: int, reason: str = "") -> int:
    """End every login of somebody, at both doors, and say how many there were. One's own too, this one with them."""
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None:
        raise Absent("not-found", _("There is no such person."))
    require(actor, "users.end_session")
    not_above(actor, user)
    count = end_all(actor, user, action=Action.SESSION_ENDED, note=reason)
    record(actor, Action.SESSION_ENDED, user, reason=reason, subject=user, count=count)
    return count


def logins_of(user: User) -> QuerySet[Session]:
    """The logins of `user` that still stand, latest activity first."""
    return Session.objects.live().filter(user=user).order_by("-last_seen_at", "-id")


@transaction.atomic
def end_login(user: User, session_id: int) -> None:
    """End a login of one's own."""
    session = logins_of(user).select_for_update(of=("self",)).filter(pk=session_id).first()
    if session is None:
        raise Absent("not-found", _("There is no such login of yours."))
    _end(session, user, Action.SESSION_ENDED)


def session_of(token: AccessToken) -> Session:
    """The live login behind an access token, with its user and their profile. One query.

    Raises `WrongCredentials` where the login or the account does not hold any more.
    """
    session = Session.objects.select_related("user__profile").filter(key=token["sid"]).first()
    if session is None or not holds(session, token["ver"]):
        raise dead_token()
    _note_seen(session)
    return session


def is_signed_in(user: User, session_id: int) -> bool:
    """Whether this login of `user` stands."""
    session = Session.objects.select_related("user").filter(pk=session_id, user=user).first()
    return session is not None and holds(session, session.user.token_version)


def stand_in(user: User) -> Session:
    """A login of `user` that was never begun, to see what they would see. Raises as `session_of` does."""
    session = Session(user=user, door=Session.Door.API, token_version=user.token_version)
    session.expires_at = session.last_seen_at + timedelta(minutes=1)
    if not holds(session, user.token_version):
        raise dead_token()
    return session


@transaction.atomic
def change_password(user: User, *, old_password: str, new_password: str) -> None:
    """Set a new password and end every login of the user, this one included."""
    user = User.objects.select_for_update().get(pk=user.pk)
    require_password(user, old_password, field="old_password")
    set_password(user, user, new_password, field="new_password", action=Action.PASSWORD_CHANGED)


def request_reset(email: str) -> None:
    """Mail a code to the end user with this address; where there is none, do the same to no effect."""
    from apps.users.jobs import send_reset_code

    user = _client_with(email)
    # The same work either way, so that time does not tell whether an account exists.
    send_reset_code.defer(user_id=user.pk if user else 0)


def confirm_reset(email: str, *, code: str, password: str) -> None:
    """Set a new password by the code from the mail. Raises `Invalid` alike for whatever is wrong with the code.

    What cannot be a code is told as such, and costs no try.
    """
    code = tidy_code(code)
    if not is_digits(code):
        raise Invalid("no-code", _("Enter the six digits of the code."), field="otp")
    if not _redeem(email, code, password):
        raise Invalid("wrong-code", _("This code is wrong or has expired. Ask for a new one."), field="otp")


@transaction.atomic
def _redeem(email: str, code: str, password: str) -> bool:
    # The wrong try must be counted, so this returns rather than raises.
    user = _client_with(email)
    sent = ResetCode.objects.select_for_update().filter(user=user).first() if user else None
    right = check_password(code, sent.code_hash if sent else nobodys_password())
    if user is None or sent is None or sent.tries_left == 0 or sent.expires_at <= timezone.now():
        return False
    if not right:
        sent.tries_left = F("tries_left") - 1
        sent.save(update_fields=["tries_left"])
        return False
    user = User.objects.select_for_update().get(pk=user.pk)
    set_password(user, user, password, field="password", action=Action.PASSWORD_RESET)
    sent.delete()
    return True


def set_password(actor: User | None, user: User, password: str, *, field: str, action: Action) -> None:
    """Set the password of `user`, whose row is locked, and end all their logins."""
    check_new_password(password, user, field=field)
    user.set_password(password)
    user.token_version += 1
    save_as(actor, user, action=action, secret=True)
    end_all(actor, user, action=action)
    mfa.tell(user, "password_changed")


def end_all(actor: User | None, user: User, *, action: Action, note: str = "") -> int:
    """End every login of `user`, at both doors, and say how many there were."""
    live = Session.objects.live().filter(user=user)
    count = live.update(ended_at=timezone.now(), ended_by=actor, end_reason=note or action)
    pubsub.recheck(user.pk)
    return count


def check_new_password(password: str, user: User, *, field: str) -> None:
    """Raise `Invalid` where the installation's rules refuse the password."""
    try:
        validate_password(composed(password), user)
    except ValidationError as error:
        raise Invalid("weak-password", " ".join(error.messages), field=field) from error


def account_named(name: str) -> User | None:
    """Whoever has this user name or mail address, however it is written."""
    return (User.objects.mailed if "@" in tidy(name) else User.objects.named)(name).first()


def account_key(name: str) -> str:
    """What wrong guesses at this account are counted under, by whichever of its names it is called.

    Short. A name without an account is hashed, since passwords are typed into the wrong field.
    """
    name = name[:NAME_LENGTH]
    user = account_named(name)
    return str(user.pk) if user else f"no account:{salted_hmac('account', fold(name)).hexdigest()}"


def _client_with(email: str) -> User | None:
    user = User.objects.mailed(email).first()
    return user if user and user.is_active and not user.is_staff else None


def _renew(session: Session) -> Tokens:
    refresh_token = RefreshToken.of(session)
    session.refresh_id = UUID(refresh_token["jti"])
    session.last_seen_at = timezone.now()
    session.expires_at = session.last_seen_at + RefreshToken.lifetime
    session.save()
    return Tokens(access=str(refresh_token.access_token), refresh=str(refresh_token))


def holds(session: Session, version: int) -> bool:
    """Whether the login stands for tokens of `version`: not ended, account on, no new password, not made staff."""
    user = session.user
    versions = {session.token_version, user.token_version, version}
    return session.is_live and SWITCHED_ON.opens(user, timezone.now()) and len(versions) == 1


def _end(session: Session, by: User | None, reason: str) -> None:
    session.end(by, reason)
    session.save(update_fields=["ended_at", "ended_by", "end_reason"])
    pubsub.recheck(session.user_id)


def _note_seen(session: Session) -> None:
    now = timezone.now()
    if now - session.last_seen_at > SEEN_EVERY:
        Session.objects.filter(pk=session.pk, last_seen_at__lt=now - SEEN_EVERY).update(last_seen_at=now)
