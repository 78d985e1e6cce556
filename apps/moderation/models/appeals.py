"""Appeals of authors against decisions about cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.history import History
from apps.moderation import overturning
from apps.moderation.models.cases import Case
from apps.review.conflicts import ConflictOfInterest
from apps.review.decisions.models import UNDO_WINDOW
from apps.review.models import ReviewItem
from apps.tallies.queues import ByQueue

if TYPE_CHECKING:
    from apps.users.models import User


class AppealQuerySet(models.QuerySet["Appeal"]):
    def open(self) -> AppealQuerySet:
        return self.filter(status=Appeal.Status.OPEN)


COUNTED = ByQueue(
    "appeals",
    "moderation_appeal",
    open_rows="status = 'open'",
    arrived="created_at",
    decided="ruled_at",
    decider="ruled_by_id",
)


class Appeal(ReviewItem):
    """An objection of an author against a decision. An officer other than the decider rules on it."""

    WORK_PERMISSION = "moderation.settle_report"
    OPEN = Q(status="open")
    DECIDED_AT, DECIDED_BY = "ruled_at", "ruled_by"
    TALLIES = COUNTED
    CONFLICTS = (
        ConflictOfInterest(
            "own-decision",
            _("You decided this case. A colleague has to decide the appeal."),
            applies=lambda appeal, user: user.pk in (appeal.decider_id, appeal.author_id),
            rows=lambda user: Q(decider=user.pk) | Q(author=user.pk),
        ),
        ConflictOfInterest(
            "cannot-overturn",
            lambda appeal, user: overturning.why_not(user, appeal),
            applies=lambda appeal, user: not overturning.can_overturn(user, appeal),
            rows=overturning.out_of_reach,
        ),
    )

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        UPHELD = "upheld", _("Decision upheld")
        OVERTURNED = "overturned", _("Decision overturned")

    decision = models.OneToOneField(
        "decisions.Decision", on_delete=models.PROTECT, related_name="appeal", verbose_name=_("decision")
    )
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="appeals", verbose_name=_("case"))
    author = models.ForeignKey("users.User", on_delete=models.PROTECT, related_name="appeals", verbose_name=_("author"))
    decider = models.ForeignKey(
        "users.User", on_delete=models.PROTECT, editable=False, related_name="+", verbose_name=_("decided by")
    )
    """The actor of the decision, copied so that a constraint can refuse them as `ruled_by`."""
    text = models.TextField(_("what the author says"), max_length=2000)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.OPEN, editable=False)
    created_at = models.DateTimeField(_("made"), default=timezone.now, editable=False)
    ruling = models.TextField(_("ruling"), blank=True, max_length=1000)
    """The text that the author reads."""
    ruled_at = models.DateTimeField(_("ruled"), null=True, blank=True, editable=False)
    ruled_by = models.ForeignKey(
        "users.User",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("ruled by"),
    )

    history = History(excluded_fields=list(ReviewItem.WORK_FIELDS), person="author_id", personal=["text", "ruling"])
    objects = AppealQuerySet.as_manager()

    class Meta:
        verbose_name = _("appeal")
        verbose_name_plural = _("appeals")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(ruled_by__isnull=True) | ~Q(ruled_by=F("decider")) & ~Q(ruled_by=F("author")),
                name="appeal_ruled_by_another",
            ),
            models.CheckConstraint(
                condition=Q(status="open", ruled_by__isnull=True, ruled_at__isnull=True, ruling="")
                | Q(status__in=["upheld", "overturned"], ruled_by__isnull=False, ruled_at__isnull=False)
                & ~Q(ruling=""),
                name="appeal_ruled_with_a_text",
            ),
            models.CheckConstraint(condition=~Q(text=""), name="appeal_says_something"),
        ]
        triggers = COUNTED.tallied.triggers()
        indexes = [
            models.Index(fields=["created_at", "id"], condition=Q(status="open"), name="appeal_queue"),
            models.Index(fields=["author", "-created_at"], name="appeal_of_author"),
            models.Index(fields=["-ruled_at", "-id"], condition=Q(ruled_at__isnull=False), name="appeal_latest_ruled"),
        ]

    def __str__(self) -> str:
        return _("Appeal %(id)s") % {"id": self.pk}

    @property
    def is_notified(self) -> bool:
        """Whether the author may know of the ruling: its undo window is over."""
        return self.ruled_at is not None and self.ruled_at <= timezone.now() - UNDO_WINDOW

    def rule(self, status: str, by: User, ruling: str) -> None:
        self.status, self.ruling = status, ruling
        self.ruled_by, self.ruled_at = by, timezone.now()
        self.version += 1
        self.release()

    def reopen(self) -> None:
        self.status, self.ruling = self.Status.OPEN, ""
        self.ruled_by = self.ruled_at = None
        self.version += 1
