"""The desk page: the queue's figures and its list."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _

from admin_dashboards import charts
from admin_dashboards.context import StaffRequest
from admin_dashboards.review.last_decision import last_decision
from admin_dashboards.review.queue_filters import (
    FOUND,
    SORTS,
    choices,
    chosen_sort,
    filter_query,
    first_in_order,
    search_term,
    tab_rows,
)
from admin_dashboards.saved_filters import filters_of
from apps.review.figures import figures

if TYPE_CHECKING:
    from admin_dashboards.review.desk import WorkDesk

SHOWN = 50
"""How many items of a queue the desk page lists."""


def index_page(desk: WorkDesk, request: StaffRequest) -> HttpResponse:
    """The desk page."""
    now, term = timezone.now(), search_term(request)
    tabs = (*desk.tabs, FOUND) if term else desk.tabs
    known = {tab.code for tab in tabs}
    tab = request.GET.get("tab", "")
    tab = tab if tab in known else tabs[-1 if term else 0].code
    counted = figures(desk.queue, desk.counted(request), request.user, timezone.get_current_timezone(), now)
    items = _items(desk, request, tab, counted.goal)
    filter_choices = choices(desk, request)
    context = {
        "figures": counted,
        "chart": charts.arrivals_and_decisions(counted),
        "tab": tab,
        "tabs": tabs,
        "term": term,
        "lines": [_line(desk, request, item, counted.goal, now) for item in items[:SHOWN]],
        "more": len(items) > SHOWN,
        "choices": filter_choices,
        "next_address": desk.within(request, "next"),
        "bulk_address": desk.within(request, "bulk"),
        "is_filtered": any(choice["chosen"] for choice in filter_choices),
        "sorts": list(SORTS.items()),
        "sort": chosen_sort(request),
        "tab_query": filter_query(desk, request, "tab", "q").replace("?", "&"),
        "saved": filters_of(request, f"admin:{desk.name}"),
        "last": last_decision(desk, request),
        "goal_hours": int(counted.goal.total_seconds() // 3600),
        "zone": timezone.get_current_timezone_name(),
        "templates_address": desk.at("templates"),
        "settings_address": desk.at("settings") if desk.may_set(request) else "",
        **desk.index_context(request),
    }
    return desk.page(request, "desk/index.html", context)


def _items(desk: WorkDesk, request: StaffRequest, tab: str, goal: timedelta) -> list[Any]:
    """The items of the tab, one more than are shown."""
    rows = tab_rows(desk, request, tab).values_list("pk", flat=True)
    if tab == "decided":
        ids = list(rows.order_by(f"-{desk.queue.decided}", "-pk")[: SHOWN + 1])
    elif tab == FOUND.code:
        ids = list(rows.order_by(f"-{desk.queue.arrived}", "-pk")[: SHOWN + 1])
    else:
        ids = first_in_order(desk, request, rows, goal, SHOWN + 1)
    return desk.read(request, ids)


def _line(desk: WorkDesk, request: StaffRequest, item: Any, goal: timedelta, now: datetime) -> dict[str, Any]:
    arrived, decided = getattr(item, desk.queue.arrived), getattr(item, desk.queue.decided)
    return {
        "row": desk.row(request, item),
        "address": desk.within(request, "item", item.pk),
        "arrived": arrived,
        "late": item.is_open and arrived < now - goal,
        "due": due_text(arrived + goal, now),
        "holder": item.claim_holder(now),
        "outcome": "" if item.is_open else item.decided_as,
        "decided": decided,
        "ago": timesince(decided or arrived, now, depth=1),
        "decider": getattr(item, desk.queue.decider),
    }


def due_text(due: datetime, now: datetime) -> str:
    """As in "3 hours overdue" or "due in 2 days", in one unit."""
    if due < now:
        return _("%(time)s overdue") % {"time": timesince(due, now, depth=1)}
    return _("due in %(time)s") % {"time": timeuntil(due, now, depth=1)}
