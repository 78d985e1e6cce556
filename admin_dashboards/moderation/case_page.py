"""What the page of a case shows beside the content: its author and reporters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db.models import BigIntegerField
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.moderation.actions.registry import label_of
from apps.moderation.models import Case, Strike
from apps.moderation.priority import ScorePart, score_parts
from apps.moderation.strikes import recommend
from apps.visibility.slots import NOW, Slot
from apps.visibility.statement import Statement

MOST_EARLIER = 5
MOST_STRIKES = 5
AUTHOR = Slot("author", BigIntegerField())


def case_details(case: Case) -> dict[str, Any]:
    """The author's strikes and earlier cases, the reports, and the parts of the priority score."""
    lines = score_parts(case)
    values = {"author": case.author_id, "case": case.pk, "now": timezone.now()}
    return {
        "author": case.author,
        "suspended_until": case.author.suspended_until if case.author.is_suspended else None,
        "recommendation": recommend(case.author_id),
        "strikes": _strikes().page(0, MOST_STRIKES, values),
        "earlier": [_earlier(each) for each in _other_cases().page(0, MOST_EARLIER, values)],
        "weight_lines": lines,
        "weight": sum(line.score for line in lines),
        "now": timezone.now(),
    }


@cache
def _strikes() -> Statement:
    """The strikes of one author that are in force, the latest first."""
    in_force = Strike.objects.in_force(NOW).filter(person=AUTHOR)
    return Statement(in_force.select_related("case", "decision").order_by("-given_at", "-id"))


@cache
def _other_cases() -> Statement:
    """The cases of one author but for one, the latest first."""
    others = Case.objects.filter(author=AUTHOR).exclude(pk=Slot("case", BigIntegerField()))
    return Statement(others.select_related("closed_by").order_by("-id"))


def _earlier(case: Case) -> dict[str, Any]:
    return {"case": case, "outcomes": label_of(case.outcomes) or _("open")}


def main_reason(lines: Sequence[ScorePart]) -> str:
    """The reason of most reports, which a decision most likely has."""
    reasons = [line.report.reason for line in lines]
    return max(reasons, key=reasons.count) if reasons else ""
