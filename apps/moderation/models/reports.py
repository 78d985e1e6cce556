"""Reports of content and users, by users."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from apps.access import TimeBoxed
from apps.audit.history import History
from apps.errors import Conflict

if TYPE_CHECKING:
    from apps.users.models import User


class ReportQuerySet(models.QuerySet["Report"]):
    def open(self) -> ReportQuerySet:
        return self.filter(status=Report.Status.OPEN)

    def newest_first(self) -> ReportQuerySet:
        return self.order_by("-created_at", "-id")


class Report(models.Model):
    """A report of a story, an event, a message or a user by another user."""

    class Kind(models.TextChoices):
        STORY = "story", _("Story")
        EVENT = "event", _("Event")
        MESSAGE = "message", _("Message")
        USER = "user", _("User")

    class Reason(models.TextChoices):
        SPAM = "spam", _("Spam")
        HARASSMENT = "harassment", _("Harassment")
        NUDITY = "nudity", _("Nudity")
        VIOLENCE = "violence", _("Violence")
        FRAUD = "fraud", _("Fraud")
        OTHER = "other", _("Other")

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        CLOSED = "closed", _("Closed")

    class Outcome(models.TextChoices):
        KEPT = "kept", _("Kept")
        REMOVED = "removed", _("Removed")
        EDITED = "edited", _("Edited")
        WARNED = "warned", _("Author warned")
        SUSPENDED = "suspended", _("Author suspended")

    reporter = models.ForeignKey(
        "users.User", on_delete=models.PROTECT, related_name="reports_made", verbose_name=_("reporter")
    )
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    target_id = models.BigIntegerField(_("object ID"))
    author = models.ForeignKey(
        "users.User", on_delete=models.PROTECT, related_name="reports_received", verbose_name=_("reported user")
    )
    """The author of the content, or the reported user."""
    reason = models.CharField(_("reason"), max_length=16, choices=Reason)
    note = models.TextField(_("note"), blank=True, max_length=2000)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.OPEN, editable=False)
    outcome = models.CharField(_("outcome"), max_length=16, choices=Outcome, null=True, blank=True)
    created_at = models.DateTimeField(_("reported"), default=timezone.now, editable=False)
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
    case = models.ForeignKey(
        "Case",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        editable=False,
        db_index=False,  # report_of_case, created concurrently
        related_name="reports",
        verbose_name=_("case"),
    )
    """Empty only for reports of an earlier release; resolving such a report opens its case."""

    history = History(person="author_id", personal_of={"note": "reporter_id"})
    objects = ReportQuerySet.as_manager()

    class Meta:
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        constraints = [
            models.UniqueConstraint(
                fields=["reporter", "kind", "target_id"], condition=Q(status="open"), name="report_once_while_open"
            ),
            models.CheckConstraint(condition=~Q(reporter=F("author")), name="report_not_oneself"),
            models.CheckConstraint(
                condition=Q(status="open", outcome__isnull=True, closed_at__isnull=True)
                | Q(status="closed", outcome__isnull=False, closed_at__isnull=False),
                name="report_closed_with_outcome",
            ),
            models.CheckConstraint(condition=~Q(reason="other") | ~Q(note=""), name="report_other_says_what"),
        ]
        indexes = [
            models.Index(fields=["status", "-created_at", "-id"], name="report_queue"),
            models.Index(fields=["kind", "target_id"], name="report_of_target"),
            models.Index(fields=["reporter", "-created_at"], name="report_of_reporter"),
            models.Index(fields=["-created_at", "-id"], name="report_newest"),
            models.Index(fields=["case", "-id"], name="report_of_case"),
        ]
        permissions = [
            ("settle_report", _("Can settle report")),
            ("export_report", _("Can export reports")),
        ]

    def __str__(self) -> str:
        return _("Report %(id)s") % {"id": self.pk}

    def resolve(self, outcome: str, by: User, at: datetime | None = None) -> None:
        """Close the open report with `outcome`. Raises `Conflict` where it is closed already."""
        if self.status != self.Status.OPEN:
            raise Conflict("already-decided", _("This report has already been closed."))
        self.status, self.outcome = self.Status.CLOSED, outcome
        self.closed_by, self.closed_at = by, at or timezone.now()

    def reopen(self) -> None:
        self.status, self.outcome = self.Status.OPEN, None
        self.closed_by = self.closed_at = None


class ReportUserObjectPermission(UserObjectPermissionBase, TimeBoxed):
    content_object = models.ForeignKey(Report, on_delete=models.CASCADE)


class ReportGroupObjectPermission(GroupObjectPermissionBase, TimeBoxed):
    content_object = models.ForeignKey(Report, on_delete=models.CASCADE)
