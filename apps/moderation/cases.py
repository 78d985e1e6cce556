"""Cases: all open reports about the same content, resolved together by a decision that can be undone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Required, TypedDict, Unpack
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.access import require
from apps.audit.actions import Action
from apps.audit.history import bulk_update_as, save_as
from apps.errors import Invalid
from apps.moderation.actions.base import Params, impossible
from apps.moderation.actions.checks import check_outcomes, require_outcomes
from apps.moderation.actions.registry import asked_for, by_severity
from apps.moderation.content import content_of, target_of
from apps.moderation.models import Case, Report
from apps.moderation.strikes import give_strike
from apps.review.claims import check_workable, locked
from apps.review.decisions.in_force import key_of
from apps.review.decisions.services import decide, snapshot_of
from apps.users.models import User

SUSPENDED_FOR = timedelta(days=7)
LONGEST_TEXT = 800
"""Characters of the message to the author, so that the sentence before it still fits."""
DECIDED_FIELDS = ("status", "outcomes", "closed_by", "closed_at", "version")
"""The fields of a case that a decision changes and undoing it restores."""
REPORT_FIELDS = ("status", "outcome", "closed_by", "closed_at")


def open_case(actor: User | None, kind: str, target_id: int, author_id: int) -> Case:
    """The open case about some content, locked; created where there is none."""
    rows = Case.objects.open().select_for_update(of=("self",)).filter(kind=kind, target_id=target_id)
    while (case := rows.first()) is None:
        try:
            with transaction.atomic():
                return save_as(
                    actor, Case(kind=kind, target_id=target_id, author_id=author_id), action=Action.CASE_OPENED
                )
        except IntegrityError:
            continue  # another transaction has created it at the same time
    return case


def group_reports(actor: User | None, case: Case) -> None:
    """Add the ungrouped reports about its content to a locked case."""
    ungrouped = list(Report.objects.open().filter(kind=case.kind, target_id=case.target_id, case__isnull=True))
    for report in ungrouped:
        report.case = case
    bulk_update_as(actor, ungrouped, ["case"], action=Action.CASE_GROUPED)


def group_ungrouped() -> None:
    """Add reports that an earlier release stored without a case to one."""
    for kind, target_id, author_id in (
        Report.objects.open().filter(case__isnull=True).values_list("kind", "target_id", "author_id").distinct()
    ):
        with transaction.atomic():
            group_reports(None, open_case(None, kind, target_id, author_id))


class Resolution(TypedDict, total=False):
    """How a case is resolved."""

    outcomes: Required[Collection[str]]
    reason: str
    """The rule that was broken."""
    text: str
    """The message to the author."""
    note: str
    """What staff read in the history."""
    until: datetime | None
    """The end of a suspension; a week from now where it is not given."""
    edits: Mapping[str, str] | None
    """New text by the name of the field."""
    version: int | None
    """The version of the case that the moderator opened."""
    batch: UUID | None


@transaction.atomic
def resolve_case(actor: User, case_id: int, **resolution: Unpack[Resolution]) -> Case:
    """Close a case with all its reports, and apply the outcomes. It can be undone; notices wait until then.

    Raises what `lock_for_work` does, and `Invalid`.
    """
    case = locked(Case, case_id)
    require(actor, Case.WORK_PERMISSION, case)
    return resolve_locked(actor, case, **resolution)


def resolve_locked(
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
    """As `resolve_case`, for a locked case whose permission has been checked."""
    group_reports(actor, case)
    check_workable(actor, case, version=version)
    chosen = check_outcomes(case.kind, list(outcomes))
    require_outcomes(actor, case, chosen, target_of(case.kind, case.target_id))
    reports = list(case.reports.open().select_for_update(of=("self",)).order_by("id"))
    if reason and reason not in Report.Reason.values:
        raise Invalid("invalid", _("There is no such reason."), field="reason")
    if len(text) > LONGEST_TEXT:
        raise Invalid("too-long", _("Use at most %(n)d characters.") % {"n": LONGEST_TEXT}, field="text")
    before = snapshot_of(case, DECIDED_FIELDS)
    params = Params(until=until or timezone.now() + SUSPENDED_FOR, note=note, edits=edits or {})
    actions = by_severity(chosen)
    if edits and not asked_for("edits", chosen):
        raise impossible(_("Choose “Edit text” to change the text."))
    before["about"] = key_of(content_of(case.kind).model, case.target_id)
    before["reports"] = [report.pk for report in reports]
    before["done"] = {}
    for action in reversed(actions):
        before["done"] |= action.apply(actor, case, params)
    case.resolve(chosen, actor)
    save_as(actor, case, action=Action.CASE_RESOLVED, note=note)
    for report in reports:
        report.resolve(chosen[0], actor, case.closed_at)
    bulk_update_as(actor, reports, REPORT_FIELDS, action=Action.CASE_RESOLVED, note=note)
    decision = decide(
        actor,
        "case.settled",
        case,
        subject_id=case.author_id,
        before=before,
        after=snapshot_of(case, DECIDED_FIELDS),
        reason=reason,
        text=text,
        batch=batch,
    )
    give_strike(actor, case, decision, chosen)
    for action in actions:
        action.follow_up(actor, case, decision, params)
    return case
