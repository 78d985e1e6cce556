"""Saved filters of tables and queues, kept on the server under a name, one's own or shared."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from admin_dashboards.asking import way_back
from apps.desk.services import delete_filter, save_filter, saved_filters
from apps.errors import DomainError, Invalid, Refused
from apps.whole_numbers import whole_number

NOT_KEPT = ("p", "e", "_facets", "_changelist_filters")
"""What belongs to one look at a table, not to a filter."""


def filters_of(request: HttpRequest, place: str) -> dict[str, Any]:
    """What the strip of saved filters shows at a place, such as "admin:users_document_changelist"."""
    now = kept_query(request.GET)
    user: Any = request.user
    address = reverse(place)
    return {
        "place": place,
        "query": now,
        "here": request.get_full_path(),
        "filters": [
            {
                "filter": each,
                "address": f"{address}?{each.query}",
                "mine": each.owner_id == user.pk,  # type: ignore[attr-defined]
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


def save_filter_view(request: HttpRequest) -> HttpResponse:
    """Keep a filter, or delete one, and go back to where it stands."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    place, user = request.POST.get("place", ""), request.user
    try:
        if number := whole_number(request.POST.get("delete", "")):
            delete_filter(user, number)  # type: ignore[arg-type]
            messages.success(request, _("Filter deleted."))
        else:
            _check_place(place)
            kept = save_filter(
                user,  # type: ignore[arg-type]
                place=place,
                name=request.POST.get("name", ""),
                query=kept_query(QueryDict(request.POST.get("query", "")[:2000])),
                shared=bool(request.POST.get("shared")),
            )
            messages.success(request, _("Filter “%(name)s” saved.") % {"name": kept.name})
    except Refused:
        raise
    except DomainError as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(way_back(request))


def _check_place(place: str) -> None:
    try:
        known = place.startswith("admin:") and bool(reverse(place))
    except NoReverseMatch:
        known = False
    if not known:
        raise Invalid("unknown", _("There is no such table."), field="place")
