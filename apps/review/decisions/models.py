from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.errors import Conflict

if TYPE_CHECKING:
    from apps.users.models import User

UNDO_WINDOW = timedelta(seconds=10)
"""How long messages about a decision wait, so that undoing it in time leaves no trace outside."""


class DecisionQuerySet(models.QuerySet["Decision"]):
    def about(self, target: models.Model) -> DecisionQuerySet:
        return self.filter(target_type=target._meta.label_lower, target_id=target.pk)

    def in_force(self) -> DecisionQuerySet:
        """Decisions that have not been undone."""
        return self.filter(undone_at__isnull=True)


class Decision(models.Model):
    """What an officer decided about one target, with all that is needed to undo it."""

    batch = models.UUIDField(_("batch"), default=uuid4, db_index=True, editable=False)
    """Shared by what was decided in one gesture."""
    verb = models.CharField(_("decision"), max_length=48)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("who")
    )
    target_type = models.CharField(_("object type"), max_length=64)
    target_id = models.BigIntegerField(_("object"))
    subject = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("user concerned"),
    )
    reason = models.CharField(_("reason"), max_length=48, blank=True)
    text = models.TextField(_("text to the person"), blank=True, max_length=2000)
    before = models.JSONField(default=dict)
    """The fields it changed, as they were, by name."""
    after = models.JSONField(default=dict)
    """The same fields as it left them; undoing refuses where they differ by then."""
    overrides = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="overridden_by")
    """The earlier decision that this one replaces."""
    made_at = models.DateTimeField(_("when"), default=timezone.now)
    told_at = models.DateTimeField(_("notified"), null=True)
    """When the messages about it left; never, for one that was undone in time."""
    undone_at = models.DateTimeField(_("undone"), null=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("undone by")
    )
    undo_reason = models.TextField(_("why undone"), blank=True, max_length=1000)

    objects = DecisionQuerySet.as_manager()

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["target_type", "target_id", "-id"], name="decision_of_target"),
            models.Index(fields=["actor", "-made_at"], name="decision_of_actor"),
            models.Index(fields=["subject", "-made_at"], name="decision_about_person"),
            models.Index(fields=["verb", "-made_at"], name="decision_by_verb"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(undone_at__isnull=True, undone_by__isnull=True)
                | Q(undone_at__isnull=False, undone_by__isnull=False),
                name="decision_undone_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(subject__isnull=True) | ~Q(subject=F("actor")), name="decision_not_about_oneself"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.target_id}"

    @property
    def is_erased(self) -> bool:
        """Whether what it changed went with the data of its subject."""
        return "erased" in self.before

    def undo(self, by: User, reason: str = "") -> None:
        if self.is_erased:
            raise Conflict("erased", _("The data of this user has been erased, so the decision cannot be undone."))
        if self.undone_at is not None:
            raise Conflict("already-undone", _("This decision has been undone already."))
        self.undone_at, self.undone_by, self.undo_reason = timezone.now(), by, reason
