"""Passkeys, and signing in with one."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, StringConstraints

from api.schemas.common import Body, Time
from api.schemas.output import Output
from api.schemas.users import AccountName, Password, tidied
from api.schemas.webauthn import CredentialIn, NewCredentialIn
from apps.users.authentication.passkeys import NAME_LENGTH

PasskeyName = Annotated[str, BeforeValidator(tidied), StringConstraints(min_length=1, max_length=NAME_LENGTH)]


class PasskeyOut(Output):
    id: int
    name: str
    created_at: Time
    last_used_at: Time | None


class PasskeyBeginIn(Body):
    password: Password


class PasskeyIn(Body):
    name: PasskeyName
    """Such as “Phone”: by which its owner knows it in the list."""
    credential: NewCredentialIn


class PasskeyRemoveIn(Body):
    password: Password


class PasskeyLoginBeginIn(Body):
    username: AccountName | None = None
    """The user name or the mail address; without it the client offers the passkeys that it has for this platform."""


class PasskeyLoginIn(Body):
    credential: CredentialIn
