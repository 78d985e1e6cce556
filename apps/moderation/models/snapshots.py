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
from apps.review.decisions.models import HOLD


class ExhibitQuerySet(models.QuerySet["Exhibit"]):
    def not_needed(self) -> ExhibitQuerySet:
        """Those of cases that are over: closed, told, neither appealed nor to be appealed any more."""
        now = timezone.now()
        return self.filter(
            ~Exists(Appeal.objects.open().filter(case=OuterRef("case"))),
            ~Exists(Strike.objects.appealable().filter(case=OuterRef("case"))),
            case__status=Report.Status.CLOSED,
            case__closed_at__lte=now - HOLD,
        )


class Exhibit(models.Model):
    """The words of a thing as they stood when somebody reported it, whatever became of them since."""

    case = models.ForeignKey(
        Case, on_delete=models.CASCADE, related_name="exhibits", db_index=False, verbose_name=_("case")
    )
    words = models.JSONField(_("words"))
    """By the names of the fields, as `targets.words_of` tells them."""
    taken_at = models.DateTimeField(_("taken"), default=timezone.now, editable=False)

    objects = ExhibitQuerySet.as_manager()

    class Meta:
        verbose_name = _("exhibit")
        verbose_name_plural = _("exhibits")
        default_permissions = ()
        indexes = [models.Index(fields=["case", "-id"], name="exhibit_of_case")]

    def __str__(self) -> str:
        return _("Exhibit %(id)s") % {"id": self.pk}
