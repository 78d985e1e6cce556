"""The permissions that staff use, recorded once a day with the page that they open or the action that they take."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse
from django.utils import timezone

from admin_dashboards.context import StaffRequest, is_poll_address
from apps.audit.services import keep_use

NOTED = "uses_noted"


def keep_use_of(request: StaffRequest, used: Iterable[str], response: HttpResponse) -> None:
    """Record the permissions used by this request; those that the session has recorded today are not written again."""
    user: Any = request.user
    if response.status_code >= HTTPStatus.BAD_REQUEST or not user.is_staff or is_poll_address(request):
        return
    perms = {*used, *_viewed(request)}
    today = timezone.now().date()
    noted = request.session.get(NOTED, {})
    known = set(noted.get("perms", ())) if noted.get("day") == today.isoformat() else set()
    if new := perms - known:
        keep_use(user, new, today)
        request.session[NOTED] = {"day": today.isoformat(), "perms": sorted(known | new)}


def _viewed(request: StaffRequest) -> Iterable[str]:
    """The permission to view the table whose page this is."""
    table = getattr(request.resolver_match and request.resolver_match.func, "model_admin", None)
    if table is None or request.user.is_superuser:
        return ()
    perm = table.perm("view")
    return (perm,) if request.console.may(perm) or perm in request.console.rows_held else ()
