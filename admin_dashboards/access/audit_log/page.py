"""The page of the audit log: the lines that a filter finds, latest first."""

from __future__ import annotations

from typing import Any

from django.http import (
    HttpResponse,
    QueryDict,
)
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from admin_dashboards.access.audit_log.describe import describe
from admin_dashboards.access.audit_log.export import EXPORT
from admin_dashboards.access.audit_log.filters import FilterForm, filters_in
from admin_dashboards.access.audit_log.proofs import may_prove, may_see_state
from admin_dashboards.context import StaffRequest
from admin_dashboards.links import AUDIT_LOG, VIEWS_AUDIT_LOG
from admin_dashboards.saved_filters import filters_of
from apps.access import may, note_use
from apps.audit.log import LineKey, LogFilter, lines, read_key
from apps.errors import Invalid
from apps.privacy.models import Kept
from apps.privacy.periods import days_of
from apps.users.models import User


def may_see(request: StaffRequest) -> bool:
    """Whether the viewer may open the audit log."""
    return bool(request.console.may(VIEWS_AUDIT_LOG))


def audit_page(desk: Any, request: StaffRequest) -> HttpResponse:
    note_use(VIEWS_AUDIT_LOG)
    asked = filters_in(request.GET)
    form = FilterForm(asked)
    context: dict[str, Any] = {
        "form": form,
        "filters": list(form),
        "is_filtered": bool(asked),
        "actors": User.objects.staff().active().order_by("username").values_list("username", flat=True)[:500],
        "zone": timezone.get_current_timezone_name(),
        "saved": filters_of(request, AUDIT_LOG),
        "opens_desk": desk.may_open(request),
        "now": timezone.now(),
        "kept_for": days_of(Kept.AUDIT),
        "may_see_state": may_see_state(request),
        "may_prove": may_prove(request),
        "may_export": bool(may(request.user, EXPORT)),
        "export_address": f"{reverse('admin:desk_access_audit_export')}?{asked.urlencode()}",
    }
    if form.is_valid():
        try:
            context |= _page_of(request, form.wanted(request.user), asked)
            context["span_note"] = form.span_note
        except Invalid as error:
            form.add_error("since", str(error))
    response = desk.page(request, "access/audit.html", context, title=_("Audit log"))
    response.status_code = 422 if form.errors else 200
    return response


def _page_of(request: StaffRequest, wanted: LogFilter, asked: QueryDict) -> dict[str, Any]:
    size = request.user.page_size
    before, after = read_key(request.GET.get("before", "")), read_key(request.GET.get("after", ""))
    if before is None and after is not None:
        found = lines(wanted, size + 1, after=after)
        if len(found) > size:
            return _shown(request, found[1:], asked, later=True, earlier=True)
        # So near to the beginning the first page is whole, and has what came in since.
        before = None
    found = lines(wanted, size + 1, before=before)
    return _shown(request, found[:size], asked, later=before is not None, earlier=len(found) > size)


def _shown(
    request: StaffRequest, keys: list[LineKey], asked: QueryDict, *, later: bool, earlier: bool
) -> dict[str, Any]:
    def at(name: str, key: LineKey) -> str:
        query = asked.copy()
        query[name] = str(key)
        return f"?{query.urlencode()}"

    return {
        "lines": describe(keys, request),
        "later": at("after", keys[0]) if later and keys else "",
        "earlier": at("before", keys[-1]) if earlier else "",
        "first": f"?{asked.urlencode()}" if later else "",
    }
