"""Conflicts of interest: who may not decide an item, whatever they are granted.

A model names each of its conflicts once, with the rule for one item and the same rule for a query, so that a queue
offers nothing that deciding would refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Model, Q, QuerySet

from apps.errors import Refused, Text

if TYPE_CHECKING:
    from apps.users.models import User


@dataclass(frozen=True, slots=True)
class ConflictOfInterest:
    """One reason why a user may not decide some items of a model."""

    code: str
    sentence: Text | Callable[[Any, User], Text]
    """What the user reads, or a function of item and user that returns it."""
    applies: Callable[[Any, User], bool]
    """Whether the user has this conflict with the item."""
    rows: Callable[[User], Q]
    """The same for a query: the items with which the user has it."""


def conflict_of(user: User, item: Model) -> Refused | None:
    """The first conflict of interest that `user` has with `item`, as the error that deciding it raises; else None."""
    for conflict in conflicts(type(item)):
        if conflict.applies(item, user):
            said = conflict.sentence
            return Refused(conflict.code, said(item, user) if callable(said) else said)
    return None


def without_conflicts[M: Model](user: User, rows: QuerySet[M]) -> QuerySet[M]:
    """`rows` without the items that `user` has a conflict of interest with."""
    for conflict in conflicts(rows.model):
        rows = rows.exclude(conflict.rows(user))
    return rows


def conflicts(model: type[Model]) -> tuple[ConflictOfInterest, ...]:
    """The conflicts of interest that `model` lists as `CONFLICTS`."""
    return tuple(getattr(model, "CONFLICTS", ()))
