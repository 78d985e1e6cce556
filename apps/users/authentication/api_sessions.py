"""Sessions of the API: sign-in, and access and refresh tokens.

A session is its `Session` row; a token only names the row. The access token is valid while the session is live and the
password unchanged. Of the refresh tokens only the latest is valid; reuse of an earlier one ends the session, since the
token may be stolen.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from apps.audit.actions import Action
from apps.audit.context import remember_key
from apps.audit.history import save_as
from apps.audit.models import Entry
from apps.audit.services import record
from apps.errors import Invalid, Refused, WrongCredentials
from apps.users.accounts import mails
from apps.users.accounts.identifiers import account_named
from apps.users.authentication import mfa, passkeys
from apps.users.authentication.sessions import end, is_valid
from apps.users.authentication.tokens import AccessToken, RefreshToken, dead_token, read
from apps.users.models import Session, User, unknown_user
from apps.users.permissions import require_not_suspended
from apps.visibility.compiled import compiled

logger = logging.getLogger(__name__)

# How exact `last_seen_at` is; each request would be a write otherwise.
SEEN_EVERY = timedelta(minutes=1)
LONGEST = timedelta(days=90)
"""A login that is used all the time ends after this, and its user signs in again."""
# How often staff are mailed that their password was used where it opens nothing.
NOTICE_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Tokens:
    access: str
    refresh: str


def sign_in(
    name: str,
    password: str,
    *,
    otp: str = "",
    passkey: dict[str, Any] | None = None,
    address: str | None = None,
    user_agent: str = "",
    language: str | None = None,
) -> Tokens:
    """Sign in the end user with this user name or email address, and set their `language`.

    Where they have a second factor, `otp` is a code, or `passkey` what one of theirs has signed.

    Raises `WrongCredentials` alike for an unknown name, a wrong password and a deactivated account. With the right
    password: `Refused` for staff, `WrongCredentials` for a missing or wrong code, and `Refused` for suspended users,
    with an access token in its details: for what suspended users may do, and for everything once the suspension ends.
    """
    user = account_named(name)
    # A hash is computed for unknown names too: response times must not disclose accounts.
    right = (user or unknown_user(name)).check_password(password)
    if user is not None and user.is_staff:
        _note_try_of_staff(user, right=right, address=address, user_agent=user_agent)
    if user is None or not right or not user.is_active:
        # By number: what was typed as a name may be a password.
        logger.warning("sign_in_failed: account %s, by password", user.pk if user else "unknown")
        raise _no_account()
    if user.is_staff:
        raise _is_staff()
    if mfa.is_enabled(user):
        if passkey is not None:
            passkeys.verify_login(passkey, user)
        elif not otp:
            raise WrongCredentials("otp-required", _("Send a code of your authenticator app along, as “otp”."))
        else:
            mfa.verify(user, otp)
    return _let_in(user, address=address, user_agent=user_agent, language=language)


def sign_in_by_passkey(
    credential: dict[str, Any], *, address: str | None = None, user_agent: str = "", language: str | None = None
) -> Tokens:
    """Sign in the end user whose passkey has signed `credential`: it stands for the password and the second factor.

    Raises as `sign_in` does, and `Unavailable` without Valkey.
    """
    user = passkeys.verify_login(credential).user
    if user.is_staff:
        record(None, Action.SIGN_IN_FAILED, user, at="api", given="passkey")
        raise _is_staff()
    if not user.is_active:
        raise _no_account()
    return _let_in(user, address=address, user_agent=user_agent, language=language)


def _let_in(user: User, *, address: str | None, user_agent: str, language: str | None) -> Tokens:
    if language is not None and user.language != language:
        _read_in(user, language)
    try:
        require_not_suspended(user)
    except Refused as refusal:
        refusal.details["access"] = begin(user, address=address, user_agent=user_agent).access
        raise
    return begin(user, address=address, user_agent=user_agent)


def _no_account() -> WrongCredentials:
    return WrongCredentials("wrong-credentials", _("No active account found with the given credentials"))


def _is_staff() -> Refused:
    return Refused("staff-account", _("Staff accounts sign in at the console, not here."))


@transaction.atomic
def _note_try_of_staff(user: User, *, right: bool, address: str | None, user_agent: str) -> None:
    """Record an attempt to sign in to the API as staff, and mail the owner where the password was right.

    Once in `NOTICE_EVERY` at most: the owner may have mistaken the app for the console, repeatedly.
    """
    tried: dict[str, Any] = {"at": "api", "password_was_right": right}
    now = timezone.now()
    if right and user.is_active:
        tries = Entry.objects.filter(target_type=User._meta.label_lower, target_id=str(user.pk), detail__contains=tried)
        if not tries.filter(verb=Action.SIGN_IN_FAILED, created_at__gt=now - NOTICE_EVERY).exists():
            time = formats.date_format(timezone.localtime(now), "DATETIME_FORMAT")
            mails.mail_account_notice(user, "password_used", time=time, address=address or "", device=user_agent[:120])
    record(None, Action.SIGN_IN_FAILED, user, **tried)


@transaction.atomic
def _read_in(user: User, language: str) -> None:
    locked = User.objects.select_for_update(of=("self",)).get(pk=user.pk)
    locked.language = language
    save_as(locked, locked, action=Action.ACCOUNT_LANGUAGE_SET)


def begin(user: User, *, address: str | None = None, user_agent: str = "") -> Tokens:
    """Begin a session of an authenticated end user."""
    session = Session(
        user=user,
        door=Session.EntryPoint.API,
        token_version=user.token_version,
        address=address,
        user_agent=user_agent[:400],
    )
    return _renew(session)


def refresh(encoded: str) -> Tokens:
    """New tokens for a refresh token. Raises `WrongCredentials` for an invalid one, `Refused` for suspended users."""
    tokens = _rotate(read(RefreshToken, encoded))
    if tokens is None:
        raise dead_token()
    return tokens


@transaction.atomic
def _rotate(token: RefreshToken) -> Tokens | None:
    """New tokens for a valid refresh token; None after ending the session of one that is reused.

    Under the lock of the session's row: the library's own rotation takes none, and would serve two calls at once.
    """
    session = Session.objects.select_for_update(of=("self",)).select_related("user").filter(key=token["sid"]).first()
    if session is None or not is_valid(session, token["ver"]):
        raise dead_token()
    require_not_suspended(session.user)
    if session.refresh_id != UUID(token["jti"]):
        end(session, None, Action.REFRESH_TOKEN_REUSED)
        return None
    return _renew(session)


@transaction.atomic
def sign_out(user: User, encoded: str) -> None:
    """End the session of the refresh token. Raises `Invalid` where it is not one of the user's."""
    try:
        token = read(RefreshToken, encoded)
    except WrongCredentials as error:
        raise Invalid("unknown-token", _("This is not a refresh token of yours."), field="refresh") from error
    session = Session.objects.select_for_update().filter(key=token["sid"], user=user).first()
    if session is None:
        raise Invalid("unknown-token", _("This is not a refresh token of yours."), field="refresh")
    end(session, user, Action.SIGNED_OUT)


