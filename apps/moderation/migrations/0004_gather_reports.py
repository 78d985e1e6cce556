"""Gathers the reports that there are in cases: the open ones by their target, each closed one in a case of its own.

In batches, each a transaction of its own, so that nobody waits long; a run that was broken off goes on where it was.
What the code of before still makes meanwhile is gathered by a job. So are weights brought up to date.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models, transaction

BATCH = 1000


def gather(apps, schema_editor):
    Report = apps.get_model("moderation", "Report")
    last = 0
    while reports := list(Report.objects.filter(pk__gt=last, case__isnull=True).order_by("pk")[:BATCH]):
        last = reports[-1].pk
        with transaction.atomic():
            _gather_open(apps, [report for report in reports if report.status == "open"])
            _gather_closed(apps, [report for report in reports if report.status == "closed"])


def _gather_open(apps, reports):
    Case, Report = apps.get_model("moderation", "Case"), apps.get_model("moderation", "Report")
    first = {}
    for report in reports:
        first.setdefault((report.kind, report.target_id), report)
    Case.objects.bulk_create(
        [
            Case(kind=kind, target_id=target_id, author_id=report.author_id, opened_at=report.created_at)
            for (kind, target_id), report in first.items()
        ],
        ignore_conflicts=True,
    )
    targets = {target_id for _kind, target_id in first}
    rows = Case.objects.filter(status="open", target_id__in=targets).values_list("kind", "target_id", "pk")
    cases = {(kind, target_id): pk for kind, target_id, pk in rows}
    for report in reports:
        report.case_id = cases[report.kind, report.target_id]
    Report.objects.bulk_update(reports, ["case"])


def _gather_closed(apps, reports):
    Case, Report = apps.get_model("moderation", "Case"), apps.get_model("moderation", "Report")
    cases = Case.objects.bulk_create(
        [
            Case(
                kind=report.kind,
                target_id=report.target_id,
                author_id=report.author_id,
                status="closed",
                outcomes=[report.outcome],
                opened_at=report.created_at,
                closed_at=report.closed_at,
                closed_by_id=report.closed_by_id if report.closed_by_id != report.author_id else None,
                version=2,
            )
            for report in reports
        ]
    )
    for report, case in zip(reports, cases, strict=True):
        report.case_id = case.pk
    Report.objects.bulk_update(reports, ["case"])


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("moderation", "0003_cases"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="report",
            index=models.Index(fields=["case", "-id"], name="report_of_case"),
        ),
        migrations.RunPython(gather, migrations.RunPython.noop, elidable=True),
    ]
