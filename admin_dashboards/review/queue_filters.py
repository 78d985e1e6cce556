"""Which items of a queue the desk page lists, and in which order: its tabs, search, filters and sorting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy

from admin_dashboards.context import StaffRequest
from apps.review.queue import AGES, ReviewQueue, goal_of, line_up, mine, waiting
from apps.users.models import User

if TYPE_CHECKING:
    from admin_dashboards.review.desk import WorkDesk

LONGEST_TERM = 150


@dataclass(frozen=True, slots=True)
class Tab:
    """A part of the queue."""

    code: str
    title: str | Promise


TABS = (
    Tab("waiting", gettext_lazy("Queue")),
    Tab("mine", gettext_lazy("Mine")),
    Tab("open", gettext_lazy("All open")),
    Tab("escalated", gettext_lazy("Escalated")),
    Tab("snoozed", gettext_lazy("Snoozed")),
    Tab("decided", gettext_lazy("Decided")),
)
WORKED_THROUGH = ("mine", "open", "escalated", "snoozed")
"""Tabs other than the queue whose items come after one another."""
FOUND = Tab("found", gettext_lazy("Search results"))
"""All items that a search finds, decided or not; shown during a search."""
SORTS = {"oldest": gettext_lazy("Oldest first"), "newest": gettext_lazy("Newest first")}
"""Ways to sort beside the usual one: overdue first, then by the queue's own order."""


@dataclass(frozen=True, slots=True)
class FilterContext:
    """For whom and when a queue is filtered."""

    queue: ReviewQueue
    viewer: User
    goal: timedelta
    now: datetime


@dataclass(frozen=True, slots=True)
class Filter:
    """A choice by which the list of the queue is filtered."""

    name: str
    """Of the address's parameter."""
    title: str | Promise
    choices: Mapping[str, str | Promise]
    lookup: str | Callable[[FilterContext, str], Q]
    """The field that has the chosen value, or the condition for a row."""

    def condition(self, context: FilterContext, chosen: str) -> Q:
        """The condition for a row, with the `chosen` value."""
        return self.lookup(context, chosen) if callable(self.lookup) else Q(**{self.lookup: chosen})


def _due(context: FilterContext, chosen: str) -> Q:
    arrived, late = context.queue.arrived, context.now - context.goal
    overdue = Q(**{f"{arrived}__lt": late})
    if chosen == "overdue":
        return overdue
    return ~overdue & Q(**{f"{arrived}__lt": late + timedelta(days=1)})


def _claimed(context: FilterContext, chosen: str) -> Q:
    claimed = Q(claimed_by__isnull=False, claimed_until__gt=context.now)
    if chosen == "none":
        return ~claimed & Q(assigned_to__isnull=True)
    by_viewer, to_viewer = Q(claimed_by=context.viewer.pk), Q(assigned_to=context.viewer.pk)
    if chosen == "me":
        return (claimed & by_viewer) | to_viewer
    return (claimed & ~by_viewer) | (Q(assigned_to__isnull=False) & ~to_viewer)


def _escalated(_context: FilterContext, chosen: str) -> Q:
    return Q(escalated_at__isnull=chosen == "no")


def _age(context: FilterContext, chosen: str) -> Q:
    first = int(chosen)
    last, arrived = dict(AGES)[first], context.queue.arrived
    old_enough = Q(**{f"{arrived}__lte": context.now - timedelta(days=first)})
    if last is None:
        return old_enough
    return old_enough & Q(**{f"{arrived}__gt": context.now - timedelta(days=last + 1)})


EVERYWHERE = (
    Filter(
        "due",
        gettext_lazy("Due"),
        {"overdue": gettext_lazy("Overdue"), "day": gettext_lazy("Within a day")},
        _due,
    ),
    Filter(
        "claim",
        gettext_lazy("Claimed by"),
        {"none": gettext_lazy("Not claimed"), "me": gettext_lazy("Me"), "others": gettext_lazy("Colleagues")},
        _claimed,
    ),
    Filter("escalated", gettext_lazy("Escalated"), {"yes": gettext_lazy("Yes"), "no": gettext_lazy("No")}, _escalated),
    Filter(
        "age",
        gettext_lazy("Age"),
        {
            "0": gettext_lazy("0–2 days"),
            "3": gettext_lazy("3–10 days"),
            "11": gettext_lazy("11–30 days"),
            "31": gettext_lazy("Over 30 days"),
        },
        _age,
    ),
)
"""The filters that every queue has."""


def search_term(request: StaffRequest) -> str:
    """What the viewer searches for."""
    return request.GET.get("q", "").strip()[:LONGEST_TERM]


def chosen_sort(request: StaffRequest) -> str:
    """The key of SORTS that the viewer has chosen; empty for the usual order."""
    sort = request.GET.get("sort", "")
    return sort if sort in SORTS else ""


def filter_query(desk: WorkDesk, request: StaffRequest, *without: str) -> str:
    """The address's query with tab, search, sorting and filters, except those named `without`."""
    names = ("tab", "q", "sort", *(each.name for each in desk.all_filters))
    given = {name: request.GET.get(name, "")[:LONGEST_TERM] for name in names}
    kept = {name: value for name, value in given.items() if value and name not in without}
    return f"?{urlencode(kept)}" if kept else ""


def choices(desk: WorkDesk, request: StaffRequest) -> list[dict[str, Any]]:
    """The filters with what is chosen in each, for the template."""
    return [
        {
            "filter": each,
            "chosen": value if (value := request.GET.get(each.name, "")) in each.choices else "",
            "choices": list(each.choices.items()),
        }
        for each in desk.all_filters
    ]


def filtered(desk: WorkDesk, request: StaffRequest) -> QuerySet[Any]:
    """The items that the search and the filters leave."""
    rows = desk.rows(request)
    if term := search_term(request):
        rows = rows.filter(desk.found_by(term))
    asked = ((each, request.GET.get(each.name, "")) for each in desk.all_filters)
    chosen = [(each, value) for each, value in asked if value in each.choices]
    if not chosen:
        return rows
    context = FilterContext(desk.queue, request.user, goal_of(desk.queue), timezone.now())
    return rows.filter(*(each.condition(context, value) for each, value in chosen))


def tab_rows(desk: WorkDesk, request: StaffRequest, code: str) -> QuerySet[Any]:
    """The items of one tab that the search and the filters leave."""
    now, rows = timezone.now(), filtered(desk, request)
    match code:
        case "mine":
            return mine(desk.queue, rows, request.user, now)
        case "open":
            return rows.filter(desk.queue.open)
        case "escalated":
            return rows.filter(desk.queue.open, escalated_at__isnull=False)
        case "snoozed":
            return rows.filter(desk.queue.open, snoozed_until__gt=now)
        case "decided":
            return rows.filter(**{f"{desk.queue.decided}__isnull": False})
        case "found":
            return rows
        case _:
            return desk.offered(request, waiting(desk.queue, rows, request.user, now))


def first_in_order(desk: WorkDesk, request: StaffRequest, rows: QuerySet[Any], goal: timedelta, most: int) -> list[Any]:
    """The first of `rows`, at most `most`, in the order that the viewer has chosen."""
    sort = chosen_sort(request)
    if not sort:
        return line_up(desk.queue, rows, goal, timezone.now(), most)
    sign = "-" if sort == "newest" else ""
    return list(rows.order_by(f"{sign}{desk.queue.arrived}", f"{sign}pk")[:most])
