"""The devices of a user's second factor, for django-otp: an authenticator app (TOTP, RFC 6238) and its backup codes.

Models of our own rather than the library's plugins, whose columns contain keys and codes in clear: here the key is
encrypted and codes are hashed. Both devices are one row, so that a wrong code counts for both under one lock.
"""

from __future__ import annotations

import hashlib
from base64 import b32decode, urlsafe_b64encode
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_otp.models import Device, ThrottlingMixin, TimestampMixin, VerifyNotAllowed
from django_otp.oath import TOTP

from apps.errors import Conflict
from apps.users.names import tidy_code

STEP = 30
"""Seconds for which an authenticator app shows one code."""
# Clocks may be off by one period in either direction, as RFC 6238 (section 5.2) recommends at most.
DRIFT = 1
LONGEST_LOCK = timedelta(hours=24)
BASE32 = set("abcdefghijklmnopqrstuvwxyz234567")


class Authenticator(TimestampMixin, ThrottlingMixin, Device):
    """An authenticator app: the key that it shares with this server, and how its codes are being tried."""

    user = models.OneToOneField("users.User", on_delete=models.CASCADE, related_name="authenticator")
    name = models.CharField(max_length=64, default="Authenticator app", db_default="Authenticator app", editable=False)
    encrypted_key = models.CharField(max_length=255, editable=False, db_column="sealed_key")
    """Decrypted by `secret`."""
    begun_at = models.DateTimeField(default=timezone.now, editable=False)
    confirmed_at = models.DateTimeField(null=True, editable=False)
    """Null until a first code has proved that the app has the key."""
    confirmed = models.GeneratedField(
        expression=Q(confirmed_at__isnull=False),  # type: ignore[arg-type]
        output_field=models.BooleanField(),
        db_persist=True,
    )
    last_step = models.BigIntegerField(default=0, editable=False)
    """The latest period of 30 seconds whose code was used; neither it nor an earlier one counts again."""
    throttling_failure_count = models.PositiveIntegerField(default=0, db_column="failures", editable=False)
    """Wrong codes since the last right one."""
    locked_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = gettext_lazy("authenticator")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.user)

    # --- The key --------------------------------------------------------------------------------------------------

    @property
    def secret(self) -> str:
        """The key in base32. Raises `Conflict` where none of `MFA_KEYS` decrypts it."""
        try:
            return _cipher(tuple(settings.MFA_KEYS)).decrypt(self.encrypted_key.encode()).decode()
        except InvalidToken as error:
            raise Conflict("mfa-key-lost", _("Your second factor cannot be read any more. Ask for a reset.")) from error

    @secret.setter
    def secret(self, key: str) -> None:
        self.encrypted_key = _cipher(tuple(settings.MFA_KEYS)).encrypt(key.encode()).decode()

    # --- Codes ----------------------------------------------------------------------------------------------------

    def spend(self, code: str) -> bool:
        """Use up `code` where it is of a near period, later than all used before. Returns whether it was."""
        if not is_digits(code):
            return False
        totp = TOTP(b32decode(self.secret), step=STEP)
        totp.time = timezone.now().timestamp()
        if not totp.verify(int(code), tolerance=DRIFT, min_t=self.last_step + 1):
            return False
        self.last_step = totp.t()
        return True

    def verify_token(self, token: str) -> bool:
        """Use up a code, or count it as wrong. Called by `django_otp.verify_token`, which has locked this row."""
        if not self.verify_is_allowed()[0]:
            return False
        if not self.spend(token):
            self.throttle_increment()
            return False
        self.throttle_reset(commit=False)
        self.set_last_used_timestamp(commit=False)
        # So that every key moves on to the newest of MFA_KEYS by itself.
        self.secret = self.secret
        self.save()
        return True

    # --- Wrong codes ----------------------------------------------------------------------------------------------

    def get_throttle_factor(self) -> int:
        """None of the library's own delay, which begins with the first slip and comes to days: see `locked_until`."""
        return 0

    def verify_is_allowed(self) -> tuple[bool, dict[str, Any] | None]:
        if self.locked_until is not None and self.locked_until > timezone.now():
            return False, {
                "reason": VerifyNotAllowed.N_FAILED_ATTEMPTS,
                "failure_count": self.throttling_failure_count,
                "locked_until": self.locked_until,
            }
        return super().verify_is_allowed()

    def throttle_increment(self, commit: bool = True) -> None:
        super().throttle_increment(commit=False)
        self.locked_until = _lock_after(self.throttling_failure_count, self.throttling_failure_timestamp)
        if commit:
            self.save()

    def throttle_reset(self, commit: bool = True) -> None:
        self.locked_until = None
        super().throttle_reset(commit)


class BackupCodes(Authenticator):
    """The backup codes of a user, each of which takes the place of the app once.

    The same row as the app: its lock and its count of wrong codes are theirs, too.
    """

    class Meta:
        proxy = True
        verbose_name = gettext_lazy("backup codes")
        default_permissions = ()

    def spend(self, code: str) -> bool:
        """Use up `code` where it is one of those left. Returns whether it was."""
        unused = self.backup_codes.filter(code_hash=hash_of(self, code), used_at__isnull=True)
        return bool(unused.update(used_at=timezone.now()))


class BackupCode(models.Model):
    """One backup code. Only its hash is kept."""

    authenticator = models.ForeignKey(Authenticator, on_delete=models.CASCADE, related_name="backup_codes")
    code_hash = models.CharField(max_length=64, editable=False)
    used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = gettext_lazy("backup code")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["authenticator", "code_hash"], name="backup_code_once")]

    def __str__(self) -> str:
        return str(self.authenticator)


def is_digits(code: str) -> bool:
    """Whether a tidied `code` has the form of codes of authenticator apps and mails: six digits."""
    return len(code) == 6 and code.isascii() and code.isdecimal()


def is_backup_code(code: str) -> bool:
    """Whether a tidied `code` has the form of a backup code: 24 signs of base32, of an earlier release 16."""
    return len(code) in (16, 24) and set(code) <= BASE32


def hash_of(authenticator: Authenticator, code: str) -> str:
    """The stored hash of a backup code: SHA-256, in hexadecimal."""
    # A plain hash is enough for 112 random bits and more (ASVS 5.0, 6.5.2); slow ones are for what users choose.
    return hashlib.sha256(f"{authenticator.pk}:{tidy_code(code)}".encode()).hexdigest()


def _lock_after(failures: int, now: datetime) -> datetime | None:
    """Until when codes are refused: doubled after every ten wrong ones, from ten minutes to a day."""
    allowed, seconds = settings.LIMITS["login_account"]
    allowed = max(1, round(allowed * settings.LIMITS_SCALE))
    if failures % allowed:
        return None
    rounds = min(failures // allowed - 1, 16)
    return now + min(timedelta(seconds=seconds) * 2**rounds, LONGEST_LOCK)


@cache
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    def derived(key: str) -> Fernet:
        stretched = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"keys of authenticators").derive(key.encode())
        return Fernet(urlsafe_b64encode(stretched))

    return MultiFernet([derived(key) for key in keys])
