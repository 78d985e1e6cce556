"""The state of all queues, for users who may open several desks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from admin_dashboards import charts
from admin_dashboards.context import StaffRequest
from admin_dashboards.registry import open_desks, queue_desks
from apps.review.figures import Figures, figures

if TYPE_CHECKING:
    from admin_dashboards.review.desk import WorkDesk

SHARE_WANTED = 90
"""Percent within the SLA, below which there is an alert."""
MOST_PEOPLE = 20


@dataclass(slots=True)
class Officer:
    """What one officer decided in the days of the charts, by queue."""

    name: str
    counts: list[int]
    today: int = 0

    @property
    def lately(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Alert:
    desk: str
    address: str
    sentence: str
    icon: str = "warning"
    tone: str = "bad"


@dataclass(slots=True)
class Dashboard:
    queues: list[dict[str, Any]] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    people: list[Officer] = field(default_factory=list)


def dashboard(request: StaffRequest) -> Dashboard | None:
    """Four queries a queue, however much is in it. None for those who may open one desk or none, or no queue."""
    theirs = [desk for desk in queue_desks() if desk.may_open(request)]
    if not theirs or len(open_desks(request)) < 2:
        return None
    now, found = timezone.now(), Dashboard()
    officers: dict[int, Officer] = {}
    # In the order of the menu; what is below another desk after it.
    for place, desk in enumerate(sorted(theirs, key=lambda each: each.slug)):
        zone = timezone.get_current_timezone()
        counted = figures(desk.queue, desk.counted(request), request.user, zone, now)
        found.queues.append(
            {"desk": desk, "figures": counted, "chart": charts.arrivals_and_decisions(counted), "now": now}
        )
        found.alerts += _alerts(desk, counted, now)
        for person in counted.people:
            officer = officers.setdefault(person.id, Officer(person.name, [0] * len(theirs)))
            officer.counts[place] = person.lately
            officer.today += person.today
    found.people = sorted(officers.values(), key=lambda each: (-each.today, -each.lately, each.name))[:MOST_PEOPLE]
    return found


def _alerts(desk: WorkDesk, counted: Figures, now: datetime) -> list[Alert]:
    title, alerts = str(desk.title), []
    if counted.late:
        sentence = ngettext("%(n)d item is overdue", "%(n)d items are overdue", counted.late) % {"n": counted.late}
        if counted.oldest is not None:
            sentence = _("%(sentence)s, the oldest waits %(time)s.") % {
                "sentence": sentence,
                "time": timesince(counted.oldest, now),
            }
        alerts.append(Alert(title, desk.address, sentence))
    if counted.escalated:
        sentence = ngettext("%(n)d item is escalated.", "%(n)d items are escalated.", counted.escalated)
        address = f"{desk.address}?tab=escalated"
        alerts.append(Alert(title, address, sentence % {"n": counted.escalated}, "keyboard_double_arrow_up", "wait"))
    share = counted.share_in_time
    if share is not None and share < SHARE_WANTED:
        sentence = _("%(share)d %% were decided within the SLA in 14 days.") % {"share": share}
        alerts.append(Alert(title, desk.address, sentence, "trending_down", "wait"))
    return alerts
