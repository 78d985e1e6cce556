"""Undo of a decision, or of all decisions of one bulk action."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from admin_dashboards.context import StaffRequest
from admin_dashboards.review.bulk import Bulk, BulkAction, BulkLine
from admin_dashboards.review.views.bulk import bulk_context, parse_uuid
from admin_dashboards.review.views.item import item_page
from apps.errors import Absent, DomainError, Refused
from apps.infra.ids import parse_id
from apps.review.decisions.models import Decision
from apps.review.decisions.services import undo, undo_batch

if TYPE_CHECKING:
    from admin_dashboards.review.desk import WorkDesk


def undo_page(desk: WorkDesk, request: StaffRequest) -> HttpResponse:
    """Undo the posted decision, or the posted batch."""
    if request.method != "POST":
        return HttpResponseRedirect(desk.back(request))
    reason = request.POST.get("reason", "").strip()[:1000]
    if batch := parse_uuid(request.POST.get("batch", "")):
        return _undo_batch(desk, request, batch, reason)
    number = parse_id(request.POST.get("decision", ""))
    label = desk.queue.model._meta.label_lower
    known = Decision.objects.filter(pk=number, target_type=label).first()
    if known is None:
        raise Absent("absent", _("This decision does not exist. Reload the page."))
    item = desk.one(request, known.target_id)
    try:
        undo(request.user, known.pk, reason=reason)
    except (Refused, Absent):
        raise
    except DomainError as error:
        return item_page(desk, request, item, error)
    messages.success(request, _("Decision on %(item)s undone.") % {"item": desk.title_of(item)})
    return HttpResponseRedirect(desk.within(request, "item", known.target_id))


def _undo_batch(desk: WorkDesk, request: StaffRequest, batch: UUID, reason: str) -> HttpResponse:
    label = desk.queue.model._meta.label_lower
    ids = Decision.objects.filter(batch=batch, target_type=label).values_list("target_id", flat=True)
    items = {item.pk: item for item in desk.read(request, ids)}
    if not items:
        raise Absent("absent", _("This decision does not exist. Reload the page."))
    result = undo_batch(request.user, batch, reason=reason)
    lines = [
        *(BulkLine(items.get(each.target_id), _("undone")) for each in result.done),
        *(BulkLine(items.get(each.target_id), why, skipped=True) for each, why in result.skipped),
    ]
    bulk = Bulk(BulkAction("undo", _("Undo")), batch, [line for line in lines if line.item is not None])
    context = bulk_context(desk, request, bulk, done=True, undone=True)
    return desk.page(request, "desk/bulk.html", context, title=_("Undone"))
