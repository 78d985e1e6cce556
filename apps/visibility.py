"""Why somebody sees a thing, or does not: the checks that decide it, in order, each with a sentence.

An app lists the checks of a model once, as rungs. The scope that the API filters by is all of them together
(`standing`); the ladder that support reads is each of them by itself (`climb`). So the two cannot differ. Rungs ask a
`World` for the rows of other models, so that the same ones judge how things stood at an earlier time, from history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.db.models import BooleanField, Case, Model, Q, QuerySet, Value, When
from django.utils import timezone
from django.utils.functional import Promise

type Text = str | Promise


class World(Protocol):
    """Where rows are looked up: now, or as they stood at a time."""

    now: datetime

    def of(self, model: type[Model]) -> QuerySet[Any]:
        """The rows of `model`. Their key is `id`, never `pk`, which history has for itself."""
        ...


class Present:
    def __init__(self) -> None:
        self.now = timezone.now()

    def of(self, model: type[Model]) -> QuerySet[Any]:
        return model._default_manager.all()


class Past:
    """As things stood at `time`, from history. Raises `ValueError` for a time to come."""

    def __init__(self, time: datetime) -> None:
        if time > timezone.now():
            raise ValueError("The past ends now.")
        self.now = time

    def of(self, model: type[Model]) -> QuerySet[Any]:
        return model.history.as_of(self.now)  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Rung:
    """One check. `holds` is a condition on the model's row; it names other rows by subqueries from the world."""

    code: str
    question: Text
    """As in "Is it still within its 24 hours?"."""
    holds: Q
    mended_by: str = ""
    """The permission of those who can change it, or empty where only the people themselves can."""


@dataclass(frozen=True, slots=True)
class Step:
    rung: Rung
    passed: bool


def standing(rows: QuerySet[Any], rungs: Sequence[Rung]) -> QuerySet[Any]:
    """The rows for which every rung holds."""
    for rung in rungs:
        rows = rows.filter(rung.holds)
    return rows


def climb(rows: QuerySet[Any], rungs: Sequence[Rung], row_id: int) -> list[Step] | None:
    """How one row fares at each rung, in order; None where there is no such row. One query."""
    marks = {
        f"rung_{place}": Case(When(rung.holds, then=Value(True)), default=Value(False), output_field=BooleanField())
        for place, rung in enumerate(rungs)
    }
    found = rows.filter(id=row_id).annotate(**marks).values(*marks).first()
    if found is None:
        return None
    return [Step(rung, bool(found[f"rung_{place}"])) for place, rung in enumerate(rungs)]
