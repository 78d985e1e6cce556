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
from apps.moderation.actions.registry import by_severity
from apps.moderation.models import APPEAL_WITHIN, Case, Strike, known_to_author
from apps.review.decisions.models import Decision
from apps.users.models import User

# From how many points in force on, for how long the next suspension is recommended; below that a warning.
STEPS = [(8, timedelta(days=30)), (4, timedelta(days=7)), (2, timedelta(days=3)), (0, timedelta())]


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What would come next for somebody, were another of their things found against the rules."""

    weight: int
    """Of their standing strikes."""
    lasts: timedelta
    """Of the recommended suspension; none where a warning is recommended."""

    @property
    def sentence(self) -> str:
        facts = {"weight": self.weight, "days": self.lasts.days}
        if not self.lasts:
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
    return Recommendation(weight, next(lasts for least, lasts in STEPS if weight >= least))


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
        weight=max(rule.points for rule in rules),
        given_at=decision.made_at,
        expires_at=decision.made_at + max(rule.valid_for for rule in rules),
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
