"""The retention schedule."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.audit.history import History


class Kept(models.TextChoices):
    """What is kept for a time of its own. Codes are stored: they never change."""

    IDENTITY_APPROVED = "identity.approved", _("Identity documents, approved")
    IDENTITY_REJECTED = "identity.rejected", _("Identity documents, rejected")
    BUSINESS_APPROVED = "business.approved", _("Business documents, approved")
    BUSINESS_REJECTED = "business.rejected", _("Business documents, rejected")
    STORY = "story", _("Stories, after they expired")
    MESSAGE = "message", _("Messages")
    MESSAGE_REMOVED = "message.removed", _("Messages, removed by staff")
    SESSION = "session", _("Sessions, after they ended")
    AUDIT = "audit", _("Audit log entries")


DEFAULT_DAYS: dict[str, int | None] = {
    Kept.IDENTITY_APPROVED: 180,
    Kept.IDENTITY_REJECTED: 90,
    Kept.BUSINESS_APPROVED: 365,
    Kept.BUSINESS_REJECTED: 90,
    Kept.STORY: 90,
    Kept.MESSAGE: None,
    Kept.MESSAGE_REMOVED: 365,
    Kept.SESSION: 90,
    Kept.AUDIT: 1825,
}
"""The days until staff set others; None is as long as the account, and of the audit log for good."""


class RetentionPeriod(models.Model):
    """For how many days one kind of data is kept. Kinds without a row are kept as `DEFAULT_DAYS` says."""

    kind = models.CharField(_("kind"), max_length=32, choices=Kept, unique=True)
    days = models.PositiveIntegerField(_("days"), null=True)
    """None: as long as the account."""

    history = History(index_name="retention")

    class Meta:
        verbose_name = _("retention period")
        verbose_name_plural = _("retention periods")
        default_permissions = ("view", "change")
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=Kept.values), name="retention_kind_known"),
            models.CheckConstraint(condition=Q(days__isnull=True) | Q(days__gte=1), name="retention_of_a_day"),
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())
