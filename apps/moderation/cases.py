"""Cases: reports about one thing gather in one, which is settled as a whole and can be taken back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.access import require
from apps.audit.actions import Action
from apps.audit.history import bulk_update_as, save_as
from apps.errors import Invalid
from apps.moderation.actions.base import Params, impossible
from apps.moderation.actions.checks import check_outcomes
from apps.moderation.actions.registry import by_severity
from apps.moderation.content import REPORTABLE
from apps.moderation.models import Case, Report
from apps.moderation.strikes import give_strike
from apps.review.claims import check_workable, locked
from apps.review.decisions.in_force import key_of
from apps.review.decisions.services import decide, facts
from apps.users.models import User

SUSPENDED_FOR = timedelta(days=7)
LONGEST_TEXT = 800
"""Of the text to the author, so that the sentence before it still fits."""
DECIDED_FIELDS = ("status", "outcomes", "closed_by", "closed_at", "version")
"""What a decision changes, and undoing it puts back."""
REPORT_FIELDS = ("status", "outcome", "closed_by", "closed_at")


def open_case(actor: User | None, kind: str, target_id: int, author_id: int) -> Case:
    """The open case about a thing, held against all other writers; made where there is none."""
    rows = Case.objects.open().select_for_update(of=("self",)).filter(kind=kind, target_id=target_id)
    while (case := rows.first()) is None:
        try:
            with transaction.atomic():
                return save_as(
                    actor, Case(kind=kind, target_id=target_id, author_id=author_id), action=Action.CASE_OPENED
                )
        except IntegrityError:
            continue  # somebody else opened it at this very moment
    return case


def gather(actor: User | None, case: Case) -> None:
    """Take reports into a locked case that were made without one."""
    stray = list(Report.objects.open().filter(kind=case.kind, target_id=case.target_id, case__isnull=True))
    for report in stray:
        report.case = case
    bulk_update_as(actor, stray, ["case"], action=Action.CASE_GROUPED)


def gather_strays() -> None:
    """Gather what the code of before has made without a case."""
    for kind, target_id, author_id in (
        Report.objects.open().filter(case__isnull=True).values_list("kind", "target_id", "author_id").distinct()
    ):
        with transaction.atomic():
            gather(None, open_case(None, kind, target_id, author_id))


@transaction.atomic
def settle_case(
    actor: User,
    case_id: int,
    *,
    outcomes: Collection[str],
    reason: str = "",
    text: str = "",
    note: str = "",
    until: datetime | None = None,
    edits: Mapping[str, str] | None = None,
    version: int | None = None,
    batch: UUID | None = None,
) -> Case:
    """Close a case with all its reports, and do what the outcomes say. It can be undone; messages wait.

    `reason` is the rule that was broken, `text` what the author reads, `note` what staff read in the history,
    `until` the end of a suspension (a week from now), `edits` an event's new title or description, `version` the one
    that the moderator looked at. Raises what `lock_for_work` does, and `Invalid`.
    """
    case = locked(Case, case_id)
    require(actor, Case.WORK_PERMISSION, case)
    return settle_locked(
        actor,
        case,
        outcomes=outcomes,
        reason=reason,
        text=text,
        note=note,
        until=until,
        edits=edits,
        version=version,
        batch=batch,
    )


def settle_locked(
    actor: User,
    case: Case,
    *,
    outcomes: Collection[str],
    reason: str = "",
    text: str = "",
    note: str = "",
    until: datetime | None = None,
    edits: Mapping[str, str] | None = None,
    version: int | None = None,
    batch: UUID | None = None,
) -> Case:
    """The same, of a locked case, for whoever has been found to hold the permission."""
    gather(actor, case)
    check_workable(actor, case, version=version)
    chosen = check_outcomes(case.kind, list(outcomes))
    reports = list(case.reports.open().select_for_update(of=("self",)).order_by("id"))
    if reason and reason not in Report.Reason.values:
        raise Invalid("invalid", _("There is no such reason."), field="reason")
    if len(text) > LONGEST_TEXT:
        raise Invalid("too-long", _("Use at most %(n)d characters.") % {"n": LONGEST_TEXT}, field="text")
    before = facts(case, DECIDED_FIELDS)
    params = Params(until=until or timezone.now() + SUSPENDED_FOR, note=note, edits=edits or {})
    actions = by_severity(chosen)
    if edits and "edited" not in chosen:
        raise impossible(_("Choose “Edit text” to change the text."))
    before["about"] = key_of(REPORTABLE[Report.Kind(case.kind)].model, case.target_id)
    before["reports"] = [report.pk for report in reports]
    before["done"] = {}
    for action in reversed(actions):
        before["done"] |= action.apply(actor, case, params)
    case.settle(chosen, actor)
    save_as(actor, case, action=Action.CASE_RESOLVED, note=note)
    for report in reports:
        report.settle(chosen[0], actor, case.closed_at)
    bulk_update_as(actor, reports, REPORT_FIELDS, action=Action.CASE_RESOLVED, note=note)
    decision = decide(
        actor,
        "case.settled",
        case,
        subject_id=case.author_id,
        before=before,
        after=facts(case, DECIDED_FIELDS),
        reason=reason,
        text=text,
        batch=batch,
    )
    give_strike(actor, case, decision, chosen)
    for action in actions:
        action.follow_up(actor, case, decision, params)
    return case
