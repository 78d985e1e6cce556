"""Reporting content to staff, and following what came of it."""

from __future__ import annotations

from typing import Any

from ninja import Query, Router, Status

from api.auth import Request
from api.errors import refusals
from api.pagination import Page, Paging, paginate
from api.schemas.reports import ReportIn, ReportOut
from apps.moderation import reporting
from apps.moderation.models import Report

router = Router()


@router.get("", response={200: Page[ReportOut]}, operation_id="list_own_reports")
def list_reports(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    """One's own, newest first."""
    return paginate(request, reporting.reports_by(request.user), paging)


@router.post("", response={201: ReportOut, **refusals(404, 409)}, operation_id="report")
def report(request: Request, body: ReportIn) -> Status[Report]:
    """The same report can be made again once it is closed."""
    return Status(
        201,
        reporting.report(request.user, kind=body.kind, target_id=body.id, reason=body.reason, note=body.note),
    )
