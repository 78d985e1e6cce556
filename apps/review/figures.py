"""Figures about a queue: of all its items by tally, of some by reading them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache, reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db.models import Aggregate, Count, DateTimeField, F, Min, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import TruncDate
from django.utils import timezone

from apps.infra.prepared import Prepared
from apps.review.queue import AGES, ReviewQueue, goal_of
from apps.tallies.models import Tally
from apps.visibility.slots import NOW, VIEWER, Slot

if TYPE_CHECKING:
    from apps.users.models import User

CHART_DAYS = 14
"""How many days, today included, the chart and the shares look back."""
INSTANT = timedelta(microseconds=1)


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


@dataclass(slots=True)
class _Days:
    """Of some days: how many items came in, how many each officer decided, how many of those in time."""

    came: dict[date, int] = field(default_factory=dict)
    went: dict[tuple[date, int | None], int] = field(default_factory=dict)
    in_time: int = 0


def figures(
    queue: ReviewQueue, some: QuerySet[Any] | None, viewer: User, zone: tzinfo, now: datetime | None = None
) -> Figures:
    """The figures of the queue, or of `some` of its items. As many queries however many there are."""
    now = now or timezone.now()
    found = Figures(goal=goal_of(queue))
    counts = _Tallied(queue) if some is None else _Read(queue, some.order_by())
    _count_open(found, counts, viewer, zone, now)
    _count_days(found, counts, zone, now)
    return found


class _Read:
    """What the figures are made of, read off the items."""

    def __init__(self, queue: ReviewQueue, rows: QuerySet[Any]) -> None:
        self.queue, self.rows = queue, rows

    def open(self, edges: dict[str, datetime], viewer: User, now: datetime) -> dict[str, Any]:
        """Of open items, how many came in before each time, and how many have each mark; `all`, and the `oldest`."""
        before = {name: Q(**{f"{self.queue.arrived}__lt": edge}) for name, edge in edges.items()}
        marks = _marks(viewer.pk, now)
        return self._open.aggregate(all=Count("pk"), oldest=Min(self.queue.arrived), **_counts(before | marks))

    @property
    def _open(self) -> QuerySet[Any]:
        return self.rows.filter(self.queue.open)

    def days(self, since: datetime, until: datetime, zone: tzinfo, goal: timedelta) -> _Days:
        """Of the days between two midnights of `zone`."""
        found, arrived, decided = _Days(), self.queue.arrived, self.queue.decided
        came = self.rows.filter(**{f"{arrived}__gte": since, f"{arrived}__lt": until})
        for row in came.values(day=TruncDate(arrived, tzinfo=zone)).annotate(n=Count("pk")):
            found.came[row["day"]] = row["n"]
        went = self.rows.filter(**{f"{decided}__gte": since, f"{decided}__lt": until})
        by_day = went.values(day=TruncDate(decided, tzinfo=zone), who=F(f"{self.queue.decider}_id"))
        in_time = Count("pk", filter=Q(**{f"{decided}__lte": F(arrived) + goal}))
        for row in by_day.annotate(n=Count("pk"), in_time=in_time):
            found.went[row["day"], row["who"]] = row["n"]
            found.in_time += row["in_time"]
        return found


class _Tallied(_Read):
    """The same of all items, by tally: but for the quarters of an hour in which a count begins or ends."""

    def __init__(self, queue: ReviewQueue) -> None:
        super().__init__(queue, queue.model._default_manager.order_by())
        self.tallies = queue.model.TALLIES

    def open(self, edges: dict[str, datetime], viewer: User, now: datetime) -> dict[str, Any]:
        starts = {_start(name): self.tallies.open.start_of(edge) for name, edge in edges.items()}
        values = {**edges, **starts, "viewer": viewer.pk, "now": now}
        whole, rest = (
            dict(zip(names, statement.rows(values)[0], strict=True))
            for names, statement in _open_statements(self.queue, tuple(edges))
        )
        return rest | {name: n + rest.get(name, 0) for name, n in whole.items()}

    def days(self, since: datetime, until: datetime, zone: tzinfo, goal: timedelta) -> _Days:
        found, came, went, took = _Days(), self.tallies.came.kind, self.tallies.went.kind, self.tallies.took.kind
        kinds = Q(kind=came) | Q(kind__startswith=f"{went}.") | Q(kind__startswith=f"{took}.")
        parts = Tally.objects.filter(kinds, bucket__gte=since, bucket__lt=until)
        summed = parts.values("kind", day=TruncDate("bucket", tzinfo=zone)).annotate(sum=Sum("n"))
        for row in summed.exclude(sum=0):
            kind, _stop, which = row["kind"].rpartition(".")
            if row["kind"] == came:
                found.came[row["day"]] = row["sum"]
            elif kind == went:
                found.went[row["day"], int(which) if which else None] = row["sum"]
            elif timedelta(hours=int(which)) <= goal:
                found.in_time += row["sum"]
        return found


def _start(edge: str) -> str:
    """The name of the time up to which a tally counts what came in before another."""
    return f"start_{edge}"


@cache
def _open_statements(queue: ReviewQueue, edges: tuple[str, ...]) -> list[tuple[list[str], Prepared]]:
    """What counts the open items: by tally, those of whole spans of time; by reading, the others."""
    arrived, counts = queue.arrived, _Tallied(queue)
    times = {name: Slot(name, DateTimeField()) for name in (*edges, *map(_start, edges))}
    whole = {name: Sum("n", filter=Q(bucket__lt=times[_start(name)]), default=0) for name in edges}
    rest = {name: Q(**{f"{arrived}__gte": times[_start(name)], f"{arrived}__lt": times[name]}) for name in edges}
    rest |= _marks(VIEWER, NOW)
    # Few, each of them found by an index: the oldest among them.
    few = reduce(or_, rest.values(), Q(pk=Subquery(counts._open.order_by(arrived).values("pk")[:1])))
    tallied = Tally.objects.filter(kind=counts.tallies.open.kind)
    return [
        _aggregated(tallied, all=Sum("n", default=0), **whole),
        _aggregated(counts._open.filter(few), oldest=Min(arrived), **_counts(rest)),
    ]


def _aggregated(rows: QuerySet[Any], **aggregates: Aggregate) -> tuple[list[str], Prepared]:
    """What `aggregate` would ask, with the names of the columns of its only row."""
    # A constant is nothing to group by, so that all rows are one group.
    grouped = rows.order_by().annotate(group=Value(1)).values("group").annotate(**aggregates)
    return list(aggregates), Prepared(*grouped.values_list(*aggregates).query.sql_with_params())


def _marks(viewer: Any, now: Any) -> dict[str, Q]:
    """The conditions by which open items are counted, for the number of a viewer and a time."""
    return {
        "mine": Q(claimed_by=viewer, claimed_until__gt=now) | Q(assigned_to=viewer),
        "snoozed": Q(snoozed_until__gt=now),
        "escalated": Q(escalated_at__isnull=False),
    }


def _count_open(found: Figures, counts: _Read, viewer: User, zone: tzinfo, now: datetime) -> None:
    goal = found.goal
    tomorrow = _midnight(now.astimezone(zone).date() + timedelta(days=1), zone)
    edges = {"late": now - goal, "due": tomorrow - goal}
    edges |= {f"older_than_{last}": now - timedelta(days=last + 1) + INSTANT for _first, last in AGES if last}
    counted = counts.open(edges, viewer, now)
    for name in ("oldest", "late", "mine", "snoozed", "escalated"):
        setattr(found, name, counted[name])
    found.open, found.due_today = counted["all"], counted["due"] - counted["late"]
    older = found.open
    for first, last in AGES:
        oldest = counted[f"older_than_{last}"] if last else 0
        found.ages.append((first, last, older - oldest))
        older = oldest


def _counts(conditions: dict[str, Q]) -> dict[str, Count]:
    return {name: Count("pk", filter=condition) for name, condition in conditions.items()}


def _count_days(found: Figures, counts: _Read, zone: tzinfo, now: datetime) -> None:
    today = now.astimezone(zone).date()
    first = today - timedelta(days=CHART_DAYS - 1)
    days = {first + timedelta(days=number): Day(first + timedelta(days=number)) for number in range(CHART_DAYS)}
    counted = counts.days(_midnight(first, zone), _midnight(today + timedelta(days=1), zone), zone, found.goal)
    # PostgreSQL may know a zone's hours otherwise than Python: what it puts on a day before or after is left out.
    for day, n in counted.came.items():
        if day in days:
            days[day].arrived = n
    people: dict[int, Person] = {}
    for (day, who), n in counted.went.items():
        if day not in days:
            continue
        days[day].decided += n
        if who is not None:
            person = people.setdefault(who, Person(who, ""))
            person.lately += n
            person.today += n if day == today else 0
    for who, name in get_user_model().objects.filter(pk__in=people).values_list("pk", "username"):
        people[who].name = name
    found.days, found.decided_today = list(days.values()), days[today].decided
    found.decided_lately, found.in_time_lately = sum(day.decided for day in days.values()), counted.in_time
    found.people = sorted(people.values(), key=lambda person: (-person.today, -person.lately, person.name))


def _midnight(day: date, zone: tzinfo) -> datetime:
    # In UTC: within a zone, Python would subtract hours as clocks show them, whatever they skip.
    return datetime.combine(day, time(), zone).astimezone(UTC)
