"""The erasure of one's account, also while suspended. It is requested by deleting the profile."""

from __future__ import annotations

from ninja import Router, Status

from api.auth import EvenSuspended, Request
from api.errors import refusals
from api.schemas.privacy import ErasureOut
from apps.privacy import erasures
from apps.privacy.models import Erasure

router = Router(auth=EvenSuspended())


@router.get("", response={200: ErasureOut, **refusals(404)}, operation_id="get_erasure")
def get_erasure(request: Request) -> Erasure:
    """The erasure of the account that is scheduled, whether the user or staff asked for it; 404 where none is."""
    return erasures.own_erasure(request.user)


@router.delete("", response={204: None, **refusals(404)}, operation_id="cancel_erasure")
def cancel_erasure(request: Request) -> Status[None]:
    """Cancel the erasure of the account."""
    erasures.withdraw_erasure(request.user)
    return Status(204, None)
