"""Items of queues, each claimed by one officer at a time, notes about them, and notices to colleagues."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.review.conflicts import ConflictOfInterest
from apps.tallies.queues import ByQueue

if TYPE_CHECKING:
    from apps.users.models import User

CLAIM_LASTS = timedelta(minutes=15)


class ReviewItem(models.Model):
    """An item of a queue, which one officer claims and decides."""

    WORK_PERMISSION: ClassVar[str]
    """The permission that working on it needs."""
    OPEN: ClassVar[Q]
    """What an item still to be decided is, for queries."""
    DECIDED_AT: ClassVar[str]
    """The field that says when it was decided; null until then."""
    DECIDED_BY: ClassVar[str]
    """The field that says by whom."""
    TALLIES: ClassVar[ByQueue]
    """Its items, counted by triggers."""
    CONFLICTS: ClassVar[tuple[ConflictOfInterest, ...]] = ()
    """The conflicts of interest: whom an item is kept from, whatever they are granted."""

    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("claimed by"),
    )
    claimed_until = models.DateTimeField(_("claimed until"), null=True, blank=True, editable=False)
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("assigned to"),
    )
    snoozed_until = models.DateTimeField(_("snoozed until"), null=True, blank=True, editable=False)
    escalated_at = models.DateTimeField(_("escalated"), null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    """Goes up with each decision; one that was made on an older version is refused."""

    WORK_FIELDS = ("claimed_by", "claimed_until", "assigned_to", "snoozed_until")
    """What history leaves out: it comes and goes with the work."""

    class Meta:
        abstract = True

    @property
    def is_open(self) -> bool:
        """Whether it is still to be decided."""
        return getattr(self, self.DECIDED_AT) is None

    @property
    def decided_as(self) -> str:
        """The decision in a word or two: the label of its status, unless the model overrides it."""
        item: Any = self  # each model has its own `status`
        return str(item.get_status_display())

    def claim_holder(self, now: datetime | None = None) -> User | None:
        """The officer whose claim has not expired; None where it is free."""
        is_claimed = self.claimed_until is not None and self.claimed_until > (now or timezone.now())
        return self.claimed_by if is_claimed else None

    def claim(self, by: User) -> None:
        """Claim it for `by`, or renew their claim."""
        self.claimed_by, self.claimed_until = by, timezone.now() + CLAIM_LASTS

    def release(self) -> None:
        self.claimed_by = self.claimed_until = None


class Note(models.Model):
    """An internal note about an item or a user, for staff alone."""

    target_type = models.CharField(max_length=64)
    target_id = models.BigIntegerField()
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("author")
    )
    text = models.TextField(_("note"), max_length=2000)
    created_at = models.DateTimeField(_("when"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        default_permissions = ()
        indexes = [models.Index(fields=["target_type", "target_id", "-id"], name="note_of_target")]

    def __str__(self) -> str:
        return self.text[:60]


class Notice(models.Model):
    """Notifies one member of staff that an item needs them."""

    class Kind(models.TextChoices):
        ASSIGNED = "assigned", _("assigned to you")
        ESCALATED = "escalated", _("escalated to you")
        MENTIONED = "mentioned", _("mentions you")

    staff = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    target_type = models.CharField(max_length=64)
    target_id = models.BigIntegerField()
    text = models.TextField(_("text"), max_length=500, blank=True)
    """The reason given, or the note; for staff alone."""
    created_at = models.DateTimeField(_("when"), default=timezone.now, editable=False)
    read_at = models.DateTimeField(_("read"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("staff notice")
        verbose_name_plural = _("staff notices")
        default_permissions = ()
        indexes = [
            models.Index(fields=["staff", "-id"], name="notice_of_staff"),
            models.Index(fields=["staff"], name="notice_unread", condition=Q(read_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.target_type} {self.target_id}"
