"""Appeals against decisions. Open to suspended users, too."""

from __future__ import annotations

from typing import Any

from ninja import Query, Router, Status

from api.auth import EvenSuspended, Request
from api.errors import refusals
from api.pagination import Page, Paging, paginate
from api.schemas.appeals import AppealIn, AppealOut
from apps.moderation import appeals
from apps.moderation.models import Appeal

router = Router(auth=EvenSuspended())


@router.get("", response={200: Page[AppealOut]}, operation_id="list_own_appeals")
def list_appeals(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    """One's own, latest first."""
    return paginate(request, appeals.appeals_of(request.user), paging)


@router.post("", response={201: AppealOut, **refusals(404, 409)}, operation_id="appeal")
def appeal(request: Request, body: AppealIn) -> Status[Appeal]:
    """Once a decision, within 20 days. An officer who did not decide reviews it."""
    return Status(201, appeals.appeal(request.user, body.decision, text=body.text))
