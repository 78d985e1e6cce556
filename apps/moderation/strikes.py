"""Strikes: points for broken rules that expire. They recommend the next step, and take none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from django.db.models import BigIntegerField, QuerySet
from django.utils import timezone
from django.utils.translation import ngettext

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.moderation.actions.registry import by_severity
from apps.moderation.models import APPEAL_WITHIN, Case, Strike, known_to_author
from apps.review.decisions.models import Decision
from apps.users.models import User
from apps.visibility.slots import NOW, Slot
from apps.visibility.statement import Statement

# From how many points in force on, for how long the next suspension is recommended; below that a warning.
STEPS = [(8, timedelta(days=30)), (4, timedelta(days=7)), (2, timedelta(days=3)), (0, timedelta())]


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The next step if other content of the same author breaks the rules."""

    points: int
    """Of the author's strikes in force."""
    duration: timedelta
    """Of the recommended suspension; zero where a warning is recommended."""

    @property
    def sentence(self) -> str:
        context = {"points": self.points, "days": self.duration.days}
        if not self.duration:
            sentence = ngettext(
                "Active strikes: %(points)d point. Recommended: a warning.",
                "Active strikes: %(points)d points. Recommended: a warning.",
                self.points,
            )
        else:
            sentence = ngettext(
                "Active strikes: %(points)d point. Recommended: %(days)d-day suspension.",
                "Active strikes: %(points)d points. Recommended: %(days)d-day suspension.",
                self.points,
            )
        return sentence % context


def strikes_of(person: User) -> QuerySet[Strike]:
    """The strikes of a user of which they have been notified, latest first."""
    known = Strike.objects.filter(known_to_author(), person=person)
    return known.select_related("decision__appeal", "case").order_by("-given_at", "-id")


def recommend(person_id: int) -> Recommendation:
    """The next step for a user, by their strikes in force."""
    points = sum(_points().rows({"person": person_id, "now": timezone.now()}))
    return Recommendation(points, next(duration for least, duration in STEPS if points >= least))


@cache
def _points() -> Statement:
    """The points of each strike of one user that is in force."""
    strikes = Strike.objects.in_force(NOW).filter(person=Slot("person", BigIntegerField()))
    return Statement(strikes.values_list("points", flat=True))


def give_strike(actor: User, case: Case, decision: Decision, outcomes: Sequence[str]) -> Strike | None:
    """One strike for a decision, as severe as the most severe of its outcomes. None where none of them gives one."""
    rules = [action.strike for action in by_severity(outcomes) if action.strike is not None]
    if not rules:
        return None
    strike = Strike(
        person_id=case.author_id,
        decision=decision,
        case=case,
        outcomes=list(outcomes),
        points=max(rule.points for rule in rules),
        given_at=decision.made_at,
        expires_at=decision.made_at + max(rule.valid_for for rule in rules),
    )
    return save_as(actor, strike, action=Action.STRIKE_GIVEN)


def lift_strike(actor: User, decision: Decision, *, note: str) -> None:
    """Lift the strike that a decision gave, if it gave one."""
    for strike in Strike.objects.select_for_update().filter(decision=decision, lifted_at__isnull=True):
        strike.lifted_at = timezone.now()
        save_as(actor, strike, action=Action.STRIKE_LIFTED, note=note)


def may_appeal_until(strike: Strike) -> datetime | None:
    """Until when the author may appeal the decision behind a strike; None where they may not."""
    until = strike.decision.made_at + APPEAL_WITHIN
    undone = strike.decision.undone_at is not None
    return None if undone or until <= timezone.now() or hasattr(strike.decision, "appeal") else until
