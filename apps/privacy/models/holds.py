"""Legal holds: what keeps all data of a user, whatever the retention schedule and the user say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.history import History
from apps.errors import Conflict

if TYPE_CHECKING:
    from apps.users.models import User


class LegalHoldQuerySet(models.QuerySet["LegalHold"]):
    def in_force(self) -> LegalHoldQuerySet:
        return self.filter(released_at__isnull=True)


class LegalHold(models.Model):
    """An order to keep all data of one user until it is released."""

    person = models.ForeignKey(
        "users.User", on_delete=models.PROTECT, related_name="legal_holds", verbose_name=_("user")
    )
    reason = models.TextField(_("reason"), max_length=1000)
    placed_by = models.ForeignKey(
        "users.User", on_delete=models.PROTECT, related_name="+", editable=False, verbose_name=_("placed by")
    )
    placed_at = models.DateTimeField(_("placed"), default=timezone.now, editable=False)
    released_by = models.ForeignKey(
        "users.User",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        editable=False,
        verbose_name=_("released by"),
    )
    released_at = models.DateTimeField(_("released"), null=True, editable=False)
    release_reason = models.TextField(_("reason for the release"), blank=True, max_length=1000)

    history = History(person="person_id", personal=["reason", "release_reason"])
    objects = LegalHoldQuerySet.as_manager()

    class Meta:
        verbose_name = _("legal hold")
        verbose_name_plural = _("legal holds")
        default_permissions = ("view", "add")
        permissions = [("release_legalhold", _("Can release legal hold"))]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="legal_hold_with_a_reason"),
            models.CheckConstraint(
                condition=Q(released_at__isnull=True, released_by__isnull=True)
                | Q(released_at__isnull=False, released_by__isnull=False),
                name="legal_hold_released_by_staff",
            ),
        ]
        indexes = [
            models.Index(fields=["-placed_at", "-id"], name="legal_hold_newest"),
            models.Index(fields=["person"], condition=Q(released_at__isnull=True), name="legal_hold_in_force"),
        ]

    def __str__(self) -> str:
        return _("Legal hold %(id)s") % {"id": self.pk}

    @property
    def is_in_force(self) -> bool:
        return self.released_at is None

    def release(self, by: User, reason: str) -> None:
        if not self.is_in_force:
            raise Conflict("already-released", _("This legal hold has been released already."))
        self.released_by, self.released_at, self.release_reason = by, timezone.now(), reason
