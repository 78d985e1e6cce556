"""The kinds of decision about cases and appeals: how each is undone, and who is notified."""

from __future__ import annotations

from collections.abc import Callable

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apps.audit.actions import Action
from apps.audit.history import bulk_update_as, save_as
from apps.errors import Conflict
from apps.moderation.actions.keep import Keep
from apps.moderation.actions.registry import by_severity
from apps.moderation.cases import REPORT_FIELDS
from apps.moderation.content import content_of, target_of
from apps.moderation.models import Appeal, Case, Report
from apps.moderation.notices import Notice, ruling_to_author, to_author, to_reporter
from apps.moderation.priority import update_scores
from apps.moderation.retention import hold_again, release
from apps.moderation.strikes import lift_strike
from apps.notifications.models import Kind as NotificationKind
from apps.review.decisions.kinds import Kind
from apps.review.decisions.models import Decision
from apps.users.models import User

# --- Cases ------------------------------------------------------------------------------------------------------------


def undo_resolution(actor: User, decision: Decision, case: Case) -> None:
    """Revert the outcomes, lift the strike, and reopen the case; after an overturning appeal, close it as kept.

    Raises `Conflict` while the decision is appealed, and where the content has been reported again since.
    """
    # Locked, so that the ruling on it is not undone at the same time.
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
    reports = list(reports_closed_by(decision, case).select_for_update(of=("self",)))
    case.reopen()
    for report in reports:
        report.reopen()
    if overturned:
        case.resolve([Keep.code], actor)
        for report in reports:
            report.resolve(Keep.code, actor, case.closed_at)
    try:
        with transaction.atomic():
            save_as(actor, case, action=undone, note=note)
    except IntegrityError as error:
        raise _reported_again() from error  # at the same time
    bulk_update_as(actor, reports, REPORT_FIELDS, action=undone, note=note)
    if not overturned:
        hold_again(actor, case)
        update_scores([case.pk])


def reports_closed_by(decision: Decision, case: Case) -> QuerySet[Report]:
    """The reports that a decision closed, by their IDs; earlier releases stored none, and closed them with the case."""
    ids = decision.before.get("reports")
    rows = case.reports.filter(closed_at=case.closed_at) if ids is None else case.reports.filter(pk__in=ids)
    return rows.order_by("id")


def notify_resolved(decision: Decision) -> None:
    """Notify author and reporters of the outcome, then release evidence that is no longer needed."""
    case = Case.objects.get(pk=decision.target_id)
    done = decision.before["done"]
    outcomes = [action.code for action in by_severity(decision.after["outcomes"]) if action.took_effect(done)]
    target = target_of(case.kind, case.target_id)
    for notice in to_author(case, target, outcomes, text=decision.text, done=done):
        notice.send(case.author_id)
    _notify_reporters(decision, case)
    release(decision.actor, case.kind, case.target_id)


def notify_undone(decision: Decision) -> None:
    """Notify author and reporters that the outcome is no longer in force."""
    case = Case.objects.get(pk=decision.target_id)
    if case.status == Case.Status.CLOSED:  # overturned by an appeal, of whose ruling the author is notified
        _notify_reporters(decision, case)
        return
    if decision.after["outcomes"] != [Keep.code]:
        context = content_of(case.kind).notice_context(target_of(case.kind, case.target_id))
        Notice(NotificationKind.DECISION_UNDONE, context).send(case.author_id)
    # Only reporters who had been notified; those of later reports read of the next outcome.
    ids = decision.before.get("reports")
    was_closed = Q(created_at__lte=decision.made_at) if ids is None else Q(pk__in=ids)
    for report in case.reports.open().filter(was_closed).order_by("id"):
        to_reporter(report.status, report).send(report.reporter_id)


def _notify_reporters(decision: Decision, case: Case) -> None:
    for report in reports_closed_by(decision, case):
        to_reporter(str(report.outcome), report).send(report.reporter_id)


def _reported_again() -> Conflict:
    return Conflict("changed-since", _("Reported again since. Decide the new case instead."))


# --- Rulings on appeals -----------------------------------------------------------------------------------------------


def reopen_appeal(actor: User, decision: Decision, appeal: Appeal) -> None:
    """Undo a ruling that upheld the decision. Raises `Conflict` where that has been undone itself."""
    if appeal.decision.undone_at is not None:
        raise Conflict("changed-since", _("The appealed decision has been undone since. Reload the appeal."))
    appeal.reopen()
    hold_again(actor, appeal.case)
    save_as(actor, appeal, action=Action(decision.verb).undone, note=decision.undo_reason)


def refuse_undo(actor: User, decision: Decision, appeal: Appeal) -> None:
    """Raise `Conflict`: a ruling that overturned the decision is final."""
    raise Conflict("overturned", _("What an appeal has overturned stays so. A new report opens a new case."))


def notify_appellant(decision: Decision) -> None:
    """Notify the author of the ruling, or that it has been undone, then release evidence no longer needed."""
    appeal = Appeal.objects.select_related("case").get(pk=decision.target_id)
    case = appeal.case
    target = target_of(case.kind, case.target_id)
    ruling_to_author(case, target, appeal.status, appeal.ruling).send(appeal.author_id)
    release(appeal.ruled_by, case.kind, case.target_id)


def _ruling(verb: Action, undo: Callable[[User, Decision, Appeal], None]) -> Kind:
    return Kind(
        verb=verb,
        model=Appeal,
        perm=Appeal.WORK_PERMISSION,
        undo=undo,
        notify=notify_appellant,
        notify_undone=notify_appellant,
    )


KINDS = [
    Kind(
        verb=Action.CASE_RESOLVED,
        model=Case,
        perm=Case.WORK_PERMISSION,
        undo=undo_resolution,
        notify=notify_resolved,
        notify_undone=notify_undone,
    ),
    _ruling(Action.APPEAL_UPHELD, reopen_appeal),
    _ruling(Action.APPEAL_OVERTURNED, refuse_undo),
]
