from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.actions import label_of
from apps.users.models.accounts import User


class SessionQuerySet(models.QuerySet["Session"]):
    def live(self) -> SessionQuerySet:
        return self.filter(ended_at__isnull=True, expires_at__gt=timezone.now())


class Session(models.Model):
    """One sign-in, of staff to the console or of a client app to the API, until it ends."""

    class EntryPoint(models.TextChoices):
        CONSOLE = "console", _("Console")
        API = "api", _("API")

    key = models.UUIDField(default=uuid4, unique=True, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions", verbose_name=_("user"))
    door = models.CharField(_("client"), max_length=8, choices=EntryPoint)
    refresh_id = models.UUIDField(null=True, editable=False)
    """The one valid refresh token of this session; reuse of an earlier one ends the session."""
    token_version = models.PositiveIntegerField(default=1, editable=False)
    address = models.GenericIPAddressField(_("address"), null=True)
    user_agent = models.CharField(_("device"), max_length=400, blank=True)
    created_at = models.DateTimeField(_("signed in"), auto_now_add=True)
    last_seen_at = models.DateTimeField(_("last activity"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    ended_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("ended by")
    )
    end_reason = models.CharField(_("why it ended"), max_length=200, blank=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        default_permissions = ("view",)
        permissions = [("end_session", _("Can end session"))]
        indexes = [
            models.Index(fields=["user", "-last_seen_at"], name="session_of_user"),
            models.Index(fields=["-last_seen_at", "-id"], name="session_latest"),
            models.Index(fields=["door", "-last_seen_at", "-id"], name="session_by_door"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_door_display()}"

    @property
    def is_live(self) -> bool:
        return self.ended_at is None and self.expires_at > timezone.now()

    @property
    def ended_because(self) -> str:
        """Why it ended: what a user wrote, or the label of the action that ended it."""
        return label_of(self.end_reason) if self.end_reason else ""

    def end(self, by: User | None, reason: str) -> None:
        """End it, unless it has ended. `reason` is the code of the action that did, or what a user wrote."""
        if self.ended_at is None:
            self.ended_at, self.ended_by, self.end_reason = timezone.now(), by, reason


RESET_CODE_LIFETIME = timedelta(minutes=10)
RESET_CODE_TRIES = 5


class ResetCode(models.Model):
    """A six-digit code that was mailed to a user to reset a forgotten password."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="reset_code")
    code_hash = models.CharField(max_length=200)
    tries_left = models.PositiveSmallIntegerField(default=RESET_CODE_TRIES)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.user)
