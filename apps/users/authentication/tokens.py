"""Access and refresh tokens: django-ninja-jwt's own, with the claims that name a login.

Beside what the library sets (`typ`, `jti`, `exp` in seconds since 1970) each has `iss`, the domain of the installation,
`sub`, the id of its user as text, `sid`, the key of its `Session`, and `ver`, the token version of the account when the
login began. Lifetimes, key and algorithm come from `settings.NINJA_JWT`. A token only names the login: whether that is
live, `sessions` says.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID, uuid4

from django.conf import settings
from django.utils.translation import gettext as _
from ninja_jwt import tokens
from ninja_jwt.backends import TokenBackend
from ninja_jwt.exceptions import TokenBackendError, TokenError
from ninja_jwt.state import token_backend

from apps.errors import WrongCredentials

if TYPE_CHECKING:
    from apps.users.models import Session


# Of the latest so many tokens, some two KiB each, the signature is not checked again: what was signed once stays so.
# When a token ends is looked at each time, by the library's `verify` too.
REMEMBERED = 4096


@lru_cache(REMEMBERED)
def _signed(encoded: str) -> dict[str, Any]:
    for former in settings.JWT_FORMER_KEYS:
        with suppress(TokenBackendError):
            return dict(TokenBackend(settings.NINJA_JWT["ALGORITHM"], former).decode(encoded))
    return dict(token_backend.decode(encoded))


class _Backend(TokenBackend):
    def decode(self, token: str, verify: bool = True) -> dict[str, Any]:
        return dict(_signed(token)) if verify else super().decode(token, verify)


class _OfSession(tokens.Token):
    _token_backend = _Backend(settings.NINJA_JWT["ALGORITHM"], settings.NINJA_JWT["SIGNING_KEY"])

    @classmethod
    def of(cls, session: Session) -> Self:
        """A new token of this login."""
        token = cls()
        # Not `aud`: the release before refuses tokens that have one. Who issues them here is who reads them.
        token["iss"] = settings.OTP_WEBAUTHN_RP_ID
        # Text: PyJWT signs a number as the subject, and then refuses to read it.
        token["sub"] = str(session.user_id)
        token["sid"] = str(session.key)
        token["ver"] = session.token_version
        return token

    def set_jti(self) -> None:
        """With dashes, as the release before compares it: it may serve beside this one, and again after it."""
        self["jti"] = str(uuid4())

    def set_iat(self, claim: str = "iat", at_time: datetime | None = None) -> None:
        """Set no `iat`: it has no reader, and PyJWT refuses a token from a host whose clock is a second ahead."""

    def verify(self) -> None:
        """Check what the library does, and that every claim of ours is there. Raises `TokenError`.

        Tokens of the release before name no installation, and count until they end.
        """
        super().verify()
        if self.get("iss", settings.OTP_WEBAUTHN_RP_ID) != settings.OTP_WEBAUTHN_RP_ID:
            raise TokenError("The token is of another installation.")
        try:
            UUID(self["sid"])
            UUID(self["jti"])
            complete = isinstance(self["sub"], str) and isinstance(self["ver"], int)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise TokenError("A claim is missing or malformed.") from error
        if not complete:
            raise TokenError("A claim is missing or malformed.")


class AccessToken(_OfSession, tokens.AccessToken):
    """Opens a call or a socket."""


class RefreshToken(_OfSession, tokens.RefreshToken):
    """Is exchanged for new tokens, once."""

    access_token_class = AccessToken


def read[T: _OfSession](kind: type[T], encoded: str) -> T:
    """The token of this kind that `encoded` is. Raises `WrongCredentials` for anything else, or when it has expired."""
    try:
        return kind(encoded)
    except TokenError as error:
        raise dead_token() from error


def dead_token() -> WrongCredentials:
    return WrongCredentials("invalid-token", _("This token does not hold. Sign in again."))
