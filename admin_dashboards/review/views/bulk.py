"""Bulk actions: first a preview of what happens to each item, then, once confirmed, what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from admin_dashboards.context import StaffRequest
from admin_dashboards.errors import with_status
from admin_dashboards.review.bulk import Bulk, BulkLine
from apps.errors import Conflict, DomainError, Invalid
from apps.infra.ids import parse_id
from apps.review.models import ReviewItem

if TYPE_CHECKING:
    from admin_dashboards.review.desk import WorkDesk

MOST = 100
"""How many items one bulk action takes."""


def bulk_page(desk: WorkDesk, request: StaffRequest) -> HttpResponse:
    """The preview of the posted action, or its result once it is confirmed."""
    if request.method != "POST":
        return HttpResponseRedirect(desk.back(request))
    action = next((each for each in desk.bulk_actions if each.code == request.POST.get("action")), None)
    numbers = [number for text in request.POST.getlist("item")[:MOST] if (number := parse_id(text))]
    if action is None or not numbers:
        messages.error(request, _("Select items first, then choose an action."))
        return HttpResponseRedirect(desk.back(request))
    items = desk.with_related(desk.rows(request)).in_bulk(numbers)
    confirmed = bool(request.POST.get("confirmed"))
    bulk = Bulk(action, parse_uuid(request.POST.get("batch", "")) or uuid4())
    error = None
    if not confirmed:
        desk.bulk_prepare(request, action, list(items.values()))
    for item in (items[number] for number in dict.fromkeys(numbers) if number in items):
        try:
            if confirmed:
                _check_version(request, item)
                sentence = desk.bulk_do(request, action, item, bulk.batch)
            else:
                sentence = desk.bulk_preview(request, action, item)
        except Invalid as refusal:
            # What was typed for all items is invalid, not one item.
            error, confirmed = refusal, False
            sentence = desk.bulk_preview(request, action, item)
        except DomainError as refusal:
            bulk.lines.append(BulkLine(item, str(refusal), skipped=True))
            continue
        bulk.lines.append(BulkLine(item, sentence))
    context = bulk_context(desk, request, bulk, done=confirmed) | {"error": error, "posted": request.POST}
    return with_status(desk.page(request, "desk/bulk.html", context, title=action.title), error)


def bulk_context(
    desk: WorkDesk, request: StaffRequest, bulk: Bulk, *, done: bool, undone: bool = False
) -> dict[str, Any]:
    """What `desk/bulk.html` needs."""
    lines = [
        {"line": line, "title": desk.title_of(line.item), "address": desk.within(request, "item", line.item.pk)}
        for line in (*bulk.taken, *bulk.skipped)
    ]
    return {
        "bulk": bulk,
        "lines": lines,
        "done": done,
        "undone": undone,
        "bulk_address": desk.within(request, "bulk"),
        "undo_address": desk.within(request, "undo"),
        "back": desk.back(request),
        **desk.bulk_context(request),
    }


def parse_uuid(text: str) -> UUID | None:
    """The UUID that `text` is; None where it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _check_version(request: StaffRequest, item: ReviewItem) -> None:
    seen = request.POST.get(f"version_{item.pk}", "")
    if seen != str(item.version):
        raise Conflict("changed-since", _("Changed since the preview. Run the preview again."))
