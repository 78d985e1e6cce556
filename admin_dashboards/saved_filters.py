"""Saved filters of tables and queues, kept on the server under a name, one's own or shared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from admin_dashboards.context import StaffRequest, way_back
from admin_dashboards.registry import all_tables, desks
from apps.errors import DomainError, Invalid, Refused
from apps.infra.ids import parse_id
from apps.review.saved_filters import delete_filter, save_filter, saved_filters

if TYPE_CHECKING:
    from admin_dashboards.desk import Desk
    from admin_dashboards.tables.base import ModelAdmin

NOT_KEPT = ("p", "e", "_facets", "_changelist_filters", "before", "after", "day")
"""Parameters of one page of a table, not of a filter."""


def filters_of(request: StaffRequest, place: str) -> dict[str, Any]:
    """What the strip of saved filters shows at a place, such as "admin:users_document_changelist"."""
    now = kept_query(request.GET)
    user: Any = request.user
    address = reverse(place)
    return {
        "place": place,
        "query": now,
        "may_share": may_share(request, place),
        "here": request.get_full_path(),
        "filters": [
            {
                "filter": each,
                "address": f"{address}?{each.query}",
                "mine": each.owner_id == user.pk,
                "deletable": user.is_superuser or each.owner_id == user.pk,
                "active": each.query == now,
            }
            for each in saved_filters(user, place)
        ],
    }


def kept_query(asked: QueryDict) -> str:
    query = asked.copy()
    for name in NOT_KEPT:
        query.pop(name, None)
    return query.urlencode()


def save_filter_view(request: StaffRequest) -> HttpResponse:
    """Keep a filter, or delete one, and go back to its page."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    place, user = request.POST.get("place", ""), request.user
    try:
        if number := parse_id(request.POST.get("delete", "")):
            delete_filter(user, number)
            messages.success(request, _("Filter deleted."))
        else:
            shared = bool(request.POST.get("shared"))
            if not may_share(request, place) and shared:
                raise Refused("reads-only", _("Only staff who work in this queue can share filters."))
            kept = save_filter(
                user,
                place=place,
                name=request.POST.get("name", ""),
                query=kept_query(QueryDict(request.POST.get("query", "")[:2000])),
                shared=shared,
            )
            messages.success(request, _("Filter “%(name)s” saved.") % {"name": kept.name})
    except Refused:
        raise
    except DomainError as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(way_back(request))


def may_share(request: StaffRequest, place: str) -> bool:
    """Whether the viewer may show a filter to all who open the place: they open it, and do not only read there.

    Raises `Invalid` where there is no such place, `Refused` where the viewer may not open it.
    """
    return _place(request, place).may_share_filters(request)


def _place(request: StaffRequest, place: str) -> Desk | ModelAdmin:
    """The table or desk with that place. Raises `Invalid` where there is none, `Refused` where the viewer may not open
    it."""
    found: Desk | ModelAdmin
    if desk := next((each for each in desks() if place in each.places), None):
        found, is_open = desk, desk.places[place](request)
    elif table := next((each for each in all_tables() if each.address("changelist") == place), None):
        found, is_open = table, table.has_view_permission(request)
    else:
        raise Invalid("unknown", _("There is no such table."), field="place")
    if not is_open:
        raise Refused("permission-missing", request.console.denied or _("You have no permission to open this page."))
    return found
