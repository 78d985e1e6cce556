"""Blind reviews: a share of the decided documents, reviewed again by an officer who does not see the decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from admin_dashboards.compliance.decision import DocumentDecision
from admin_dashboards.compliance.pages import renewable_addresses
from admin_dashboards.context import StaffRequest
from admin_dashboards.errors import with_status
from apps.access import may
from apps.errors import Absent, Invalid
from apps.users.models import Reason, User
from apps.users.verification.quality import decide_blind, open_checks, quality

if TYPE_CHECKING:
    from admin_dashboards.compliance.desk import ComplianceDesk

LISTED = 50
"""How many blind reviews the page lists."""


def numbered_reasons() -> list[tuple[str, Reason]]:
    """The rejection reasons, each with the key that chooses it."""
    return [(str(number), reason) for number, reason in enumerate(Reason, start=1)]


def quality_page(desk: ComplianceDesk, request: StaffRequest) -> HttpResponse:
    """The blind reviews that wait for the viewer, and how far the officers agree."""
    viewer: User = request.user
    context = {
        "checks": list(open_checks(viewer).values_list("pk", flat=True)[:LISTED]),
        "quality": quality(viewer),
        "all_officers": bool(may(viewer, "users.view_quality")),
    }
    return desk.page(request, "compliance/desk/quality.html", context, title=_("Quality"))


def check_page(desk: ComplianceDesk, request: StaffRequest, check_id: int) -> HttpResponse:
    """A blind review: one decided document, shown without its decision."""
    viewer: User = request.user
    check = open_checks(viewer).select_related("document__owner__profile").filter(pk=check_id).first()
    if check is None:
        raise Absent("not-found", _("This blind review is done, or assigned to another officer. Choose the next one."))
    document, error = check.document, None
    if request.method == "POST":
        try:
            decision = DocumentDecision.posted(request.POST)
            decide_blind(viewer, check_id, verdict=decision.verdict, reason=decision.reason)
        except Invalid as refusal:
            error = refusal
        else:
            following = open_checks(viewer).values_list("pk", flat=True).first()
            page = desk.at("check", following) if following else desk.at("quality")
            return HttpResponseRedirect(page)
    context = {
        "check": check,
        "document": document,
        "page_addresses": renewable_addresses(viewer, document),
        "reasons": numbered_reasons(),
        "error": error,
    }
    title = _("Blind review: %(kind)s document") % {"kind": document.get_doc_type_display().lower()}
    return with_status(desk.page(request, "compliance/desk/check.html", context, title=title), error)
