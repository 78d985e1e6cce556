"""The viewer's notices: items assigned or escalated to them, and notes that mention them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.http import HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from admin_dashboards.context import StaffRequest
from admin_dashboards.registry import queue_desks
from apps.errors import Absent
from apps.infra.ids import parse_id
from apps.review.models import Notice
from apps.review.notices import mark_all_read, mark_read, notices_of

SHOWN = 25


def notices_view(request: StaffRequest) -> HttpResponse:
    """The notices, latest first; posted to, it opens one, or marks all as read."""
    viewer: Any = request.user
    rows = notices_of(viewer)
    if request.method == "POST":
        if not request.POST.get("open"):
            mark_all_read(viewer)
            messages.success(request, _("All notifications are marked as read."))
            return HttpResponseRedirect(reverse("admin:notices"))
        notice = rows.filter(pk=parse_id(request.POST["open"])).first()
        if notice is None:
            raise Absent("absent", _("This notification no longer exists. Reload the page."))
        mark_read(viewer, [notice.pk])
        return HttpResponseRedirect(_items_of(request, [notice])[0][1] or reverse("admin:notices"))
    if before := parse_id(request.GET.get("before", "")):
        rows = rows.filter(pk__lt=before)
    found = list(rows[: SHOWN + 1])
    context = {
        **admin.site.each_context(request),
        "title": _("Notifications"),
        "lines": list(zip(found[:SHOWN], _items_of(request, found[:SHOWN]), strict=True)),
        "older": found[SHOWN - 1].pk if len(found) > SHOWN else None,
        "is_first": not before,
    }
    return TemplateResponse(request, "desk/notices.html", context)


def _items_of(request: StaffRequest, notices: Sequence[Notice]) -> list[tuple[str, str]]:
    """The item of each notice by name, and its address where the viewer may still work on it; one query for each desk.

    The text of a notice is shown only there: it quotes what was written on the item.
    """
    by_type = {desk.queue.model._meta.label_lower: desk for desk in queue_desks()}
    open_ids: dict[str, set[int]] = {}
    for label in {notice.target_type for notice in notices}:
        desk = by_type.get(label)
        if desk is not None and desk.may_open(request):
            ids = [notice.target_id for notice in notices if notice.target_type == label]
            open_ids[label] = set(desk.rows(request).filter(pk__in=ids).values_list("pk", flat=True))
    items = []
    for notice in notices:
        desk, name, address = by_type.get(notice.target_type), f"#{notice.target_id}", ""
        if desk is not None:
            name = f"{desk.queue.model._meta.verbose_name} {name}".capitalize()
            if notice.target_id in open_ids.get(notice.target_type, ()):
                address = desk.at("item", notice.target_id)
        items.append((name, address))
    return items
