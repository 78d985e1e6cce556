"""What is decided about cases and appeals, how it is taken back, and who is told."""

from __future__ import annotations

from contextlib import suppress

from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from apps.audit.actions import Action
from apps.audit.history import bulk_update_as, save_as
from apps.errors import Absent, Conflict
from apps.moderation.actions.keep import Keep
from apps.moderation.actions.registry import by_severity
from apps.moderation.cases import REPORT_FIELDS
from apps.moderation.content import named, target_of
from apps.moderation.models import Appeal, Case, Report
from apps.moderation.notices import ends_at, ruling_to_author, to_author, to_reporter
from apps.moderation.priority import weigh
from apps.moderation.retention import let_go
from apps.moderation.strikes import lift_strike
from apps.notifications.models import Kind as Told
from apps.notifications.services import notify
from apps.review.decisions.kinds import Kind
from apps.review.decisions.models import Decision
from apps.stories.services import hold_story
from apps.users.models import User


def put_back(actor: User, decision: Decision, case: Case) -> None:
    """Thing, author and strikes as they were. The case is open again, or, after an appeal, closed as unfounded."""
    # Locked, so that a ruling on it is not taken back at the same moment.
    appeal = Appeal.objects.select_for_update(of=("self",)).filter(decision=decision).first()
    if appeal is not None and appeal.status == Appeal.Status.OPEN:
        raise Conflict("appealed", _("The author has appealed this decision. Decide the appeal instead."))
    overturned = appeal is not None and appeal.status == Appeal.Status.OVERTURNED
    newer = Case.objects.open().filter(kind=case.kind, target_id=case.target_id)
    if not overturned and newer.exists():
        raise _reported_again()
    undone, note = Action(decision.verb).undone, decision.undo_reason
    for action in by_severity(decision.after["outcomes"]):
        action.revert(actor, case, decision, note=note)
    lift_strike(actor, decision, note=note)
    reports = list(_reports_closed_by(decision, case).select_for_update(of=("self",)))
    case.reopen()
    for report in reports:
        report.reopen()
    if overturned:
        case.settle([Keep.code], actor)
        for report in reports:
            report.settle(Keep.code, actor, case.closed_at)
    try:
        with transaction.atomic():
            save_as(actor, case, action=undone, note=note)
    except IntegrityError as error:
        raise _reported_again() from error  # at this very moment
    bulk_update_as(actor, reports, REPORT_FIELDS, action=undone, note=note)
    if not overturned:
        if case.kind == Report.Kind.STORY:
            with suppress(Absent):
                hold_story(actor, case.target_id)
        weigh([case.pk])


def _reported_again() -> Conflict:
    return Conflict("changed-since", _("Reported again since. Decide the new case instead."))


def tell(decision: Decision) -> None:
    """The author what came of it, the reporters that something did. What is no evidence any more is let go."""
    case = Case.objects.get(pk=decision.target_id)
    _tell_author(decision, case)
    _tell_reporters(decision, case)
    if case.kind == Report.Kind.STORY:
        let_go(decision.actor, case.target_id)


def tell_undone(decision: Decision) -> None:
    """What was told is put right, to the reporters too."""
    case = Case.objects.get(pk=decision.target_id)
    if case.status == Case.Status.CLOSED:  # overturned by an appeal, whose ruling tells the author
        _tell_reporters(decision, case)
        return
    if decision.after["outcomes"] != [Keep.code]:
        notify(case.author_id, Told.DECISION_UNDONE, about=None, **named(case.kind, _target(case)))
    # Those of the reopened case that had been told; whoever reports from now on hears of it once.
    for report in case.reports.open().filter(created_at__lte=decision.made_at).order_by("id"):
        said = to_reporter(report.status)
        notify(report.reporter_id, said.kind, about=report, **said.facts)


def _tell_author(decision: Decision, case: Case) -> None:
    target, done = _target(case), decision.before["done"]
    # What somebody else had done before is no news.
    outcomes = [action.code for action in by_severity(decision.after["outcomes"]) if action.took_effect(done)]
    until = ends_at(case.author, done["suspended"]["after"]) if "suspended" in done else ""
    for said in to_author(case, target, outcomes, text=decision.text, until=until):
        about = target if case.kind != Report.Kind.USER and said.kind != Told.SUSPENDED else None
        notify(case.author_id, said.kind, about=about, **said.facts)


def _reports_closed_by(decision: Decision, case: Case) -> QuerySet[Report]:
    """The reports that a decision closed, by their ids; earlier releases kept none, and closed them with the case."""
    ids = decision.before.get("reports")
    rows = case.reports.filter(closed_at=case.closed_at) if ids is None else case.reports.filter(pk__in=ids)
    return rows.order_by("id")


def _tell_reporters(decision: Decision, case: Case) -> None:
    for report in _reports_closed_by(decision, case):
        said = to_reporter(str(report.outcome))
        notify(report.reporter_id, said.kind, about=report, **said.facts)


def _target(case: Case) -> Model | None:
    return target_of(case.kind, case.target_id)


# --- Rulings ----------------------------------------------------------------------------------------------------------


def reopen_appeal(actor: User, decision: Decision, appeal: Appeal) -> None:
    if appeal.decision.undone_at is not None:
        raise Conflict("changed-since", _("The appealed decision has been undone since. Reload the appeal."))
    appeal.reopen()
    if appeal.case.kind == Report.Kind.STORY:
        with suppress(Absent):
            hold_story(actor, appeal.case.target_id)
    save_as(actor, appeal, action=Action(decision.verb).undone, note=decision.undo_reason)


def keep_overturned(actor: User, decision: Decision, appeal: Appeal) -> None:
    raise Conflict("overturned", _("What an appeal has overturned stays so. A new report opens a new case."))


def tell_ruling(decision: Decision) -> None:
    _tell_appellant(Appeal.objects.select_related("case").get(pk=decision.target_id))


def _tell_appellant(appeal: Appeal) -> None:
    case = appeal.case
    said = ruling_to_author(case, _target(case), appeal.status, appeal.ruling)
    notify(appeal.author_id, said.kind, about=None, **said.facts)
    if case.kind == Report.Kind.STORY:
        let_go(appeal.ruled_by, case.target_id)


def _ruling(verb: Action, undo: object) -> Kind:
    return Kind(
        verb=verb,
        model=Appeal,
        perm="moderation.settle_report",
        undo=undo,  # type: ignore[arg-type]
        tell=tell_ruling,
        tell_undone=tell_ruling,
    )


KINDS = [
    Kind(
        verb=Action.CASE_RESOLVED,
        model=Case,
        perm="moderation.settle_report",
        undo=put_back,
        tell=tell,
        tell_undone=tell_undone,
    ),
    _ruling(Action.APPEAL_UPHELD, reopen_appeal),
    _ruling(Action.APPEAL_OVERTURNED, keep_overturned),
]
