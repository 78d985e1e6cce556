"""The second factor: an authenticator app (TOTP, RFC 6238) with backup codes.

The key is encrypted at rest and leaves this module once, while it is being set up. A code counts once: neither its
period of 30 seconds nor an earlier one is taken again. Wrong codes are counted on the authenticator's own row, under
its lock, so that many guesses at once, from whatever doors and processes, get no more answers than one after another.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b32encode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hmac import compare_digest
from typing import Any, Literal

import pyotp
import segno
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from procrastinate.contrib.django import app

from apps.audit.models import Verb
from apps.audit.services import record
from apps.errors import Conflict, DomainError, Invalid, LockedOut, Refused, WrongCredentials
from apps.users.models import Authenticator, BackupCode, User

ISSUER = "Infloo"
STEP = 30
# Clocks may be off by one period in either direction, as RFC 6238 (section 5.2) recommends at most.
DRIFT = 1
BACKUP_CODES = 10
# Somebody who set out to enrol may load the page again, and finds the same key for so long.
SETTING_UP = timedelta(minutes=15)
LONGEST_LOCK = timedelta(hours=24)

type Notice = Literal["mfa_enabled", "mfa_disabled", "mfa_reset", "new_device"]


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs, once."""

    secret: str
    uri: str

    @property
    def picture(self) -> str:
        """`uri` as a QR code: a PNG inside a data: address."""
        return str(segno.make(self.uri, error="m").png_data_uri(scale=5, border=4))


def is_enabled(user: User) -> bool:
    return Authenticator.objects.filter(user=user, confirmed_at__isnull=False).exists()


def backup_codes_left(user: User) -> int:
    return BackupCode.objects.filter(authenticator__user=user, used_at__isnull=True).count()


@transaction.atomic
def begin_enrolment(user: User, *, anew: bool = True) -> Enrolment:
    """A key for the authenticator app of `user`. It counts only once a code has confirmed it.

    Unless `anew`, a key that was handed out in the last minutes is handed out again.
    """
    User.objects.select_for_update().get(pk=user.pk)
    authenticator = Authenticator.objects.filter(user=user).first() or Authenticator(user=user)
    if authenticator.confirmed_at is not None:
        raise Conflict("mfa-enabled", _("A second factor is set up already. Switch it off first."))
    if anew or not authenticator.sealed_key or not _is_being_set_up(authenticator):
        authenticator.sealed_key = _seal(pyotp.random_base32())
        authenticator.begun_at = timezone.now()
        authenticator.save()
    secret = _open(authenticator)
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=user.username, issuer_name=ISSUER))


@transaction.atomic
def confirm_enrolment(user: User, code: str) -> list[str]:
    """Switch the second factor on, once a first code shows that the app has the key. Returns the backup codes.

    They are shown now and never again: only their hashes are kept.
    """
    authenticator = _locked(user)
    if authenticator is None or (authenticator.confirmed_at is None and not _is_being_set_up(authenticator)):
        raise Conflict("no-enrolment", _("Begin anew: there is no key that waits for its first code."))
    if authenticator.confirmed_at is not None:
        raise Conflict("mfa-enabled", _("A second factor is set up already. Switch it off first."))
    now = timezone.now()
    if not _spend_step(authenticator, code, now):
        raise Invalid("wrong-code", _("This is not the code that the app shows now."), field="code")
    authenticator.confirmed_at = now
    authenticator.save()
    record(user, Verb.MFA_ENABLED, user)
    tell(user, "mfa_enabled")
    return _new_backup_codes(authenticator)


def verify(user: User, code: str) -> None:
    """Use up a code of the authenticator app, or a backup code.

    Raises `WrongCredentials` for one that is wrong or used, `LockedOut` after too many of those.
    """
    if refusal := _try(user, code):
        raise refusal


def renew_backup_codes(user: User, code: str) -> list[str]:
    """Ten new backup codes in place of the old ones, for a code of the app."""
    _verify_field(user, code, "code")
    with transaction.atomic():
        authenticator = _locked(user)
        if authenticator is None or authenticator.confirmed_at is None:
            raise _is_off()
        authenticator.backup_codes.all().delete()
        return _new_backup_codes(authenticator)


def disable(user: User, *, password: str, code: str) -> None:
    """Give up the second factor, for the password and a code."""
    if user.is_staff and settings.STAFF_MFA == "required":
        raise Refused("mfa-required", _("Staff sign in with a second factor; it cannot be switched off."))
    if not is_enabled(user):
        raise _is_off()
    if not check_password(password, user.password):
        raise Invalid("wrong-password", _("This is not your present password."), field="password")
    _verify_field(user, code, "otp")
    with transaction.atomic():
        Authenticator.objects.filter(user=user).delete()
        record(user, Verb.MFA_DISABLED, user)
        tell(user, "mfa_disabled")


def tell(user: User, notice: Notice, **facts: Any) -> None:
    """Mail `user` about their account, once the transaction is through."""
    app.configure_task("users.mail_notice").defer(user_id=user.pk, notice=notice, facts=facts)


