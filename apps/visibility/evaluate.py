"""Evaluates policies: the rows that a viewer sees, or the result of each check for given rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, overload

from django.db.models import BooleanField, Case, Model, Q, QuerySet, Value, When

from apps.visibility.policy import Check, Policy, PolicyFor
from apps.visibility.snapshot import LIVE, Snapshot, live_for


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check for one row."""

    check: Check
    passed: bool


@overload
def visible_rows[M: Model](policy_for: PolicyFor, model: type[M], viewer: Any) -> QuerySet[M]: ...
@overload
def visible_rows[Rows: QuerySet[Any]](
    policy_for: PolicyFor, model: type[Model], viewer: Any, rows: type[Rows]
) -> Rows: ...
def visible_rows(
    policy_for: PolicyFor, model: type[Model], viewer: Any, rows: type[QuerySet[Any]] = QuerySet
) -> QuerySet[Any]:
    """The rows of `model` that `viewer` sees now: those that pass every check.

    `rows` is the model's own class of querysets, named where its methods are called on the result.
    """
    snapshot = live_for(viewer)
    return snapshot.of(model).filter(policy_for(viewer, snapshot).condition)


def evaluate(
    policy: Policy, model: type[Model], row_ids: Iterable[int], snapshot: Snapshot = LIVE
) -> dict[int, list[CheckResult]]:
    """The results of all checks for each row, in order; rows that do not exist are left out. One query."""
    columns: dict[str, Any] = {f"check_{n}": _column(check.condition) for n, check in enumerate(policy.checks)}
    columns["is_own"] = _column(policy.own) if policy.own is not None else Value(False)
    rows = snapshot.of(model).filter(id__in=list(row_ids)).annotate(**columns).values("id", *columns)
    return {row["id"]: [_result(check, n, row) for n, check in enumerate(policy.checks)] for row in rows}


def _result(check: Check, n: int, row: dict[str, Any]) -> CheckResult:
    return CheckResult(check, bool(row[f"check_{n}"] or (check.spares_own and row["is_own"])))


def _column(condition: Q) -> Case:
    return Case(When(condition, then=Value(True)), default=Value(False), output_field=BooleanField())
