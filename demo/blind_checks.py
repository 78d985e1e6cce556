"""Blind checks of decisions about documents: some agree, a few do not, a few are open."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from apps.review.decisions.models import Decision
from apps.users.models import BlindCheck, Document, Reason
from demo.scenario import Scenario

Status = Document.Status
# The verdict of the second officer on some: a card without its edge is hard to read, a married name is no other name.
SECOND_REASONS: dict[str, str] = {
    Reason.CUT_OFF: Reason.UNREADABLE,
    Reason.FORGED: Reason.ALREADY_USED,
    Reason.NAME_DIFFERS: "",
}
OPEN_CHECKS = 1
"""How many of each verdict stay open."""


def check_blind(scenario: Scenario, decisions: list[Decision], documents: list[Document]) -> None:
    """Some decisions are checked blind by another officer, who disagrees with a few; a few checks are open."""
    dice = Random("blind checks")
    checks: list[BlindCheck] = []
    for decision, document in zip(decisions, documents, strict=True):
        if document.status == Status.APPROVED and dice.random() > 0.4:
            continue
        second = SECOND_REASONS.get(document.reason, document.reason) if dice.random() < 0.7 else document.reason
        check = BlindCheck(
            decision=decision,
            document=document,
            officer=decision.actor,
            decided=document.status,
            decided_reason=document.reason,
        )
        if not (decision.actor == scenario["admin"] and sum(one.checked_at is None for one in checks) < OPEN_CHECKS):
            check.verdict, check.reason = (Status.REJECTED if second else Status.APPROVED), second
            check.checked_by = scenario["compliance" if decision.actor == scenario["admin"] else "admin"]
            later = max(decision.made_at, scenario.ago(days=40)) + timedelta(hours=dice.randint(4, 90))
            check.checked_at = min(later, scenario.now)
        checks.append(check)
    BlindCheck.objects.bulk_create(checks)
