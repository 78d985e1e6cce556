"""Why somebody sees a thing, or does not: the checks that decide it, in order.

An app lists the checks of a model once, as checks in its `permissions.py`. The rows that the API answers with are those
for which all checks hold (`standing`); the ladder that support reads is each of them by itself (`evaluate`). So the two
cannot differ. Checks ask a `World` for the rows of other models, so that the same ones judge an earlier time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import and_
from typing import Any, Protocol

from django.db.models import BooleanField, Case, Exists, Model, OuterRef, Q, QuerySet, Value, When
from django.utils import timezone
from django.utils.functional import Promise

type Text = str | Promise


class World(Protocol):
    """Where rows are looked up: now, or as they stood at a time."""

    @property
    def now(self) -> datetime: ...

    def of(self, model: type[Model]) -> QuerySet[Any]:
        """The rows of `model`. Their key is `id`, never `pk`, which history has for itself."""
        ...


class Present:
    @property
    def now(self) -> datetime:
        return timezone.now()

    def of(self, model: type[Model]) -> QuerySet[Any]:
        return model._default_manager.all()


class Past:
    """As things stood at `now`, from history; of models without one, the rows that had been made by then.

    Raises `ValueError` for a time to come.
    """

    def __init__(self, now: datetime, made: dict[type[Model], str]) -> None:
        if now > timezone.now():
            raise ValueError("The past ends now.")
        self.now = now
        self.made = made
        """Of models whose rows never change in what is judged: the field that says when a row was made."""

    def of(self, model: type[Model]) -> QuerySet[Any]:
        if field := self.made.get(model):
            return model._default_manager.filter(**{f"{field}__lte": self.now})
        # Not `as_of`, which takes both of two versions that were made at the same instant; the later one counts.
        history = model.history  # type: ignore[attr-defined]
        later = Q(history_date__gt=OuterRef("history_date")) | Q(
            history_date=OuterRef("history_date"), history_id__gt=OuterRef("history_id")
        )
        overtaken = history.filter(later, id=OuterRef("id"), history_date__lte=self.now)
        return history.filter(~Exists(overtaken), history_date__lte=self.now).as_instances()


PRESENT = Present()


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `holds` is a condition on the model's row; it names other rows by subqueries from the world."""

    code: str
    question: Text
    """As in "Is it still within its 24 hours?"."""
    holds: Q
    spares_own: bool = False
    """Whether it does not bar people from what is theirs."""
    fixable_by: str = ""
    """The permission of the staff who can change it; empty where only the people themselves can."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Who sees the rows of one model."""

    checks: Sequence[Check]
    own: Q | None = None
    """The viewer's own rows, which checks may spare."""

    @property
    def holds(self) -> Q:
        """All checks as one condition."""
        bars_all = [check.holds for check in self.checks if not check.spares_own]
        bars_others = [check.holds for check in self.checks if check.spares_own]
        whole = reduce(and_, bars_all, Q())
        if not bars_others:
            return whole
        others = reduce(and_, bars_others)
        return whole & (others if self.own is None else self.own | others)


type Seeing = Callable[[Any, World], Policy]
"""Of a viewer, in a world."""


@dataclass(frozen=True, slots=True)
class Step:
    """One check as one row fares at it."""

    check: Check
    passed: bool


def standing(seeing: Seeing, model: type[Model], viewer: Any) -> QuerySet[Any]:
    """The rows of `model` that `viewer` sees now: for which every check holds."""
    return PRESENT.of(model).filter(seeing(viewer, PRESENT).holds)


def evaluate(
    policy: Policy, model: type[Model], row_ids: Iterable[int], world: World = PRESENT
) -> dict[int, list[Step]]:
    """How each of the rows fares at each check, in order; those that are not there are left out. One query."""
    marks = {f"check_{place}": _mark(check.holds) for place, check in enumerate(policy.checks)}
    marks["is_own"] = _mark(policy.own) if policy.own is not None else Value(False)  # type: ignore[assignment]
    found = world.of(model).filter(id__in=list(row_ids)).annotate(**marks).values("id", *marks)
    return {row["id"]: [_step(check, place, row) for place, check in enumerate(policy.checks)] for row in found}


def _step(check: Check, place: int, row: dict[str, Any]) -> Step:
    return Step(check, bool(row[f"check_{place}"] or (check.spares_own and row["is_own"])))


def _mark(condition: Q) -> Case:
    return Case(When(condition, then=Value(True)), default=Value(False), output_field=BooleanField())
