"""Copies of a user's data, for that user."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

KEPT_FOR = timedelta(days=7)
"""How long the file of a copy can be fetched."""


class DataExport(models.Model):
    """A copy of all data of one user, which the worker makes and the user fetches."""

    class Status(models.TextChoices):
        PREPARING = "preparing", _("Preparing")
        READY = "ready", _("Ready")
        EXPIRED = "expired", _("Expired")

    key = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    person = models.ForeignKey("users.User", on_delete=models.CASCADE, related_name="data_exports")
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.PREPARING)
    file = models.CharField(max_length=100, blank=True)
    """Its name in storage, which cannot be guessed; from before it is written on."""
    size = models.PositiveBigIntegerField(_("size in bytes"), null=True)
    created_at = models.DateTimeField(_("requested"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"), null=True)

    class Meta:
        verbose_name = _("copy of one's data")
        verbose_name_plural = _("copies of one's data")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["person"], condition=models.Q(status="preparing"), name="data_export_one_at_a_time"
            ),
        ]
        indexes = [
            models.Index(fields=["person", "-created_at"], name="data_export_of_person"),
            models.Index(fields=["expires_at"], condition=models.Q(status="ready"), name="data_export_by_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} {self.key}"

    def offer(self, size: int) -> None:
        """It can be fetched from now on."""
        self.status, self.size = self.Status.READY, size
        self.expires_at = timezone.now() + KEPT_FOR

    def expire(self) -> None:
        self.status, self.file = self.Status.EXPIRED, ""
