"""The strikes of the user, also while suspended."""

from __future__ import annotations

from typing import Any

from ninja import Query, Router

from api.auth import EvenSuspended, Request
from api.pagination import Page, Paging, paginate
from api.schemas.appeals import StrikeOut
from apps.moderation.strikes import strikes_of

router = Router(auth=EvenSuspended())


@router.get("", response={200: Page[StrikeOut]}, operation_id="list_own_strikes")
def list_strikes(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    """One's own, latest first, each with the decision behind it and until when that can be appealed."""
    return paginate(request, strikes_of(request.user), paging)
