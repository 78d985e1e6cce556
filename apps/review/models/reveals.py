"""Masked fields that were shown to one member of staff, and who may see more of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from apps.users.models import User

REVEAL_LASTS = timedelta(minutes=10)


class RevealQuerySet(models.QuerySet["Reveal"]):
    def open_to(self, user: User) -> RevealQuerySet:
        return self.filter(staff=user, until__gt=timezone.now())

    def of(self, model: type[models.Model], field: str, ids: Iterable[int]) -> set[int]:
        """The ids of those of these rows whose `field` is shown."""
        found = self.filter(target_type=model._meta.label_lower, target_id__in=list(ids), field=field)
        return set(found.values_list("target_id", flat=True))


class Reveal(models.Model):
    """One masked field of one row, shown to one member of staff for a while, with a reason."""

    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("staff")
    )
    target_type = models.CharField(max_length=64)
    target_id = models.BigIntegerField()
    field = models.CharField(_("field"), max_length=48)
    subject = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("user concerned")
    )
    """The user whose data it is, who is notified of it."""
    reason = models.TextField(_("reason"), max_length=500)
    created_at = models.DateTimeField(_("when"), default=timezone.now, editable=False)
    until = models.DateTimeField(_("until"))
    counts = models.BooleanField(default=True, db_default=True)
    """Towards the ration of a day: of what one action reveals together, one does."""

    objects = RevealQuerySet.as_manager()

    class Meta:
        verbose_name = _("reveal")
        verbose_name_plural = _("reveals")
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["staff", "target_type", "target_id", "until"], name="reveal_open"),
            models.Index(fields=["subject", "-created_at"], name="reveal_of_person"),
            models.Index(fields=["staff", "-created_at"], name="reveal_by_staff"),
        ]

    def __str__(self) -> str:
        return f"{self.target_type} {self.target_id} {self.field}"


class RevealAllowance(models.Model):
    """A colleague's permission for one member of staff to reveal as much again within a day."""

    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("staff")
    )
    allowed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("allowed by")
    )
    reason = models.TextField(_("reason"), max_length=500)
    created_at = models.DateTimeField(_("when"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("allowance of reveals")
        verbose_name_plural = _("allowances of reveals")
        default_permissions = ()
        permissions = [("allow_reveals", _("Can allow more reveals"))]
        indexes = [models.Index(fields=["staff", "-created_at"], name="reveal_allowance_of_staff")]
        constraints = [
            models.CheckConstraint(condition=~Q(staff=models.F("allowed_by")), name="reveal_allowance_by_another")
        ]

    def __str__(self) -> str:
        return str(self.staff)
