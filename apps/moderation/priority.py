"""The priority score of a case: the sum over its reports of severity times the trust in the reporter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, Count, Q
from django.utils.translation import gettext as _

from apps.moderation.actions.keep import Keep
from apps.moderation.models import Case, Report
from apps.visibility.slots import Slot, each_of
from apps.visibility.statement import Statement

SEVERITY = {
    Report.Reason.SPAM: 10,
    Report.Reason.OTHER: 10,
    Report.Reason.NUDITY: 30,
    Report.Reason.HARASSMENT: 30,
    Report.Reason.FRAUD: 40,
    Report.Reason.VIOLENCE: 50,
}
SCORED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Record:
    """How a reporter's earlier reports were decided."""

    upheld: int = 0
    decided: int = 0

    @property
    def trust(self) -> int:
        """In percent: 100 for new reporters, up to 200 for those always upheld, down to 0 for those never upheld.

        Two upheld reports and two others are counted in, so that the first one alone does not decide.
        """
        return 200 * (self.upheld + 2) // (self.decided + 4)


@dataclass(frozen=True, slots=True)
class ScorePart:
    """What one report adds to the priority score of its case."""

    report: Report
    severity: int
    record: Record

    @property
    def score(self) -> int:
        return self.severity * self.record.trust // 100

    @property
    def sentence(self) -> str:
        context = {
            "reason": self.report.get_reason_display(),
            "severity": self.severity,
            "name": self.report.reporter.username,
            "trust": f"{self.record.trust / 100:g}",
            "score": self.score,
            "upheld": self.record.upheld,
            "decided": self.record.decided,
        }
        if not self.record.decided:
            return _("%(reason)s (severity %(severity)d) by %(name)s, no reports decided yet: %(score)d") % context
        sentence = _(
            "%(reason)s (severity %(severity)d) by %(name)s, %(upheld)d of %(decided)d upheld, ×%(trust)s = %(score)d"
        )
        return sentence % context


def score_parts(case: Case) -> list[ScorePart]:
    """The parts of the priority score of a case: one for each report, the highest first."""
    return _parts([case.pk]).get(case.pk, [])


def records_of(reporter_ids: Iterable[int]) -> dict[int, Record]:
    """The records of reporters by their IDs; without those of whom no report is decided."""
    closed = Report.objects.filter(reporter__in=set(reporter_ids), status=Report.Status.CLOSED)
    counted = closed.values("reporter").annotate(n=Count("pk"), upheld=Count("pk", filter=~Q(outcome=Keep.code)))
    return {row["reporter"]: Record(row["upheld"], row["n"]) for row in counted}


def update_scores(case_ids: Iterable[int]) -> None:
    """Bring the stored priority scores of cases up to date."""
    ids = list(case_ids)
    parts = _parts(ids)
    stored = dict(Case.objects.filter(pk__in=ids).values_list("pk", "priority_score"))
    for case_id, before in sorted(stored.items()):
        score = sum(part.score for part in parts.get(case_id, []))
        if score != before:
            Case.objects.filter(pk=case_id).update(priority_score=score)


def update_open_scores() -> None:
    """Update the scores of all open cases: the records of their reporters change with every case that is closed."""
    last = 0
    while ids := list(
        Case.objects.open().filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:SCORED_AT_ONCE]
    ):
        update_scores(ids)
        last = ids[-1]


@cache
def _reports() -> Statement:
    """The reports of some cases, the earliest first."""
    cases = each_of(Slot("cases", ArrayField(BigIntegerField())))
    return Statement(Report.objects.filter(case__in=cases).select_related("reporter").order_by("id"))


def _parts(case_ids: list[int]) -> dict[int, list[ScorePart]]:
    reports = _reports().rows({"cases": case_ids})
    records = records_of(report.reporter_id for report in reports)
    parts: dict[int, list[ScorePart]] = {}
    for report in reports:
        part = ScorePart(report, SEVERITY[Report.Reason(report.reason)], records.get(report.reporter_id, Record()))
        parts.setdefault(report.case_id or 0, []).append(part)
    for of_case in parts.values():
        of_case.sort(key=lambda part: -part.score)
    return parts
