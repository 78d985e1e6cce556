"""Agreement of officers: a share of decisions is reviewed blind by a second officer, without the first verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.access import granted, may, require
from apps.audit.actions import Action
from apps.errors import Absent, Conflict, Invalid
from apps.review.conflicts import conflict_of, without_conflicts
from apps.review.decisions.models import Decision
from apps.review.settings import begin_setting, keep_setting
from apps.users.accounts.alerts import alert_if_same_person
from apps.users.models import BlindCheck, Document, QualityShare, Reason, User

MEASURED_FOR = timedelta(days=90)
CHANGES_SHARE = "users.change_qualityshare"


@dataclass(frozen=True, slots=True)
class Agreement:
    """The number of blind checks with the same verdict, and of rejections with the same reason."""

    name: str
    checked: int
    agreed: int
    reasoned: int = 0
    """How many were rejected for a reason at first."""
    same_reason: int = 0
    """Of those, how many the second officer would have rejected for the same."""

    @property
    def percent(self) -> int:
        return round(100 * self.agreed / self.checked)


@dataclass(frozen=True, slots=True)
class Quality:
    by_officer: list[Agreement]
    by_outcome: list[Agreement]
    """Approved, and rejected for each reason."""


def is_sampled(decision_id: int, percent: int) -> bool:
    """Whether a decision is in the sample: always the same for one decision, and not predictable from its id."""
    return int(sha256(f"blind check {decision_id}".encode()).hexdigest(), 16) % 100 < percent


def sample(decision: Decision, document: Document) -> None:
    """Create a blind check of a decision, where it is in the sample."""
    share = QualityShare.objects.first()
    if share is not None and is_sampled(decision.pk, share.percent):
        BlindCheck.objects.create(
            decision=decision,
            document=document,
            officer=decision.actor,
            decided=document.status,
            decided_reason=document.reason,
        )


@transaction.atomic
def set_share(actor: User, *, percent: int, version: int | None = None) -> QualityShare:
    """Set the share of future decisions, in percent, that a second officer reviews blind."""
    begin_setting(actor, CHANGES_SHARE)
    if not 0 <= percent <= 100:
        raise Invalid("range", _("Enter a whole number from 0 to 100."), field="percent")
    share = QualityShare.objects.first() or QualityShare()
    return keep_setting(actor, share, version=version, action=Action.QUALITY_SHARE_SET, percent=percent)


def open_checks(viewer: User) -> QuerySet[BlindCheck]:
    """The open blind checks for `viewer`: of documents that they may decide, without conflicts of interest."""
    mine = granted(viewer, Document, "review").values("pk")
    checks = BlindCheck.objects.filter(checked_at__isnull=True, decision__undone_at__isnull=True, document__in=mine)
    return without_conflicts(viewer, checks).order_by("id")


@transaction.atomic
def decide_blind(viewer: User, check_id: int, *, verdict: str, reason: str = "") -> BlindCheck:
    """Save a blind second verdict. The document is unchanged, and no notification is sent.

    Raises `Conflict` where it is checked already, and what `conflict_of` returns for a conflict of interest.
    """
    rows = BlindCheck.objects.select_for_update(of=("self",)).select_related("document")
    check = rows.filter(pk=check_id).first()
    if check is None:
        raise Absent("not-found", _("There is no such check."))
    require(viewer, "users.review_document", check.document)
    if (conflict := conflict_of(viewer, check)) is not None:
        raise conflict
    if check.checked_at is not None:
        raise Conflict("already-checked", _("This blind review is already done. Choose the next one."))
    if verdict not in (Document.Status.APPROVED, Document.Status.REJECTED):
        raise Invalid("invalid", _("Approve or reject it."), field="verdict")
    rejects = verdict == Document.Status.REJECTED
    if (reason not in Reason.values) if rejects else reason:
        raise Invalid("invalid", _("Choose why you would reject it."), field="reason")
    check.verdict, check.reason = verdict, reason
    check.checked_by, check.checked_at = viewer, timezone.now()
    check.save(update_fields=["verdict", "reason", "checked_by", "checked_at"])
    alert_if_same_person(check.officer, viewer, check.document, since=check.decision.made_at)
    return check


def quality(viewer: User) -> Quality:
    """The agreement of the last 90 days: of all officers with the permission, else of the viewer's own decisions."""
    checks = BlindCheck.objects.filter(
        checked_at__gte=timezone.now() - MEASURED_FOR, decision__undone_at__isnull=True
    ).select_related("officer")
    if not may(viewer, "users.review_document"):
        checks = checks.filter(document__in=granted(viewer, Document, "review").values("pk"))
    if not may(viewer, "users.view_quality"):
        checks = checks.filter(officer=viewer)
    found = list(checks.order_by("-checked_at")[:10_000])
    return Quality(_grouped(found, lambda check: check.officer.username), _grouped(found, _outcome))


def _outcome(check: BlindCheck) -> str:
    return str(check.get_decided_reason_display() or check.get_decided_display())


def _grouped(checks: list[BlindCheck], name: Callable[[BlindCheck], str]) -> list[Agreement]:
    total = Counter(map(name, checks))
    agreed = Counter(name(check) for check in checks if check.verdict == check.decided)
    reasoned = [check for check in checks if check.decided_reason]
    rejected = Counter(map(name, reasoned))
    same = Counter(name(check) for check in reasoned if check.reason == check.decided_reason)
    return [Agreement(each, count, agreed[each], rejected[each], same[each]) for each, count in sorted(total.items())]
