"""The second factor: enrolment, verification of codes, and removal.

The devices are django-otp's (`models.second_factors`). The key leaves this module once, while it is being set up. A
code counts once: neither its period of 30 seconds nor an earlier one is taken again. Wrong codes are counted on
the device's own row, under its lock, so that many guesses at once, from whatever entry points and
processes, get no more answers than one after another.
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from urllib.parse import quote, urlencode

import django_otp
import segno
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.audit.actions import Action
from apps.audit.services import record
from apps.errors import Conflict, DomainError, Invalid, LockedOut, Refused, WrongCredentials
from apps.users.accounts.mails import mail_account_notice
from apps.users.models import Passkey, User
from apps.users.models.second_factors import Authenticator, BackupCode, BackupCodes, hash_of, is_backup_code, is_digits
from apps.users.names import tidy_code
from apps.users.passwords import require_password
from apps.visibility.slots import VIEWER
from apps.visibility.statement import Statement

ISSUER = "Infloo"


KEY_BYTES = 20  # as RFC 4226 (section 4, R6) recommends


BACKUP_CODES = 10


# Reloading the enrolment page shows the same key for this time.
SETTING_UP = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs, once."""

    secret: str
    uri: str

    @property
    def picture(self) -> str:
        """`uri` as a QR code: a PNG inside a data: address."""
        return str(segno.make(self.uri, error="m").png_data_uri(scale=5, border=4))


def device_of(user: User) -> Authenticator | None:
    """The authenticator app of `user`, once it is set up."""
    return Authenticator.objects.devices_for_user(user, confirmed=True).first()


def is_enabled(user: User) -> bool:
    return bool(_confirmed().rows({"viewer": user.pk}))


@cache
def _confirmed() -> Statement:
    """The device of one user, once it is set up. Each page asks for it while a sign-in is pending."""
    return Statement(Authenticator.objects.filter(user=VIEWER, confirmed=True).values_list("pk", flat=True))


def backup_codes_left(user: User) -> int:
    return BackupCode.objects.filter(authenticator__user=user, used_at__isnull=True).count()


@transaction.atomic
def begin_enrolment(user: User, *, password: str | None = None, anew: bool = True) -> Enrolment:
    """A key for the authenticator app of `user`. It counts only once a code has confirmed it.

    Unless `anew`, a key that was handed out in the last minutes is handed out again. Raises `Invalid` for a `password`
    that is not theirs; None where they have given it already.
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    if password is not None:
        require_password(user, password, field="password")
    authenticator = _locked(user) or Authenticator(user=user)
    if authenticator.confirmed_at is not None:
        raise Conflict("mfa-enabled", _("A second factor is set up already. Switch it off first."))
    if anew or not authenticator.encrypted_key or not _is_being_set_up(authenticator):
        authenticator.secret = b32encode(secrets.token_bytes(KEY_BYTES)).decode()
        authenticator.begun_at = timezone.now()
        authenticator.save()
    secret = authenticator.secret
    query = urlencode({"secret": secret, "issuer": ISSUER})
    return Enrolment(secret, f"otpauth://totp/{ISSUER}:{quote(user.username)}?{query}")


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
    code = tidy_code(code)
    if not is_digits(code):
        raise Invalid("no-code", _("Enter the six digits that the app shows."), field="code")
    if not authenticator.spend(code):
        raise Invalid("wrong-code", _("This is not the code that the app shows now."), field="code")
    authenticator.confirmed_at = timezone.now()
    authenticator.save()
    authenticator.backup_codes.all().delete()
    record(user, Action.MFA_ENABLED, user)
    mail_account_notice(user, "mfa_enabled")
    return _new_backup_codes(authenticator)


def verify(user: User, code: str) -> Authenticator:
    """Use up a code of the authenticator app, or a backup code. Returns the device that it is of.

    Raises `WrongCredentials` for one that is wrong or used, `LockedOut` after too many of those. A malformed
    code raises `WrongCredentials` of its own, and is not counted.
    """
    code = tidy_code(code)
    if not (is_digits(code) or is_backup_code(code)):
        raise WrongCredentials("otp-malformed", _("Enter the six digits from the app, or a whole backup code."))
    answer = _try(user, code)
    if isinstance(answer, DomainError):
        raise answer
    return answer


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
    """Remove the user's own second factor, given the password and a code; with it the passkeys of staff.

    Those of end users stay: they sign in by them alone.
    """
    if user.is_staff and settings.STAFF_MFA == "required":
        raise Refused("mfa-required", _("Staff sign in with a second factor; it cannot be deactivated."))
    if not is_enabled(user):
        raise _is_off()
    require_password(user, password, field="password")
    _verify_field(user, code, "otp")
    with transaction.atomic():
        Authenticator.objects.filter(user=user).delete()
        if user.is_staff:
            Passkey.objects.filter(user=user).delete()
        record(user, Action.MFA_DISABLED, user)
        mail_account_notice(user, "mfa_disabled")


# Durable: inside a larger transaction that is then undone, a wrong try would not be counted.
@transaction.atomic(durable=True)
def _try(user: User, code: str) -> Authenticator | DomainError:
    authenticator = Authenticator.objects.devices_for_user(user, confirmed=True).select_for_update().first()
    if authenticator is None:
        return _is_off()
    # Asked first, under the lock: to the library a device that is locked and a wrong code are the same.
    allowed, details = authenticator.verify_is_allowed()
    if not allowed:
        return _locked_out(details["locked_until"] - timezone.now())
    kind = Authenticator if is_digits(code) else BackupCodes
    device: Authenticator | None = django_otp.verify_token(user, f"{kind.model_label()}/{authenticator.pk}", code)
    if device is None:
        record(None, Action.SIGN_IN_FAILED, user, given="code")
        return WrongCredentials("otp-wrong", _("This code is wrong or was used already. Wait for the next one."))
    return device


def _verify_field(user: User, code: str, field: str) -> None:
    """As `verify`, for a user who is signed in and filled in a form."""
    try:
        verify(user, code)
    except WrongCredentials as error:
        raise Invalid(error.code, error.message, field=field) from error


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


def _new_backup_codes(authenticator: Authenticator) -> list[str]:
    codes = [_random_code() for _number in range(BACKUP_CODES)]
    BackupCode.objects.bulk_create(
        BackupCode(authenticator=authenticator, code_hash=hash_of(authenticator, code)) for code in codes
    )
    return codes


def _random_code() -> str:
    """120 random bits, in six groups that can be read out."""
    letters = b32encode(secrets.token_bytes(15)).decode().lower()
    return "-".join(letters[start : start + 4] for start in range(0, 24, 4))
