"""Queues: their open items, and the order of these."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet

from apps.review.models import Goal, ReviewItem
from apps.visibility.statement import Statement

if TYPE_CHECKING:
    from apps.users.models import User

AGES = ((0, 2), (3, 10), (11, 30), (31, None))
"""Whole days since an item came in, from and to; the last has no end."""
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


def goal_of(queue: ReviewQueue) -> timedelta:
    return goals_of([queue])[queue.slug]


def goals_of(queues: Iterable[ReviewQueue]) -> dict[str, timedelta]:
    """The goals of some queues, by their slugs."""
    hours = dict(_goals().rows({}))
    return {queue.slug: timedelta(hours=hours.get(queue.slug, Goal().hours)) for queue in queues}


@cache
def _goals() -> Statement:
    """The hours of each goal that was set, with its queue."""
    return Statement(Goal.objects.values_list("queue", "hours"))


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
