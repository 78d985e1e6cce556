"""Erasures: the end of all personal data of one user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.history import History
from apps.errors import Conflict

if TYPE_CHECKING:
    from apps.users.models import User


class ErasureQuerySet(models.QuerySet["Erasure"]):
    def scheduled(self) -> ErasureQuerySet:
        return self.filter(status=Erasure.Status.SCHEDULED)

    def due(self) -> ErasureQuerySet:
        return self.scheduled().filter(due_at__lte=timezone.now())


class Erasure(models.Model):
    """An order to erase one user, carried out once its waiting time is over."""

    class Status(models.TextChoices):
        SCHEDULED = "scheduled", _("Scheduled")
        CANCELLED = "cancelled", _("Cancelled")
        DONE = "done", _("Erased")

    reference = models.UUIDField(_("reference"), default=uuid4, unique=True, editable=False)
    """By which certificate and ledger name it."""
    person = models.ForeignKey("users.User", on_delete=models.PROTECT, related_name="erasures", verbose_name=_("user"))
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.SCHEDULED, editable=False)
    requested_by = models.ForeignKey(
        "users.User", on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("requested by")
    )
    """The user, or who of staff asked for it; None where a restored database is brought up to date."""
    requested_at = models.DateTimeField(_("requested"), default=timezone.now, editable=False)
    reason = models.TextField(_("reason"), blank=True, max_length=1000)
    """Of staff."""
    due_at = models.DateTimeField(_("due"))
    waits_for = models.TextField(_("waits for"), blank=True, max_length=1000, editable=False)
    """Why the last attempt carried nothing out."""
    ended_at = models.DateTimeField(_("ended"), null=True, editable=False)
    """When it was carried out or cancelled."""
    cancelled_by = models.ForeignKey(
        "users.User", on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("cancelled by")
    )
    counts = models.JSONField(_("erased"), default=dict, editable=False)
    """How many rows by model, and how many files."""

    history = History(excluded_fields=["waits_for"], person="person_id", personal=["reason"])
    objects = ErasureQuerySet.as_manager()

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        default_permissions = ("view", "add")
        permissions = [("cancel_erasure", _("Can cancel erasure"))]
        constraints = [
            models.UniqueConstraint(fields=["person"], condition=Q(status="scheduled"), name="erasure_one_scheduled"),
            models.CheckConstraint(
                condition=Q(status="scheduled", ended_at__isnull=True)
                | Q(status__in=["cancelled", "done"], ended_at__isnull=False),
                name="erasure_ended_once_over",
            ),
        ]
        indexes = [
            models.Index(fields=["-requested_at", "-id"], name="erasure_newest"),
            models.Index(fields=["due_at"], condition=Q(status="scheduled"), name="erasure_due"),
            models.Index(fields=["person", "-id"], name="erasure_of_person"),
        ]

    def __str__(self) -> str:
        return _("Erasure %(id)s") % {"id": self.pk}

    def cancel(self, by: User | None) -> None:
        self._end(self.Status.CANCELLED)
        self.cancelled_by = by

    def complete(self, counts: dict[str, Any]) -> None:
        self._end(self.Status.DONE)
        self.counts, self.waits_for, self.reason = counts, "", ""

    def _end(self, status: str) -> None:
        if self.status != self.Status.SCHEDULED:
            raise Conflict("erasure-over", _("This erasure is %s already.") % self.get_status_display().lower())
        self.status, self.ended_at = status, timezone.now()
