"""Passkeys: registration, use and removal (WebAuthn level 3, sections 7.1 and 7.2).

The ceremonies are django-otp-webauthn's. Its views are not used: they keep a challenge in a session, which apps have
none of and which two requests read at once. Here a challenge is known by its hash in Valkey, for five minutes, with
what it was given for, and is used up by the first answer that brings it. A passkey always verifies its user, by a
finger, a face or a code: it stands for two factors.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django_otp_webauthn.exceptions import OTPWebAuthnApiError
from django_otp_webauthn.helpers import WebAuthnHelper
from django_otp_webauthn.models import WebAuthnUserHandle, as_credential_descriptors
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, parse_client_data_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    UserVerificationRequirement,
)

from apps.audit.actions import Action
from apps.audit.services import record
from apps.errors import Absent, Conflict, Invalid, Unavailable, WrongCredentials
from apps.infra import valkey
from apps.users.accounts.identifiers import account_named
from apps.users.accounts.mails import mail_account_notice
from apps.users.authentication.mfa import is_enabled
from apps.users.models import Passkey, User
from apps.users.names import fold, tidy
from apps.users.passwords import require_password

type Json = dict[str, Any]

MOST = 20
"""How many passkeys a user may have."""
NAME_LENGTH = 64
REGISTRATION, CONSOLE, LOGIN = "registration", "console", "login"
"""What a challenge is given for."""
# Lengths of what common authenticators name their credentials by, in bytes.
ID_LENGTHS = (16, 20, 32)

# What the libraries raise for input that is no passkey's answer: their own, and what parsing it comes across.
UNFIT = (
    WebAuthnException,
    OTPWebAuthnApiError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True, slots=True)
class _Challenge:
    """A challenge that has been used up."""

    value: str
    """In base64url, as the client has signed it."""
    user_id: int | None
    """Whose passkey has to sign it; None where anyone's may, 0 where none can."""

    @property
    def state(self) -> Json:
        """What the library's own views would keep in a session."""
        return {"challenge": self.value, "require_user_verification": True}


class _Ceremonies(WebAuthnHelper):
    """The library's ceremonies, for a passkey of this name, or for those `allowed` to sign in."""

    def __init__(self, *, name: str = "", allowed: list[PublicKeyCredentialDescriptor] | None = None) -> None:
        super().__init__(request=None)
        self.name = name
        self.allowed = allowed or []

    def get_generate_registration_options_kwargs(self, *, user: User) -> Json:
        """As the library's, with the user verified at registration too, where it only prefers that."""
        options: Json = super().get_generate_registration_options_kwargs(user=user)
        options["authenticator_selection"].user_verification = UserVerificationRequirement.REQUIRED
        return options

    def get_generate_authentication_options_kwargs(self, **options: Any) -> Json:
        return {**super().get_generate_authentication_options_kwargs(**options), "allow_credentials": self.allowed}

    def create_credential(self, *args: Any) -> Passkey:
        passkey: Passkey = super().create_credential(*args)
        passkey.name = self.name
        return passkey

    def create_attestation(self, *args: Any) -> None:
        """None is asked for, so there is nothing to keep."""


# --- Of a user who is signed in -----------------------------------------------------------------------------------


def passkeys_of(user: User) -> QuerySet[Passkey]:
    """Last used first."""
    return Passkey.objects.filter(user=user).order_by(F("last_used_at").desc(nulls_last=True), "-pk")


def begin_registration(user: User, *, password: str) -> Json:
    """The options with which a client makes a new passkey, as WebAuthn writes them in JSON.

    Raises `Invalid` for a `password` that is not theirs, `Unavailable` without Valkey. `Conflict` where there are
    `MOST` already, and for staff without an authenticator app: its backup codes are what a lost passkey leaves.
    """
    require_password(user, password, field="password")
    if user.is_staff and not is_enabled(user):
        raise Conflict("mfa-off", _("Set up your authenticator app first."))
    _require_room(user)
    options: Json
    options, _state = _Ceremonies().register_begin(user)
    _keep_challenge(options, REGISTRATION, user.pk)
    return options


@transaction.atomic
def finish_registration(user: User, *, name: str, credential: Json) -> Passkey:
    """Keep the passkey that a client has made by the options of `begin_registration`; notify its owner by mail.

    Raises `Invalid` for a missing `name` and for a `credential` that does not fit, `Conflict` for one that is known.
    """
    name = tidy(name)
    if not 0 < len(name) <= NAME_LENGTH:
        raise Invalid("invalid", _("Enter a name of at most 64 characters."), field="name")
    User.objects.select_for_update(of=("self",)).get(pk=user.pk)
    _require_room(user)
    try:
        kept = _use_challenge(credential, REGISTRATION)
        if kept is None or kept.user_id != user.pk:
            raise Invalid("passkey-expired", _("This took too long. Begin anew."), field="credential")
        with transaction.atomic():
            passkey: Passkey = _Ceremonies(name=name).register_complete(user, kept.state, credential)
    except IntegrityError:
        raise Conflict("passkey-known", _("This passkey is registered already.")) from None
    except UNFIT:
        # Without its cause, which may repeat what was sent.
        raise Invalid("wrong-passkey", _("This passkey cannot be registered."), field="credential") from None
    record(user, Action.PASSKEY_ADDED, user, passkey=passkey.pk)
    mail_account_notice(user, "passkey_added", name=name)
    return passkey


