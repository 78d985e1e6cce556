"""Passwords as typed: an accented letter is one character on one device, and two on another."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from django.contrib.auth.hashers import Argon2PasswordHasher, get_hasher, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.crypto import get_random_string, salted_hmac
from django.utils.translation import gettext as _

from apps.errors import Invalid
from apps.users.hashers import Argon2

if TYPE_CHECKING:
    from apps.users.models import User


SITE_WORDS = (
    "infloo",
    "influencer",
    "entrepreneur",
    "brand",
    "newcomer",
    "compliance",
    "community",
    "moderator",
    "moderation",
    "support",
    "access",
    "manager",
    "console",
    "admin",
    "staff",
    "demo",
)
"""Names of the product, its roles and its teams, in small letters."""
LETTERS_BESIDE = 4
"""How many letters a password with one of these words needs beside them."""


def composed(password: str) -> str:
    """The password as it is hashed (NFC)."""
    return unicodedata.normalize("NFC", password)


def spellings(password: str) -> list[str]:
    """The spellings of which a hash may be, without repeats; one for a password without marks.

    Their number depends on the password alone, so that as many hashes are computed for every account.
    """
    return list(dict.fromkeys([composed(password), unicodedata.normalize("NFD", password), password]))


def require_password(user: User, password: str, *, field: str) -> None:
    """Raise `Invalid` of the code `wrong-password`, naming `field`, unless it is the present password of `user`.

    A guess at a password: entry points call it inside `apps.infra.limits.guesses`.
    """
    if not user.check_password(password):
        raise Invalid("wrong-password", _("This is not your present password."), field=field)


def check_new_password(password: str, user: User, *, field: str) -> None:
    """Raise `Invalid` where the installation's rules refuse the password."""
    try:
        validate_password(composed(password), user)
    except ValidationError as error:
        raise Invalid("weak-password", " ".join(error.messages), field=field) from error


class NoSiteWords:
    """Refuses passwords that are words of this site and a few signs: they are guessed first."""

    def validate(self, password: str, user: User | None = None) -> None:
        typed = rest = password.casefold()
        for word in SITE_WORDS:
            rest = rest.replace(word, "")
        if rest != typed and sum(sign.isalpha() for sign in rest) < LETTERS_BESIDE:
            raise ValidationError(_("This password is easy to guess: it is made of words of this site."))

    def get_help_text(self) -> str:
        return _("Your password can’t be made of words of this site.")


@cache
def dummy_hash() -> str:
    """A hash to compare with where there is nothing."""
    return make_password(get_random_string(32))


def dummy_hash_for(name: str) -> str:
    """A hash to compare with where there is no account of this name.

    Accounts that have not signed in since the release of 2026-11-28 have a slower hash. Every other name without an
    account has one, too, always the same ones, so that the time tells nothing.
    """
    is_slow = isinstance(get_hasher(), Argon2) and salted_hmac("apps.users.dummy_hash", name).digest()[0] % 2
    return _slow_dummy_hash() if is_slow else dummy_hash()


@cache
def _slow_dummy_hash() -> str:
    hasher = Argon2PasswordHasher()
    return hasher.encode(get_random_string(32), hasher.salt())
