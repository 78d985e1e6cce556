"""Removal by staff: a state with its decision, undone by restoring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.errors import Conflict

if TYPE_CHECKING:
    from apps.users.models import User


class Removable(models.Model):
    """Content that staff can remove and restore. Hidden from all end users while it is removed."""

    removed_at = models.DateTimeField(_("removed at"), null=True, blank=True, editable=False)
    removed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("removed by"),
    )
    removal_reason = models.TextField(_("removal reason"), blank=True, editable=False, max_length=1000)

    class Meta:
        abstract = True

    def remove(self, by: User, reason: str = "") -> None:
        if self.removed_at is not None:
            raise Conflict("already-removed", _("This has been removed already."))
        self.removed_at, self.removed_by, self.removal_reason = timezone.now(), by, reason

    def restore(self) -> None:
        if self.removed_at is None:
            raise Conflict("not-removed", _("This is not removed."))
        self.removed_at, self.removed_by, self.removal_reason = None, None, ""


class RemovableQuerySet[M: models.Model](models.QuerySet[M]):
    def kept(self) -> Any:
        """Rows that staff have not removed."""
        return self.filter(removed_at__isnull=True)
