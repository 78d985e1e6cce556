"""Cases: reports about one thing gather in one, which is settled as a whole and can be taken back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from apps.access import require
from apps.audit.history import bulk_update_as, save_as
from apps.errors import Absent, Conflict, Invalid, Refused
from apps.moderation.content import REPORTABLE
from apps.moderation.models import Case, Report
from apps.moderation.outcomes import carry_out, check_outcomes
from apps.moderation.strikes import give_strike
from apps.review.decisions.in_force import key_of
from apps.review.decisions.services import decide, facts
from apps.users.accounts.services import suspend_user
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
                return save_as(actor, Case(kind=kind, target_id=target_id, author_id=author_id), reason="reported")
        except IntegrityError:
            continue  # somebody else opened it at this very moment
    return case


def gather(actor: User | None, case: Case) -> None:
    """Take reports into a locked case that were made without one."""
    stray = list(Report.objects.open().filter(kind=case.kind, target_id=case.target_id, case__isnull=True))
    for report in stray:
        report.case = case
    bulk_update_as(actor, stray, ["case"], reason=f"gathered in case {case.pk}")


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
    that the moderator looked at. Raises `Conflict` where somebody settled it or holds it.
    """
    case = _locked(case_id)
    require(actor, "moderation.settle_report", case)
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
    if version not in (None, case.version):
        raise already_settled(case)
    gather(actor, case)
    chosen = check_settling(actor, case, outcomes)
    reports = list(case.reports.open().select_for_update(of=("self",)).order_by("id"))
    if reason and reason not in Report.Reason.values:
        raise Invalid("invalid", _("There is no such reason."), field="reason")
    if len(text) > LONGEST_TEXT:
        raise Invalid("too-long", _("Use at most %(n)d characters.") % {"n": LONGEST_TEXT}, field="text")
    before = facts(case, DECIDED_FIELDS)
    until = until or timezone.now() + SUSPENDED_FOR
    before["about"] = key_of(REPORTABLE[Report.Kind(case.kind)].model, case.target_id)
    before["done"] = carry_out(actor, case, chosen, reason=note, until=until, edits=edits or {})
    said = note or f"settled: {', '.join(chosen)}"
    case.settle(chosen, actor)
    save_as(actor, case, reason=said)
    for report in reports:
        report.settle(chosen[0], actor, case.closed_at)
    bulk_update_as(actor, reports, REPORT_FIELDS, reason=said)
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
    if Report.Outcome.SUSPENDED in chosen:
        suspend_user(actor, case.author_id, until=until, reason=note, tell=False, decision=decision)
    return case


def check_settling(actor: User, case: Case, outcomes: Collection[str]) -> list[str]:
    """The outcomes, gravest first, where the case can be settled so by `actor` now. Raises what settling would."""
    if case.status != Case.Status.OPEN:
        raise already_settled(case)
    if actor.pk == case.author_id or case.reports.open().filter(reporter=actor).exists():
        raise Refused("own-report", _("This report concerns you. A colleague has to decide it."))
    _require_free(case, actor)
    return check_outcomes(case.kind, list(outcomes))


def already_settled(case: Case | None) -> Conflict:
    """Who settled it and when, as far as that is known."""
    if case is None:
        return Conflict("already-settled", _("This report has already been closed."))
    if case.closed_by is None or case.closed_at is None:
        return Conflict("already-settled", _("This case has changed since you opened it. Reload it, then decide."))
    facts = {
        "name": case.closed_by.username,
        "time": formats.date_format(timezone.localtime(case.closed_at), "DATETIME_FORMAT"),
    }
    return Conflict("already-settled", _("Already decided by %(name)s at %(time)s. Choose the next item.") % facts)


def _locked(case_id: int) -> Case:
    rows = Case.objects.select_for_update(of=("self",)).select_related("claimed_by", "closed_by")
    case = rows.filter(pk=case_id).first()
    if case is None:
        raise Absent("not-found", _("This case does not exist. Go back to the queue."))
    return case


def _require_free(case: Case, actor: User) -> None:
    holder = case.claim_holder()
    if holder is not None and holder.pk != actor.pk:
        raise Conflict(
            "claimed",
            _("Claimed by %(name)s. Take it over with a reason, or choose another item.") % {"name": holder.username},
            holder=holder.username,
        )
