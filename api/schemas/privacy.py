"""The end of an account, and copies of its data."""

from __future__ import annotations

from typing import Annotated

from api.schemas.common import Body, Time, one_of
from api.schemas.output import Output
from api.schemas.users import Password
from apps.privacy.models import DataExport, Erasure


class PasswordConfirmation(Body):
    password: Password
    """The present one."""


class ErasureOut(Output):
    requested_at: Time
    erase_at: Time
    """When everything is erased, unless it is cancelled before or has to be kept by law."""

    @staticmethod
    def resolve_erase_at(erasure: Erasure) -> Time:
        return erasure.due_at


class DataExportOut(Output):
    status: Annotated[str, one_of(DataExport.Status)]
    """`preparing`, `ready` to be fetched, or `expired`."""
    size: int | None
    """Of the file in bytes, once it is ready."""
    created_at: Time
    expires_at: Time | None
    """Until when it can be fetched."""
