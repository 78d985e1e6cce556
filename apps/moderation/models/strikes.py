"""Strikes that decisions about cases give to authors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.history import History
from apps.moderation.models.cases import Case
from apps.moderation.models.reports import Report
from apps.review.decisions.models import UNDO_WINDOW

APPEAL_WITHIN = timedelta(days=20)


def known_to_author() -> Q:
    """Rows with a `decision` of which the author has been notified, or which is older than the undo window."""
    in_force = Q(decision__undone_at__isnull=True, decision__made_at__lte=timezone.now() - UNDO_WINDOW)
    return Q(decision__told_at__isnull=False) | in_force


class StrikeQuerySet(models.QuerySet["Strike"]):
    def in_force(self, now: Any = None) -> StrikeQuerySet:
        """Neither lifted nor expired. `now` stands for the time in a statement that is prepared."""
        return self.filter(lifted_at__isnull=True, expires_at__gt=now or timezone.now())

    def appealable(self) -> StrikeQuerySet:
        """Those whose decision is in force, has not been appealed, and still may be."""
        return self.filter(
            decision__made_at__gt=timezone.now() - APPEAL_WITHIN,
            decision__undone_at__isnull=True,
            decision__appeal__isnull=True,
        )


class Strike(models.Model):
    """A broken rule, found by one decision. Its points count until it expires; it does nothing by itself."""

    person = models.ForeignKey("users.User", on_delete=models.PROTECT, related_name="strikes", verbose_name=_("person"))
    decision = models.OneToOneField(
        "decisions.Decision", on_delete=models.CASCADE, related_name="strike", verbose_name=_("decision")
    )
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="strikes", verbose_name=_("case"))
    outcomes = ArrayField(models.CharField(max_length=16, choices=Report.Outcome), verbose_name=_("outcomes"))
    points = models.PositiveSmallIntegerField(_("points"), db_column="weight")
    given_at = models.DateTimeField(_("given"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"))
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True, editable=False)

    history = History(person="person_id")
    objects = StrikeQuerySet.as_manager()

    class Meta:
        verbose_name = _("strike")
        verbose_name_plural = _("strikes")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(points__gte=1), name="strike_weighs_something"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("given_at")), name="strike_expires_later"),
        ]
        indexes = [models.Index(fields=["person", "-given_at"], name="strike_of_person")]

    def __str__(self) -> str:
        return _("Strike %(id)s") % {"id": self.pk}
