"""Strikes: what breaking the rules weighs, and for how long. They recommend the next step and take none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import ngettext

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.moderation.models import APPEAL_WITHIN, Case, Report, Strike, known_to_author
from apps.review.decisions.models import Decision
from apps.users.models import User

Outcome = Report.Outcome

WEIGHTS = {Outcome.WARNED: 1, Outcome.REMOVED: 2, Outcome.SUSPENDED: 4}
LASTS = {
    Outcome.WARNED: timedelta(days=90),
    Outcome.REMOVED: timedelta(days=180),
    Outcome.SUSPENDED: timedelta(days=365),
}
# From how much standing weight on, what comes next.
STEPS = [
    (8, Outcome.SUSPENDED, timedelta(days=30)),
    (4, Outcome.SUSPENDED, timedelta(days=7)),
    (2, Outcome.SUSPENDED, timedelta(days=3)),
    (0, Outcome.WARNED, timedelta()),
]


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What would come next for somebody, were another of their things found against the rules."""

    weight: int
    """Of their standing strikes."""
    outcome: str
    lasts: timedelta
    """Of a suspension."""

    @property
    def sentence(self) -> str:
        facts = {"weight": self.weight, "days": self.lasts.days}
        if self.outcome == Outcome.WARNED:
            said = ngettext(
                "Active strikes: %(weight)d point. Recommended: a warning.",
                "Active strikes: %(weight)d points. Recommended: a warning.",
                self.weight,
            )
        else:
            said = ngettext(
                "Active strikes: %(weight)d point. Recommended: %(days)d-day suspension.",
                "Active strikes: %(weight)d points. Recommended: %(days)d-day suspension.",
                self.weight,
            )
        return said % facts


def strikes_of(person: User) -> QuerySet[Strike]:
    """Somebody's strikes as they may know of them, latest first."""
    known = Strike.objects.filter(known_to_author(), person=person)
    return known.select_related("decision__appeal", "case").order_by("-given_at", "-id")


def recommend(person_id: int) -> Recommendation:
    """The next step for somebody, by the strikes that stand against them."""
    weight = sum(Strike.objects.standing().filter(person=person_id).values_list("weight", flat=True))
    outcome, lasts = next((outcome, lasts) for least, outcome, lasts in STEPS if weight >= least)
    return Recommendation(weight, outcome, lasts)


def give_strike(actor: User, case: Case, decision: Decision, outcomes: Sequence[str]) -> Strike | None:
    """One strike for a decision, as heavy as the gravest of its outcomes. None where none of them is a strike."""
    grave = [Outcome(outcome) for outcome in outcomes if outcome in WEIGHTS]
    if not grave:
        return None
    strike = Strike(
        person_id=case.author_id,
        decision=decision,
        case=case,
        outcomes=list(outcomes),
        weight=max(WEIGHTS[outcome] for outcome in grave),
        given_at=decision.made_at,
        expires_at=decision.made_at + max(LASTS[outcome] for outcome in grave),
    )
    return save_as(actor, strike, action=Action.STRIKE_GIVEN)


def lift_strike(actor: User, decision: Decision, *, note: str) -> None:
    """Take away the strike that a decision gave, if it gave one."""
    for strike in Strike.objects.select_for_update().filter(decision=decision, lifted_at__isnull=True):
        strike.lifted_at = timezone.now()
        save_as(actor, strike, action=Action.STRIKE_LIFTED, note=note)


def may_appeal_until(strike: Strike) -> datetime | None:
    """Until when the author may appeal the decision behind a strike; None where they may not or not any more."""
    until = strike.decision.made_at + APPEAL_WITHIN
    undone = strike.decision.undone_at is not None
    return None if undone or until <= timezone.now() or hasattr(strike.decision, "appeal") else until
