"""The viewer's notices: items assigned or escalated to them, and notes that mention them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.desk.models import Notice
from apps.desk.notices import mark_all_read, mark_read, notices_of
from apps.errors import Absent
from apps.ids import parse_id

SHOWN = 25


def notices_view(request: HttpRequest) -> HttpResponse:
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
        return HttpResponseRedirect(_item_of(request, notice)[1] or reverse("admin:notices"))
    if before := parse_id(request.GET.get("before", "")):
        rows = rows.filter(pk__lt=before)
    found = list(rows[: SHOWN + 1])
    context = {
        **admin.site.each_context(request),
        "title": _("Notifications"),
        "lines": [(notice, _item_of(request, notice)) for notice in found[:SHOWN]],
        "older": found[SHOWN - 1].pk if len(found) > SHOWN else None,
        "is_first": not before,
    }
    return TemplateResponse(request, "desk/notices.html", context)


def _item_of(request: HttpRequest, notice: Notice) -> tuple[str, str]:
    """The item by name, and its address where the viewer may open its desk."""
    from admin_dashboards.desk.registry import desks
    from admin_dashboards.desk.work import WorkDesk

    for desk in desks():
        if isinstance(desk, WorkDesk) and desk.queue.model._meta.label_lower == notice.target_type:
            name = f"{desk.queue.model._meta.verbose_name} #{notice.target_id}".capitalize()
            return name, desk.at("item", notice.target_id) if desk.may_open(request) else ""
    return f"#{notice.target_id}", ""
