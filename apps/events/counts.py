"""How many events a viewer sees, without reading them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.events.models import BY_BEGINNING, BY_END, Event
from apps.events.permissions import policy
from apps.tallies.models import Tally
from apps.visibility.counting import Terms, count_terms, passed, still_to_come, tallied
from apps.visibility.policy import Policy
from apps.visibility.snapshot import Snapshot, live_for

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User


def terms(viewer: User | AnonymousUser, *, when: str) -> Terms:
    """The number of events at one of `WHENS`, as terms."""
    snapshot = live_for(viewer)
    shown_to = policy(viewer, snapshot)
    return count_terms(shown_to, Event.objects.when(when, snapshot.now), *_usual(shown_to, snapshot, when))


def _usual(shown_to: Policy, snapshot: Snapshot, when: str) -> list[Terms]:
    if when == "upcoming":
        return still_to_come(shown_to, Event, snapshot, BY_BEGINNING)
    if when == "past":
        return passed(shown_to, Event, snapshot, BY_END)
    if when == "ongoing":  # those that have begun, less those that are over
        begun = passed(shown_to, Event, snapshot, BY_BEGINNING)
        return begun + passed(shown_to, Event, snapshot, BY_END, less=True)
    return [tallied(Tally.objects.filter(kind="events.all"))]
