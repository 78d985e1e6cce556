"""Queues: their open items, the order of these, and figures about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from django.db.models import Count, F, Min, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from apps.review.models import Goal, ReviewItem

if TYPE_CHECKING:
    from apps.users.models import User

AGES = ((0, 2), (3, 10), (11, 30), (31, None))
"""Whole days since an item came in, from and to; the last has no end."""
CHART_DAYS = 14
"""How many days, today included, the chart and the shares look back."""
LINE_UP = 100
"""How far ahead a queue is laid out for one person."""


@dataclass(frozen=True, slots=True)
class ReviewQueue:
    """The items of one model that staff decide, declared by the app that owns the model."""

    slug: str
    """By which its goal, saved filters and message templates are found."""
    model: type[ReviewItem]
    arrived: str
    """The field that says when an item came in."""
    order: tuple[str, ...]
    """Of items that are equally late."""

    @property
    def open(self) -> Q:
        """The condition of open items."""
        return self.model.OPEN

    @property
    def decided(self) -> str:
        """The name of the field with the time of the decision; null until then."""
        return self.model.DECIDED_AT

    @property
    def decider(self) -> str:
        """The name of the field with the officer who decided."""
        return self.model.DECIDED_BY

    @property
    def permission(self) -> str:
        """The permission that working on the queue needs."""
        return self.model.WORK_PERMISSION


@dataclass(slots=True)
class Person:
    """The number of decisions of one officer."""

    id: int
    name: str
    today: int = 0
    lately: int = 0
    """Within the days of the chart."""


@dataclass(slots=True)
class Day:
    date: date
    arrived: int = 0
    decided: int = 0


@dataclass(slots=True)
class Figures:
    """The figures of a queue for one viewer. Days are those of their time zone."""

    goal: timedelta
    open: int = 0
    mine: int = 0
    """Claimed by or assigned to the viewer."""
    snoozed: int = 0
    escalated: int = 0
    late: int = 0
    due_today: int = 0
    oldest: datetime | None = None
    decided_today: int = 0
    decided_lately: int = 0
    in_time_lately: int = 0
    """Of those, how many within the goal."""
    ages: list[tuple[int, int | None, int]] = field(default_factory=list)
    """From day, to day, how many."""
    days: list[Day] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    """The officers with decisions within the days of the chart, most first."""

    @property
    def share_in_time(self) -> int | None:
        """The share of `decided_lately` within the goal, in percent; None where there is none."""
        return round(100 * self.in_time_lately / self.decided_lately) if self.decided_lately else None


def goal_of(queue: ReviewQueue) -> timedelta:
    goal = Goal.objects.filter(queue=queue.slug).first() or Goal()
    return timedelta(hours=goal.hours)


def free_for(viewer: User, now: datetime) -> Q:
    """Neither claimed by nor assigned to another user."""
    unheld = Q(claimed_by__isnull=True) | Q(claimed_until__lte=now) | Q(claimed_by=viewer.pk)
    return unheld & (Q(assigned_to__isnull=True) | Q(assigned_to=viewer.pk))


def waiting(queue: ReviewQueue, rows: QuerySet[Any], viewer: User, now: datetime) -> QuerySet[Any]:
    """Of `rows`, what `viewer` could take next: open, free, neither snoozed nor escalated."""
    awake = Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=now)
    return rows.filter(queue.open, free_for(viewer, now), awake, escalated_at__isnull=True)


def mine(queue: ReviewQueue, rows: QuerySet[Any], viewer: User, now: datetime) -> QuerySet[Any]:
    """Of `rows`, the open ones that `viewer` has claimed or was assigned."""
    claimed = Q(claimed_by=viewer.pk, claimed_until__gt=now)
    return rows.filter(queue.open).filter(claimed | Q(assigned_to=viewer.pk))


def line_up(queue: ReviewQueue, rows: QuerySet[Any], goal: timedelta, now: datetime, most: int = LINE_UP) -> list[Any]:
    """The first `most` of `rows`, overdue ones first. Two queries at most, each by an index."""
    due = Q(**{f"{queue.arrived}__lt": now - goal})
    late = list(rows.filter(due).order_by(*queue.order)[:most])
    rest = rows.exclude(due).order_by(*queue.order)[: most - len(late)] if len(late) < most else ()
    return [*late, *rest]


def neighbour(lined_up: Iterable[int], item_id: int, step: int) -> int | None:
    """The id `step` places after `item_id` in the line, else the first other one; None where there is no other."""
    ids = list(lined_up)
    place = ids.index(item_id) + step if item_id in ids else 0
    if 0 <= place < len(ids):
        return ids[place]
    return next((other for other in ids if other != item_id), None)


def figures(
    queue: ReviewQueue, rows: QuerySet[Any], viewer: User, zone: tzinfo, now: datetime | None = None
) -> Figures:
    """The figures of the queue of `rows`. Four queries, however many rows there are."""
    now = now or timezone.now()
    found = Figures(goal=goal_of(queue))
    rows = rows.order_by()
    _count_open(found, queue, rows, viewer, zone, now)
    _count_days(found, queue, rows, viewer, zone, now)
    return found


def _count_open(
    found: Figures, queue: ReviewQueue, rows: QuerySet[Any], viewer: User, zone: tzinfo, now: datetime
) -> None:
    arrived, goal = queue.arrived, found.goal
    tomorrow = _midnight(now.astimezone(zone).date() + timedelta(days=1), zone)
    counts: dict[str, Any] = {
        "open": Count("pk"),
        "oldest": Min(arrived),
        "late": Count("pk", filter=Q(**{f"{arrived}__lt": now - goal})),
        "due_today": Count("pk", filter=Q(**{f"{arrived}__gte": now - goal, f"{arrived}__lt": tomorrow - goal})),
        "mine": Count("pk", filter=Q(claimed_by=viewer.pk, claimed_until__gt=now) | Q(assigned_to=viewer.pk)),
        "snoozed": Count("pk", filter=Q(snoozed_until__gt=now)),
        "escalated": Count("pk", filter=Q(escalated_at__isnull=False)),
    }
    for first, last in AGES:
        inside = Q(**{f"{arrived}__lte": now - timedelta(days=first)}) if first else Q()
        if last is not None:
            inside &= Q(**{f"{arrived}__gt": now - timedelta(days=last + 1)})
        counts[f"age_{first}"] = Count("pk", filter=inside)
    got = rows.filter(queue.open).aggregate(**counts)
    for name in ("open", "oldest", "late", "due_today", "mine", "snoozed", "escalated"):
        setattr(found, name, got[name])
    found.ages = [(first, last, got[f"age_{first}"]) for first, last in AGES]


def _count_days(
    found: Figures, queue: ReviewQueue, rows: QuerySet[Any], viewer: User, zone: tzinfo, now: datetime
) -> None:
    today = now.astimezone(zone).date()
    first = today - timedelta(days=CHART_DAYS - 1)
    days = {first + timedelta(days=number): Day(first + timedelta(days=number)) for number in range(CHART_DAYS)}
    since = _midnight(first, zone)
    came = rows.filter(**{f"{queue.arrived}__gte": since}).values(day=TruncDate(queue.arrived, tzinfo=zone))
    for row in came.annotate(n=Count("pk")):
        if row["day"] in days:
            days[row["day"]].arrived = row["n"]
    in_time = Q(**{f"{queue.decided}__lte": F(queue.arrived) + found.goal})
    went = rows.filter(**{f"{queue.decided}__gte": since}).values(
        day=TruncDate(queue.decided, tzinfo=zone), who=F(f"{queue.decider}_id"), name=F(f"{queue.decider}__username")
    )
    people: dict[int, Person] = {}
    for row in went.annotate(n=Count("pk"), in_time=Count("pk", filter=in_time)):
        if row["day"] not in days:
            continue
        days[row["day"]].decided += row["n"]
        found.decided_lately += row["n"]
        found.in_time_lately += row["in_time"]
        if row["who"] is None:
            continue
        person = people.setdefault(row["who"], Person(row["who"], row["name"]))
        person.lately += row["n"]
        if row["day"] == today:
            person.today += row["n"]
    found.days = list(days.values())
    found.decided_today = days[today].decided
    found.people = sorted(people.values(), key=lambda person: (-person.today, -person.lately, person.name))


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone)
