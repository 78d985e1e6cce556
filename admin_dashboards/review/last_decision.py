"""The viewer's last decision in a queue, which the bar at the top offers to undo."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db.models import DateTimeField, TextField
from django.utils import timezone

from admin_dashboards.context import StaffRequest
from apps.review.decisions.models import UNDO_WINDOW, Decision
from apps.review.decisions.services import kind_of
from apps.visibility.slots import VIEWER, Slot
from apps.visibility.statement import Statement

if TYPE_CHECKING:
    from admin_dashboards.review.desk import WorkDesk

SHOWN_FOR = timedelta(minutes=10)
MOST_UNDONE = 50
"""How many undone decisions are skipped to find the one before them."""


def last_decision(desk: WorkDesk, request: StaffRequest) -> dict[str, Any] | None:
    """For the template `desk/last.html`; None where the viewer decided nothing in the last minutes."""
    since, label = timezone.now() - SHOWN_FOR, desk.queue.model._meta.label_lower
    own = _decisions().page(0, MOST_UNDONE, {"viewer": request.user.pk, "since": since, "label": label})
    last = next((each for each in own if each.undone_at is None), None)
    if last is None or not (items := desk.read(request, [last.target_id])):
        return None
    return {
        "decision": last,
        "sentence": desk.sentence_of(last, items[0]),
        "earlier": own[0].pk != last.pk,
        "address": desk.within(request, "undo"),
        "notifies": kind_of(last).notifies,
        "is_pending": last.told_at is None,
        "sent_at": last.made_at + UNDO_WINDOW,
    }


@cache
def _decisions() -> Statement:
    """What one officer has decided of one kind of object since a time, the latest first."""
    since, label = Slot("since", DateTimeField()), Slot("label", TextField())
    return Statement(Decision.objects.filter(actor=VIEWER, made_at__gte=since, target_type=label).order_by("-id"))
