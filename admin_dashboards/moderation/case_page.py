"""What the page of a case shows beside the content: its author and reporters."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.moderation.actions.registry import label_of
from apps.moderation.models import Case, Strike
from apps.moderation.priority import score_parts
from apps.moderation.strikes import recommend

MOST_EARLIER = 5
MOST_STRIKES = 5


def case_details(case: Case) -> dict[str, Any]:
    """The author's strikes and earlier cases, the reports, and the parts of the priority score."""
    lines = score_parts(case)
    in_force = Strike.objects.in_force().filter(person=case.author_id)
    strikes = in_force.select_related("case", "decision").order_by("-given_at", "-id")
    earlier = Case.objects.filter(author=case.author_id).exclude(pk=case.pk).select_related("closed_by")
    return {
        "author": case.author,
        "suspended_until": case.author.suspended_until if case.author.is_suspended else None,
        "recommendation": recommend(case.author_id),
        "strikes": list(strikes[:MOST_STRIKES]),
        "earlier": [_earlier(each) for each in earlier.order_by("-id")[:MOST_EARLIER]],
        "weight_lines": lines,
        "weight": sum(line.score for line in lines),
        "now": timezone.now(),
    }


def _earlier(case: Case) -> dict[str, Any]:
    return {"case": case, "outcomes": label_of(case.outcomes) or _("open")}


def main_reason(case: Case) -> str:
    """The reason of most reports, which a decision most likely has."""
    reasons = [line.report.reason for line in score_parts(case)]
    return max(reasons, key=reasons.count) if reasons else ""
