"""The second factor."""

from __future__ import annotations

from typing import Annotated

from ninja import Schema
from pydantic import StringConstraints

from api.schemas.common import Body
from api.schemas.users import Password

Code = Annotated[str, StringConstraints(min_length=1, max_length=40)]


class MfaOut(Schema):
    enabled: bool
    backup_codes_left: int


class EnrolmentOut(Schema):
    secret: str
    """The key, for typing it into the app by hand."""
    uri: str
    """The key with its name, as an otpauth: address."""
    qr: str
    """`uri` as a QR code, a PNG in a data: address."""


class CodeIn(Body):
    code: Code
    """The six digits that the app shows."""


class BackupCodesOut(Schema):
    backup_codes: list[str]
    """Shown this once. Each takes the place of the app's code one time."""


class MfaOffIn(Body):
    password: Password
    otp: Code
    """The six digits that the app shows, or a backup code."""
