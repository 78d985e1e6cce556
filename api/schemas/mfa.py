"""The second factor."""

from __future__ import annotations

from api.schemas.common import Body
from api.schemas.output import Output
from api.schemas.users import Code, Password


class MfaOut(Output):
    enabled: bool
    backup_codes_left: int


class MfaOnIn(Body):
    password: Password


class EnrolmentOut(Output):
    secret: str
    """The key, for typing it into the app by hand."""
    uri: str
    """The key with its name, as an otpauth: address."""
    qr: str
    """`uri` as a QR code, a PNG in a data: address."""


class CodeIn(Body):
    code: Code
    """The six digits that the app shows."""


class BackupCodesOut(Output):
    backup_codes: list[str]
    """Shown this once. Each takes the place of the app's code one time."""


class MfaOffIn(Body):
    password: Password
    otp: Code
    """The six digits that the app shows, or a backup code."""
