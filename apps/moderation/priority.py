"""How heavy a case weighs, line by line: each report by how grave it is and how right its reporter has been."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q
from django.utils.translation import gettext as _

from apps.moderation.models import Case, Report

GRAVITY = {
    Report.Reason.SPAM: 10,
    Report.Reason.OTHER: 10,
    Report.Reason.NUDITY: 30,
    Report.Reason.HARASSMENT: 30,
    Report.Reason.FRAUD: 40,
    Report.Reason.VIOLENCE: 50,
}
WEIGHED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Record:
    """How a reporter's earlier reports ended."""

    right: int = 0
    closed: int = 0

    @property
    def trust(self) -> int:
        """In percent: 100 for whoever is new, towards 200 for the always right, towards 0 for the always wrong.

        Two right and two wrong reports are taken as given, so that the first one does not decide.
        """
        return 200 * (self.right + 2) // (self.closed + 4)


@dataclass(frozen=True, slots=True)
class Line:
    """What one report adds to the weight of its case."""

    report: Report
    gravity: int
    record: Record

    @property
    def weight(self) -> int:
        return self.gravity * self.record.trust // 100

    @property
    def sentence(self) -> str:
        facts = {
            "reason": self.report.get_reason_display(),
            "gravity": self.gravity,
            "name": self.report.reporter.username,
            "trust": f"{self.record.trust / 100:g}",
            "weight": self.weight,
            "right": self.record.right,
            "closed": self.record.closed,
        }
        if not self.record.closed:
            return _("%(reason)s (severity %(gravity)d) by %(name)s, no reports decided yet: %(weight)d") % facts
        said = _(
            "%(reason)s (severity %(gravity)d) by %(name)s, %(right)d of %(closed)d upheld, ×%(trust)s = %(weight)d"
        )
        return said % facts


def lines_of(case: Case) -> list[Line]:
    """What the weight of a case is made of, heaviest first; one line a report."""
    return _lines([case.pk]).get(case.pk, [])


def records_of(reporter_ids: Iterable[int]) -> dict[int, Record]:
    """How right people have been in what they reported. Those without a settled report are left out."""
    closed = Report.objects.filter(reporter__in=set(reporter_ids), status=Report.Status.CLOSED)
    counted = closed.values("reporter").annotate(n=Count("pk"), right=Count("pk", filter=~Q(outcome="kept")))
    return {row["reporter"]: Record(row["right"], row["n"]) for row in counted}


def weigh(case_ids: Iterable[int]) -> None:
    """Bring the stored weights up to date."""
    ids = list(case_ids)
    lines = _lines(ids)
    stored = dict(Case.objects.filter(pk__in=ids).values_list("pk", "weight"))
    for case_id, before in sorted(stored.items()):
        weight = sum(line.weight for line in lines.get(case_id, []))
        if weight != before:
            Case.objects.filter(pk=case_id).update(weight=weight)


def weigh_open() -> None:
    """The same for all open cases: how right their reporters have been changes with every case that is closed."""
    last = 0
    while ids := list(
        Case.objects.open().filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:WEIGHED_AT_ONCE]
    ):
        weigh(ids)
        last = ids[-1]


def _lines(case_ids: list[int]) -> dict[int, list[Line]]:
    reports = list(Report.objects.filter(case__in=case_ids).select_related("reporter").order_by("id"))
    records = records_of(report.reporter_id for report in reports)
    lines: dict[int, list[Line]] = {}
    for report in reports:
        line = Line(report, GRAVITY[Report.Reason(report.reason)], records.get(report.reporter_id, Record()))
        lines.setdefault(report.case_id or 0, []).append(line)
    for of_case in lines.values():
        of_case.sort(key=lambda line: -line.weight)
    return lines
