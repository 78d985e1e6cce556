"""The viewer's last decision in a queue, which the bar at the top offers to undo."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from admin_dashboards.context import StaffRequest
from apps.review.decisions.models import UNDO_WINDOW, Decision
from apps.review.decisions.services import kind_of

if TYPE_CHECKING:
    from admin_dashboards.review.desk import WorkDesk

SHOWN_FOR = timedelta(minutes=10)
MOST_UNDONE = 50
"""How many undone decisions are skipped to find the one before them."""


def last_decision(desk: WorkDesk, request: StaffRequest) -> dict[str, Any] | None:
    """For the template `desk/last.html`; None where the viewer decided nothing in the last minutes."""
    since, label = timezone.now() - SHOWN_FOR, desk.queue.model._meta.label_lower
    own = Decision.objects.filter(actor=request.user.pk, made_at__gte=since, target_type=label).order_by("-id")
    last = next((each for each in own[:MOST_UNDONE] if each.undone_at is None), None)
    item = last and desk.with_related(request, desk.rows(request)).filter(pk=last.target_id).first()
    if last is None or item is None:
        return None
    return {
        "decision": last,
        "sentence": desk.sentence_of(last, item),
        "earlier": own[0].pk != last.pk,
        "address": desk.within(request, "undo"),
        "notifies": kind_of(last).notifies,
        "is_pending": last.told_at is None,
        "sent_at": last.made_at + UNDO_WINDOW,
    }