def session_of(token: AccessToken) -> Session:
    """The valid session of an access token, with its user and profile. One query.

    Raises `WrongCredentials` where the session is over or the account deactivated.
    """
    session = _session(UUID(token["sid"])).first()
    if session is None or not is_valid(session, token["ver"]):
        raise dead_token()
    _note_seen(session)
    remember_key(session.user_id, session.person_key)
    return session


@compiled()
def _session(key: UUID) -> QuerySet[Session]:
    # With the key, which nearly every write of the user needs.
    rows = Session.objects.select_related("user__profile").annotate(person_key=F("user__person_key__key"))
    return rows.filter(key=key)


def hypothetical_session(user: User) -> Session:
    """An unsaved session of `user`, for viewing the app as them. Raises as `session_of` does."""
    session = Session(user=user, door=Session.EntryPoint.API, token_version=user.token_version)
    session.expires_at = session.last_seen_at + timedelta(minutes=1)
    if not is_valid(session, user.token_version):
        raise dead_token()
    return session


def _renew(session: Session) -> Tokens:
    refresh_token = RefreshToken.of(session)
    session.refresh_id = UUID(refresh_token["jti"])
    session.last_seen_at = now = timezone.now()
    session.expires_at = min(now + RefreshToken.lifetime, (session.created_at or now) + LONGEST)
    session.save()
    return Tokens(access=str(refresh_token.access_token), refresh=str(refresh_token))


def _note_seen(session: Session) -> None:
    now = timezone.now()
    if now - session.last_seen_at > SEEN_EVERY:
        Session.objects.filter(pk=session.pk, last_seen_at__lt=now - SEEN_EVERY).update(last_seen_at=now)
