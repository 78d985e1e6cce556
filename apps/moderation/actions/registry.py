"""The outcomes of a case, in the order of their severity. Each module of this package registers its own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from apps.moderation.actions.base import ModerationAction, Params

if TYPE_CHECKING:
    from apps.moderation.models import Case

_actions: dict[str, ModerationAction] = {}


def register[A: type[ModerationAction]](action: A) -> A:
    """Class decorator that registers an outcome. Raises `ValueError` for a code that is taken."""
    if action.code in _actions:
        raise ValueError(f"The outcome {action.code} is registered already.")
    _actions[action.code] = action()
    return action


@contextmanager
def registered(action: type[ModerationAction]) -> Iterator[None]:
    """Context manager that registers an outcome until it ends: for tests."""
    _load()
    register(action)
    try:
        yield
    finally:
        del _actions[action.code]


@cache
def _load() -> None:
    """Import the modules of this package, which register their outcomes."""
    package = import_module("apps.moderation.actions")
    for module in iter_modules(package.__path__, f"{package.__name__}."):
        import_module(module.name)


def _all() -> dict[str, ModerationAction]:
    _load()
    return _actions


def action_of(code: str) -> ModerationAction | None:
    """The outcome with that code; None for one that a later release stored."""
    return _all().get(code)


def by_severity(codes: Collection[str] | None = None) -> list[ModerationAction]:
    """The outcomes, of `codes` or all, most severe first."""
    chosen = [action for code, action in _all().items() if codes is None or code in codes]
    return sorted(chosen, key=lambda action: -action.severity)


def most_severe(codes: Collection[str]) -> str:
    """The code of the most severe of some outcomes."""
    return by_severity(codes)[0].code


def planned(case: Case, codes: Collection[str], params: Params) -> dict[str, Any]:
    """What some outcomes would change, as far as their notices read it: for previews."""
    changes: dict[str, Any] = {}
    for action in by_severity(codes):
        changes |= action.planned(case, params)
    return changes


def label_of(codes: Iterable[str]) -> str:
    """The labels of outcomes, as in "Removed, Author warned"."""
    return ", ".join(str(_all()[code].label) if code in _all() else code for code in codes)


def bulk_outcomes() -> list[ModerationAction]:
    """The outcomes that can be chosen for many cases at once, least severe first, extras last."""
    return sorted(
        (action for action in _all().values() if action.bulk_choice),
        key=lambda action: (action.is_extra, action.severity),
    )


def notifies_author(codes: Collection[str]) -> bool:
    """Whether the author is notified of any of some outcomes."""
    return any(action.notifies_author for action in by_severity(codes))


def asked_for(param: str, codes: Collection[str]) -> bool:
    """Whether any of some outcomes needs that field of `Params`."""
    return any(param in action.asks for action in by_severity(codes))


def extras() -> list[ModerationAction]:
    """The outcomes that can be selected beside another, in the order of their keys."""
    return sorted((action for action in _all().values() if action.is_extra), key=lambda action: action.position)
