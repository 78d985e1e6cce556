"""Snapshots of reported content, kept as evidence."""

from __future__ import annotations

from django.db import models
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.moderation.models.appeals import Appeal
from apps.moderation.models.cases import Case
from apps.moderation.models.reports import Report
from apps.moderation.models.strikes import Strike
from apps.review.decisions.models import UNDO_WINDOW


class ContentSnapshotQuerySet(models.QuerySet["ContentSnapshot"]):
    def not_needed(self) -> ContentSnapshotQuerySet:
        """Those of closed cases whose undo window is over, without an open appeal and too late for one."""
        return self.filter(
            ~Exists(Appeal.objects.open().filter(case=OuterRef("case"))),
            ~Exists(Strike.objects.appealable().filter(case=OuterRef("case"))),
            case__status=Report.Status.CLOSED,
            case__closed_at__lte=timezone.now() - UNDO_WINDOW,
        )


class ContentSnapshot(models.Model):
    """The text of content as it was when it was reported, whatever its author changed since."""

    case = models.ForeignKey(
        Case, on_delete=models.CASCADE, related_name="snapshots", db_index=False, verbose_name=_("case")
    )
    text = models.JSONField(_("text"), db_column="words")
    """By the names of the fields, as `ReportableContent.snapshot` returns it."""
    taken_at = models.DateTimeField(_("taken"), default=timezone.now, editable=False)

    objects = ContentSnapshotQuerySet.as_manager()

    class Meta:
        db_table = "moderation_exhibit"
        verbose_name = _("content snapshot")
        verbose_name_plural = _("content snapshots")
        default_permissions = ()
        indexes = [models.Index(fields=["case", "-id"], name="exhibit_of_case")]

    def __str__(self) -> str:
        return _("Content snapshot %(id)s") % {"id": self.pk}
