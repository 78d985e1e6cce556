"""Who sees the rows of a model: a policy, which is a list of checks in order.

An app declares the policy of a model once, in its `permissions.py`. The rows that the API answers with are those that
pass all checks (`visible_rows`); the explanation that support reads evaluates each check by itself (`evaluate`). So the
two cannot differ. Checks look up other rows in a `Snapshot`, so that the same ones evaluate an earlier time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_
from typing import Any

from django.db.models import Q
from django.utils.functional import Promise

from apps.visibility.snapshot import Snapshot

type Text = str | Promise


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `condition` is about the model's row; it names other rows by subqueries on the snapshot."""

    code: str
    question: Text
    """As in "Is it still within its 24 hours?"."""
    condition: Q
    spares_own: bool = False
    """Whether the viewer's own rows pass it in any case."""
    fixable_by: str = ""
    """The permission of the staff who can change the result; empty where only end users can."""
    exceptions: Q | None = None
    """The rows whose result depends on the viewer, few and found by an index. None: it is the same for all viewers."""
    usual: Q | None = None
    """Of a check with exceptions: the condition for all other rows. None: they pass."""
    for_few: Q | None = None
    """The condition in the form that is faster where few rows are checked, if there is one."""

    @property
    def for_all(self) -> Q:
        """The condition as far as it is the same for all viewers: what tallies count."""
        return self.condition if self.exceptions is None else self.usual or Q()


@dataclass(frozen=True, slots=True)
class Policy:
    """Who sees the rows of one model."""

    checks: Sequence[Check]
    own: Q | None = None
    """The viewer's own rows, which checks may spare."""

    @property
    def condition(self) -> Q:
        """All checks as one condition."""
        for_all = reduce(and_, [check.condition for check in self.checks if not check.spares_own], Q())
        sparing_own = [check.condition for check in self.checks if check.spares_own]
        if not sparing_own:
            return for_all
        for_others = reduce(and_, sparing_own)
        return for_all & (for_others if self.own is None else self.own | for_others)

    @property
    def for_all(self) -> Q:
        """All checks as far as they are the same for all viewers. `condition` differs from it in `exceptions` alone."""
        return reduce(and_, [check.for_all for check in self.checks], Q())

    def for_few(self) -> Policy:
        """The same policy, for few rows."""
        checks = [
            check if check.for_few is None else replace(check, condition=check.for_few, for_few=None)
            for check in self.checks
        ]
        return Policy(checks, self.own)

    def split(self) -> tuple[Policy, Policy]:
        """The checks that are the same for all viewers and spare nothing, and the others."""
        same = [check for check in self.checks if check.exceptions is None and not check.spares_own]
        return Policy(same), Policy([check for check in self.checks if check not in same], self.own)

    @property
    def exceptions(self) -> list[Q]:
        """The rows that may pass for this viewer alone, or for all but this viewer."""
        listed = [check.exceptions for check in self.checks if check.exceptions is not None]
        spared = self.own is not None and any(check.spares_own for check in self.checks)
        return [*listed, self.own] if spared and self.own is not None else listed


type PolicyFor = Callable[[Any, Snapshot], Policy]
"""The policy of a model for a viewer, on a snapshot."""
