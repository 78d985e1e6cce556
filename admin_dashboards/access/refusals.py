"""Requests of staff that were refused: an audit log entry each, without any input."""

from __future__ import annotations

from typing import Any

from django.db.models import Model

from admin_dashboards.context import StaffRequest, is_poll_address
from apps.audit.services import record_refusal
from apps.infra.ids import parse_id


def keep_refusal(request: StaffRequest) -> None:
    """Record a refusal, except of what another site had the browser ask for, or an open page asked by itself."""
    user: Any = request.user
    unasked = is_poll_address(request) or request.console.from_other_site
    if unasked or not user.is_authenticated or not user.is_staff:
        return
    sentence = request.console.refusal or request.console.denied
    record_refusal(
        user, method=request.method or "", path=request.path, sentence=str(sentence), target=_target(request)
    )


def _target(request: StaffRequest) -> Model | None:
    """The row whose page was asked for, whether or not there is one; None where it was the page of no single row."""
    match = request.resolver_match
    table: Any = getattr(match and match.func, "model_admin", None)
    number = parse_id(str(match.kwargs.get("object_id", ""))) if match else 0
    return table.model(pk=number) if table is not None and number else None
