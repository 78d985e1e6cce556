"""Who sees the rows of a model: a policy, which is a list of checks in order.

An app declares the policy of a model once, in its `permissions.py`. The rows that the API answers with are those that
pass all checks (`visible_rows`); the explanation that support reads evaluates each check by itself (`evaluate`). So the
two cannot differ. Checks look up other rows in a `Snapshot`, so that the same ones evaluate an earlier time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


type PolicyFor = Callable[[Any, Snapshot], Policy]
"""The policy of a model for a viewer, on a snapshot."""
