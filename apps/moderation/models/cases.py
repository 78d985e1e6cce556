"""Cases: all reports about the same content, decided together."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.history import History
from apps.moderation.actions.registry import label_of
from apps.moderation.models.reports import Report
from apps.review.conflicts import ConflictOfInterest
from apps.review.models import ReviewItem
from apps.tallies.queues import ByQueue
from apps.visibility.slots import VIEWER, Slot
from apps.visibility.statement import Statement

if TYPE_CHECKING:
    from apps.users.models import User


class CaseQuerySet(models.QuerySet["Case"]):
    def open(self) -> CaseQuerySet:
        return self.filter(status=Case.Status.OPEN)


@cache
def _own_reports() -> Statement:
    """The open reports of one user in one case."""
    own = Report.objects.open().filter(case=Slot("case", models.BigIntegerField()), reporter=VIEWER)
    return Statement(own.values_list("pk", flat=True))


COUNTED = ByQueue(
    "cases",
    "moderation_case",
    open_rows="status = 'open'",
    arrived="opened_at",
    decided="closed_at",
    decider="closed_by_id",
)


class Case(ReviewItem):
    """All reports about the same content until it is resolved. A later report opens the next one."""

    WORK_PERMISSION = "moderation.settle_report"
    OPEN = Q(status="open")
    DECIDED_AT, DECIDED_BY = "closed_at", "closed_by"
    TALLIES = COUNTED
    CONFLICTS = (
        ConflictOfInterest(
            "own-report",
            _("This report concerns you. A colleague has to decide it."),
            applies=lambda case, user: (
                case.author_id == user.pk or bool(_own_reports().rows({"case": case.pk, "viewer": user.pk}))
            ),
            rows=lambda user: (
                Q(author=user.pk)
                | Q(pk__in=Report.objects.open().filter(reporter=user.pk, case__isnull=False).values("case"))
            ),
        ),
    )

    Kind, Status, Outcome = Report.Kind, Report.Status, Report.Outcome

    kind = models.CharField(_("kind"), max_length=16, choices=Report.Kind)
    target_id = models.BigIntegerField(_("object ID"))
    author = models.ForeignKey(
        "users.User", on_delete=models.PROTECT, related_name="cases", verbose_name=_("reported user")
    )
    status = models.CharField(
        _("status"), max_length=16, choices=Report.Status, default=Report.Status.OPEN, editable=False
    )
    outcomes = ArrayField(
        models.CharField(max_length=16, choices=Report.Outcome), verbose_name=_("outcomes"), default=list, blank=True
    )
    priority_score = models.PositiveIntegerField(_("priority"), default=0, editable=False, db_column="weight")
    """The sum of `priority.score_parts`: the queue is ordered by it."""
    opened_at = models.DateTimeField(_("opened"), default=timezone.now, editable=False)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True, editable=False)
    closed_by = models.ForeignKey(
        "users.User",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("closed by"),
    )

    history = History(excluded_fields=[*ReviewItem.WORK_FIELDS, "priority_score"], person="author_id")
    objects = CaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("case")
        verbose_name_plural = _("cases")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "target_id"], condition=Q(status="open"), name="case_one_open_a_target"
            ),
            models.CheckConstraint(
                condition=Q(status="open", outcomes=[], closed_at__isnull=True, closed_by__isnull=True)
                | Q(status="closed", outcomes__len__gt=0, closed_at__isnull=False),
                name="case_closed_with_outcomes",
            ),
            models.CheckConstraint(
                condition=Q(closed_by__isnull=True) | ~Q(closed_by=F("author")), name="case_not_ones_own"
            ),
        ]
        triggers = COUNTED.tallied.triggers()
        indexes = [
            models.Index(fields=["-priority_score", "opened_at", "id"], condition=Q(status="open"), name="case_queue"),
            models.Index(fields=["opened_at"], condition=Q(status="open"), name="case_oldest"),
            # Few of many that are open.
            models.Index(
                fields=["-priority_score", "opened_at", "id"],
                condition=Q(status="open", escalated_at__isnull=False),
                name="case_escalated",
            ),
            models.Index(
                fields=["-priority_score", "opened_at", "id"],
                condition=Q(status="open", snoozed_until__isnull=False),
                name="case_snoozed",
            ),
            models.Index(fields=["kind", "target_id", "-id"], name="case_of_target"),
            models.Index(fields=["-closed_at"], name="case_latest_closed"),
            models.Index(fields=["-opened_at"], name="case_latest_opened"),
        ]

    def __str__(self) -> str:
        return _("Case %(id)s") % {"id": self.pk}

    @property
    def decided_as(self) -> str:
        return label_of(self.outcomes)

    def resolve(self, outcomes: list[str], by: User) -> None:
        """Close the case with `outcomes`, and end the claim on it."""
        self.status, self.outcomes = self.Status.CLOSED, outcomes
        self.closed_by, self.closed_at = by, timezone.now()
        self.version += 1
        self.release()

    def reopen(self) -> None:
        self.status, self.outcomes = self.Status.OPEN, []
        self.closed_by = self.closed_at = None
        self.version += 1
