"""Registry of the kinds of decision: each app lists its own as `KINDS` in its `decisions.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.models import Model

from apps.audit.actions import Action

if TYPE_CHECKING:
    from apps.review.decisions.models import Decision


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of decision: who may undo it and how, and which users are notified."""

    verb: Action
    model: type[Model]
    perm: str
    """What undoing needs: the same permission as deciding."""
    undo: Callable[[Any, Decision, Any], None]
    """(actor, decision, target): restores the locked target, with its history."""
    notify: Callable[[Decision], None]
    """Sends the messages about it; called once, when the undo window is over."""
    notify_undone: Callable[[Decision], None]
    """Sends the messages about undoing it; called only where the first ones had left."""
    notifies: bool = True
    """Whether users are notified at all; of what is between staff they are not."""

    @property
    def label(self) -> str:
        """As in "Vera *approved* document 7"."""
        return str(self.verb.label)


@cache
def kinds() -> dict[str, Kind]:
    found: dict[str, Kind] = {}
    for config in apps.get_app_configs():
        name = f"{config.name}.decisions"
        if config.name.startswith("apps.") and not config.name.startswith("apps.review") and find_spec(name):
            found |= {kind.verb: kind for kind in import_module(name).KINDS}
    return found
