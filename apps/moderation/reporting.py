"""Reports of content by users, and the decision about a single one."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.access import require, visible
from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.errors import Absent, Conflict, Invalid
from apps.moderation.cases import open_case, resolve_locked
from apps.moderation.content import content_of, reportable
from apps.moderation.models import Case, Report
from apps.moderation.models.reports import ReportQuerySet
from apps.moderation.priority import update_scores
from apps.moderation.retention import keep_snapshot
from apps.review.claims import already_decided
from apps.users.models import User


def reports_by(reporter: User) -> QuerySet[Report]:
    """The reports of a user, newest first."""
    return visible(reporter, Report, ReportQuerySet).newest_first()


@transaction.atomic
def report(reporter: User, *, kind: str, target_id: int, reason: str, note: str = "") -> Report:
    """Report content that `reporter` may see. Its text, and the file of a story, is evidence from then on.

    Raises `Invalid` for the reporter's own content and where a note is missing, `Conflict` while the same report of
    theirs is open, `Absent` for content that they may not see.
    """
    if reason == Report.Reason.OTHER and not note.strip():
        raise Invalid("required", _("Say in the note what is wrong."), field="note")
    target = reportable(reporter, kind).filter(pk=target_id).first()
    if target is None:
        raise Absent("not-found", _("There is no such content to report."))
    author_id = content_of(kind).author_id(target)
    if author_id == reporter.pk:
        raise Invalid("own-content", _("You cannot report yourself or what is yours."), field="id")
    # The case before the content, in the order of `resolve_case`, so that the two never wait for each other.
    case = open_case(reporter, kind, target_id, author_id)
    content_of(kind).hold(reporter, target_id)
    keep_snapshot(case, target)
    new = Report(
        reporter=reporter,
        kind=kind,
        target_id=target_id,
        author_id=author_id,
        reason=reason,
        note=note.strip(),
        case=case,
    )
    try:
        with transaction.atomic():
            save_as(reporter, new, action=Action.REPORTED)
    except IntegrityError as error:
        raise Conflict("already-reported", _("You have reported this already; we are looking into it.")) from error
    update_scores([case.pk])
    return new


@transaction.atomic
def resolve_report(
    actor: User, report_id: int, *, outcome: str, reason: str = "", until: datetime | None = None
) -> Report:
    """Resolve the case that a report belongs to, and so all open reports about the same content.

    The outcome requires its own permission, too. `edited` confirms that the text is within the rules by now.
    """
    known = Report.objects.filter(pk=report_id).first()
    if known is None:
        raise Absent("not-found", _("There is no such report."))
    require(actor, "moderation.settle_report", known)
    case = _case_of(actor, known)
    resolve_locked(actor, case, outcomes=[outcome], note=reason, until=until)
    return Report.objects.get(pk=report_id)


def _case_of(actor: User, report: Report) -> Case:
    """The case of an open report, locked; created for an ungrouped one."""
    rows = Case.objects.select_for_update(of=("self",))
    case = rows.filter(pk=report.case_id).first() if report.case_id else None
    if case is None and report.status == Report.Status.OPEN:
        case = open_case(actor, report.kind, report.target_id, report.author_id)
    if not Report.objects.open().filter(pk=report.pk).exists():
        if case is None:
            raise Conflict("already-decided", _("This report has already been closed."))
        raise already_decided(case)
    assert case is not None
    return case
