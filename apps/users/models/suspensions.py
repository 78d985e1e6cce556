from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.history import History
from apps.users.models.accounts import User


class SuspensionQuerySet(models.QuerySet["Suspension"]):
    def in_force(self) -> SuspensionQuerySet:
        """Those that still suspend: not one whose decision has been undone, whichever release undid it."""
        return self.filter(lifted_at__isnull=True, until__gt=timezone.now(), decision__undone_at__isnull=True)


class Suspension(models.Model):
    """One suspension of a user, until a time; `User.suspended_until` is the latest of those in force."""

    person = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="suspensions", db_index=False, verbose_name=_("person")
    )
    decision = models.OneToOneField(
        "decisions.Decision",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="suspension",
        verbose_name=_("decision"),
    )
    """Null for a suspension without a decision."""
    until = models.DateTimeField(_("suspended until"))
    given_at = models.DateTimeField(_("given"), default=timezone.now, editable=False)
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True, editable=False)

    history = History(person="person_id")
    objects = SuspensionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suspension")
        verbose_name_plural = _("suspensions")
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(until__gt=F("given_at")), name="suspension_ends_later")]
        indexes = [models.Index(fields=["person", "-until"], name="suspension_of_person")]

    def __str__(self) -> str:
        return _("Suspension %(id)s") % {"id": self.pk}