@transaction.atomic
def remove(user: User, passkey_id: int, *, password: str) -> Passkey:
    """Remove a passkey of the user; notify them by mail. Raises `Invalid` for a wrong password, `Absent`."""
    require_password(user, password, field="password")
    passkey = Passkey.objects.select_for_update().filter(user=user, pk=passkey_id).first()
    if passkey is None:
        raise Absent("not-found", _("There is no such passkey."))
    record(user, Action.PASSKEY_REMOVED, user, passkey=passkey.pk)
    mail_account_notice(user, "passkey_removed", name=passkey.name)
    passkey.delete()
    return passkey


def _require_room(user: User) -> None:
    if passkeys_of(user).count() >= MOST:
        raise Conflict("too-many-passkeys", _("You have 20 passkeys. Remove one that you do not need."))


# --- At sign-in ---------------------------------------------------------------------------------------------------


def begin_second_factor(user: User) -> Json:
    """The options with which staff who have given their password sign in to the console. Raises `Unavailable`."""
    return _begin(CONSOLE, user.pk, as_credential_descriptors(passkeys_of(user)))


def verify_second_factor(user: User, credential: Json) -> Passkey:
    """Check what a passkey of `user` has signed at the console. Raises `WrongCredentials`."""
    return _verify(credential, CONSOLE, user)


def begin_login(name: str = "") -> Json:
    """The options with which an app signs in: by any passkey it finds, or by those of the account with this name.

    A name without an account, or without passkeys, has a made-up one, always the same. Raises `Unavailable`.
    """
    if not name:
        return _begin(LOGIN, None, [])
    user = account_named(name)
    user_id = user.pk if user is not None and user.is_active and not user.is_staff else 0
    # Asked for and made up for every name, so that the time tells nothing.
    theirs = as_credential_descriptors(Passkey.objects.filter(user_id=user_id))
    made_up = _made_up(str(user.pk) if user is not None else f"no account:{fold(name)}")
    return _begin(LOGIN, user_id, theirs or [made_up])


def verify_login(credential: Json, user: User | None = None) -> Passkey:
    """Check what a passkey, of `user` where their password was given, has signed. Raises `WrongCredentials`."""
    return _verify(credential, LOGIN, user)


def _begin(purpose: str, user_id: int | None, allowed: list[PublicKeyCredentialDescriptor]) -> Json:
    options: Json
    options, _state = _Ceremonies(allowed=allowed).authenticate_begin(require_user_verification=True)
    _keep_challenge(options, purpose, user_id)
    return options


def _verify(credential: Json, purpose: str, user: User | None) -> Passkey:
    try:
        kept = _use_challenge(credential, purpose)
        if kept is None:
            raise WrongCredentials("passkey-expired", _("This took too long, or was used already. Begin anew."))
        with transaction.atomic():
            passkey: Passkey = _Ceremonies().authenticate_complete(user, kept.state, credential)
            _require_owner(passkey, kept, credential)
            return passkey
    except UNFIT:
        if user is not None:
            record(None, Action.SIGN_IN_FAILED, user, given="passkey")
        # Without its cause, which may repeat what was sent.
        raise WrongCredentials("wrong-passkey", _("This passkey does not sign you in.")) from None


def _require_owner(passkey: Passkey, kept: _Challenge, credential: Json) -> None:
    """Raise `ValueError` unless its owner is whom the challenge was for and whom the authenticator names."""
    if kept.user_id not in (None, passkey.user_id):
        raise ValueError("the passkey of another user")
    handle = credential["response"].get("userHandle")
    if handle is not None and base64url_to_bytes(handle) != WebAuthnUserHandle.get_handle_for_user(passkey.user):
        raise ValueError("a passkey that names another user")


def _made_up(account: str) -> PublicKeyCredentialDescriptor:
    digest = salted_hmac("apps.users.passkeys", account, algorithm="sha256").digest()
    return PublicKeyCredentialDescriptor(
        id=salted_hmac("apps.users.passkeys.id", account, algorithm="sha256").digest()[: ID_LENGTHS[digest[0] % 3]],
        transports=[AuthenticatorTransport.HYBRID, AuthenticatorTransport.INTERNAL],
    )


# --- Challenges ---------------------------------------------------------------------------------------------------


def _keep_challenge(options: Json, purpose: str, user_id: int | None) -> None:
    seconds = settings.OTP_WEBAUTHN_TIMEOUT_SECONDS
    try:
        with valkey.asked() as client:
            client.set(_key(options["challenge"], purpose), json.dumps(user_id), ex=seconds)
    except valkey.Away:
        raise _away() from None


def _use_challenge(credential: Json, purpose: str) -> _Challenge | None:
    """The challenge that a client has signed, used up now; None for one that was not given for this purpose, has
    expired or was used before. Raises `Unavailable`, and what is `UNFIT`.
    """
    client_data = parse_client_data_json(base64url_to_bytes(credential["response"]["clientDataJSON"]))
    if client_data.cross_origin:
        raise ValueError("signed inside the page of another site")
    value = bytes_to_base64url(client_data.challenge)
    try:
        with valkey.asked() as client:
            kept: Any = client.getdel(_key(value, purpose))
    except valkey.Away:
        raise _away() from None
    return None if kept is None else _Challenge(value, json.loads(kept))


def _key(challenge: str, purpose: str) -> str:
    """Its hash alone: what Valkey holds signs nobody in."""
    return f"{settings.BROADCAST_PREFIX}:passkey:{purpose}:{hashlib.sha256(challenge.encode()).hexdigest()}"


def _away() -> Unavailable:
    return Unavailable("try-again", _("Passkeys cannot be used at the moment. Try again shortly."))
