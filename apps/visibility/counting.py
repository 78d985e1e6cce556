"""Exact counts of visible rows that do not read them all.

Which rows a viewer sees differs from what all see in few: those of users with whom there is a block, a connection, or
of the viewer. So the number is that which all see, of which a tally is kept, and the differences, counted by index.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import chain
from operator import or_
from typing import Any

from django.db.models import Case, F, IntegerField, Model, Q, QuerySet, Value, When

from apps.tallies.buckets import ByTime
from apps.tallies.models import Tally
from apps.visibility.policy import Policy
from apps.visibility.snapshot import Snapshot

type Terms = QuerySet[Any]
"""Rows of one number each, whose sum is a count."""


def count_terms(policy: Policy, rows: QuerySet[Any], *usual: QuerySet[Any]) -> Terms:
    """How many of `rows` pass the policy. `usual`: terms of how many pass the part that is the same for all viewers.

    `rows` are selected by their own columns, without annotations.
    """
    first, *rest = chain(usual, _differences(policy, rows))
    return first.union(*rest, all=True) if rest else first


def tallied(parts: QuerySet[Tally], *, less: bool = False) -> Terms:
    """The numbers of a tally as terms; with `less`, of a count that is subtracted."""
    return parts.annotate(term=-F("n") if less else F("n")).values("term")


def counted(rows: QuerySet[Any], *, less: bool = False) -> Terms:
    """One for each row."""
    return rows.order_by().annotate(term=Value(-1 if less else 1)).values("term")


def still_to_come(
    policy: Policy, model: type[Model], snapshot: Snapshot, by: ByTime, *, less: bool = False
) -> list[Terms]:
    """The rows that pass for all viewers and whose time comes after the present."""
    rest = snapshot.of(model).filter(policy.for_few().for_all, by.rest_after(snapshot.now))
    return [tallied(by.after(snapshot.now), less=less), counted(rest, less=less)]


def passed(policy: Policy, model: type[Model], snapshot: Snapshot, by: ByTime, *, less: bool = False) -> list[Terms]:
    """The rows that pass for all viewers and whose time has come."""
    rest = snapshot.of(model).filter(policy.for_few().for_all, by.rest_before(snapshot.now))
    return [tallied(by.before(snapshot.now), less=less), counted(rest, less=less)]


def _differences(policy: Policy, rows: QuerySet[Any]) -> Iterator[Terms]:
    """One for each row that the viewer alone sees, less one for each that all but the viewer see."""
    same, others = policy.for_few().split()
    term = _one(others.condition) - _one(others.for_all)
    for place, exception in enumerate(others.exceptions):
        # Each kind by itself, so that its index is used; a row of several kinds counts among the first.
        found = rows.order_by().filter(same.condition, exception, *_none_of(others.exceptions[:place]))
        yield found.annotate(term=term).values("term")


def _none_of(exceptions: Sequence[Q]) -> list[Q]:
    return [~reduce(or_, exceptions)] if exceptions else []


def _one(condition: Q) -> Case | Value:
    if not condition:
        return Value(1)
    return Case(When(condition, then=Value(1)), default=Value(0), output_field=IntegerField())