# Durable: inside a larger transaction that is then undone, a wrong try would not be counted.
@transaction.atomic(durable=True)
def _try(user: User, code: str) -> DomainError | None:
    authenticator = _locked(user)
    if authenticator is None or authenticator.confirmed_at is None:
        return _is_off()
    now = timezone.now()
    if authenticator.locked_until is not None and authenticator.locked_until > now:
        return _locked_out(authenticator.locked_until - now)
    if _spend_step(authenticator, code, now) or _spend_backup_code(authenticator, code, now):
        authenticator.failures, authenticator.locked_until = 0, None
        # So that every key moves on to the newest of MFA_KEYS by itself.
        authenticator.sealed_key = _seal(_open(authenticator))
        authenticator.save()
        return None
    authenticator.failures += 1
    authenticator.locked_until = _lock_after(authenticator.failures, now)
    authenticator.save()
    record(None, Verb.SIGN_IN_FAILED, user, reason="wrong code")
    return WrongCredentials("otp-wrong", _("This code is wrong or was used already. Wait for the next one."))


def _verify_field(user: User, code: str, field: str) -> None:
    """As `verify`, for somebody who is signed in and filled in a form."""
    try:
        verify(user, code)
    except WrongCredentials as error:
        raise Invalid(error.code, error.message, field=field) from error


def _lock_after(failures: int, now: datetime) -> datetime | None:
    """Until when no code counts: after each ten wrong ones twice as long, from ten minutes to a day."""
    allowed, seconds = settings.LIMITS["login_account"]
    allowed = max(1, round(allowed * settings.LIMITS_SCALE))
    if failures % allowed:
        return None
    rounds = min(failures // allowed - 1, 16)
    return now + min(timedelta(seconds=seconds) * 2**rounds, LONGEST_LOCK)


def _locked_out(left: timedelta) -> LockedOut:
    wait = max(1, round(left.total_seconds()))
    minutes = -(-wait // 60)
    text = ngettext(
        "Too many wrong codes. Try again in %(minutes)d minute.",
        "Too many wrong codes. Try again in %(minutes)d minutes.",
        minutes,
    )
    return LockedOut("otp-locked", text % {"minutes": minutes}, wait=wait)


def _is_off() -> Conflict:
    return Conflict("mfa-off", _("No second factor is set up."))


def _locked(user: User) -> Authenticator | None:
    return Authenticator.objects.select_for_update().filter(user_id=user.pk).first()


def _is_being_set_up(authenticator: Authenticator) -> bool:
    return authenticator.begun_at > timezone.now() - SETTING_UP


def _spend_step(authenticator: Authenticator, code: str, now: datetime) -> bool:
    """Whether `code` is of a period that is near and later than all used before; it is used then."""
    code = "".join(code.split())
    if not (len(code) == 6 and code.isascii() and code.isdecimal()):
        return False
    totp, present = pyotp.TOTP(_open(authenticator)), int(now.timestamp()) // STEP
    for step in range(present - DRIFT, present + DRIFT + 1):
        if compare_digest(totp.generate_otp(step), code) and step > authenticator.last_step:
            authenticator.last_step = step
            return True
    return False


def _spend_backup_code(authenticator: Authenticator, code: str, now: datetime) -> bool:
    unused = authenticator.backup_codes.filter(code_hash=_hash(authenticator, code), used_at__isnull=True)
    return bool(unused.update(used_at=now))


def _new_backup_codes(authenticator: Authenticator) -> list[str]:
    codes = [_random_code() for _number in range(BACKUP_CODES)]
    BackupCode.objects.bulk_create(
        BackupCode(authenticator=authenticator, code_hash=_hash(authenticator, code)) for code in codes
    )
    return codes


def _random_code() -> str:
    """Eighty random bits, in four groups that can be read out."""
    letters = b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def _hash(authenticator: Authenticator, code: str) -> str:
    # A plain hash is enough for random codes of this length; slow ones are for passwords, which people think up.
    letters = "".join(letter for letter in code.lower() if letter.isalnum())
    return hashlib.sha256(f"{authenticator.pk}:{letters}".encode()).hexdigest()


def _seal(secret: str) -> str:
    return _box(tuple(settings.MFA_KEYS)).encrypt(secret.encode()).decode()


def _open(authenticator: Authenticator) -> str:
    try:
        return _box(tuple(settings.MFA_KEYS)).decrypt(authenticator.sealed_key.encode()).decode()
    except InvalidToken as error:  # the installation has changed its keys and not kept the earlier ones
        raise Conflict("mfa-key-lost", _("Your second factor cannot be read any more. Ask for a reset.")) from error


@cache
def _box(keys: tuple[str, ...]) -> MultiFernet:
    def derived(key: str) -> Fernet:
        stretched = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"keys of authenticators").derive(key.encode())
        return Fernet(urlsafe_b64encode(stretched))

    return MultiFernet([derived(key) for key in keys])
