from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.history import History
from apps.errors import Conflict
from apps.users.models.accounts import User

MFA_RESET_LIFETIME = timedelta(hours=24)


class MfaReset(models.Model):
    """A request to reset a user's lost second factor, pending until a second member of staff confirms it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="mfa_resets", verbose_name=_("user"))
    reason = models.CharField(_("reason"), max_length=500)
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("asked by"))
    asked_at = models.DateTimeField(_("asked"), default=timezone.now, editable=False)
    confirmed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("confirmed by")
    )
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True, editable=False)

    history = History(person="user_id", personal=["reason"])

    class Meta:
        verbose_name = _("reset of a second factor")
        verbose_name_plural = _("resets of second factors")
        default_permissions = ("view",)
        permissions = [("reset_mfa", _("Can reset second factor"))]
        constraints = [
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True, confirmed_at__isnull=True)
                | Q(confirmed_by__isnull=False, confirmed_at__isnull=False),
                name="mfa_reset_confirmed_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(asked_by=F("user"))
                & (Q(confirmed_by__isnull=True) | ~Q(confirmed_by=F("user")) & ~Q(confirmed_by=F("asked_by"))),
                name="mfa_reset_three_people",
            ),
        ]
        indexes = [models.Index(fields=["-asked_at"], name="mfa_reset_latest")]

    def __str__(self) -> str:
        return str(self.user)

    @property
    def is_open(self) -> bool:
        return self.confirmed_at is None and self.asked_at > timezone.now() - MFA_RESET_LIFETIME

    def confirm(self, by: User) -> None:
        if not self.is_open:
            raise Conflict("reset-over", _("This reset was carried out already, or was not confirmed within a day."))
        self.confirmed_by, self.confirmed_at = by, timezone.now()
