from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    """What a notification is about. `texts.py` has the text of each."""

    CONNECTION_REQUEST = "connection_request", _("Connection request")
    CONNECTION_ACCEPTED = "connection_accepted", _("Connection accepted")
    NEW_FOLLOWER = "new_follower", _("New follower")
    EVENT_INVITATION = "event_invitation", _("Invitation to an event")
    EVENT_JOINED = "event_joined", _("Someone joins an event")
    EVENT_CHANGED = "event_changed", _("Event changed")
    EVENT_CANCELLED = "event_cancelled", _("Event cancelled")
    DOCUMENT_DECIDED = "document_decided", _("Document decided")
    CONTENT_REMOVED = "content_removed", _("Content removed")
    CONTENT_RESTORED = "content_restored", _("Content restored")
    CONTENT_EDITED = "content_edited", _("Content edited")
    WARNING = "warning", _("Warning")
    SUSPENDED = "suspended", _("Account suspended")
    REPORT_CLOSED = "report_closed", _("Report closed")
    DECISION_UNDONE = "decision_undone", _("Decision reversed")
    APPEAL_DECIDED = "appeal_decided", _("Appeal decided")


class NotificationQuerySet(models.QuerySet["Notification"]):
    def unread(self) -> NotificationQuerySet:
        return self.filter(is_read=False)

    def newest_first(self) -> NotificationQuerySet:
        return self.order_by("-created_at", "-id")


class Notification(models.Model):
    """One line of text to one user."""

    recipient = models.ForeignKey(
        "users.User",
        on_delete=models.CASCADE,
        related_name="notifications",
        verbose_name=_("recipient"),
        db_index=False,  # `notification_of` begins with it
    )
    kind = models.CharField(_("kind"), max_length=32, choices=Kind)
    text = models.CharField(_("text"), max_length=1000)
    target_kind = models.CharField(_("about"), max_length=32, blank=True)
    target_id = models.BigIntegerField(_("number"), null=True)
    is_read = models.BooleanField(_("read"), default=False)
    read_at = models.DateTimeField(_("read at"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        indexes = [
            models.Index(fields=["recipient", "-created_at", "-id"], name="notification_of"),
            models.Index(fields=["recipient", "-created_at"], condition=Q(is_read=False), name="notification_unread"),
            models.Index(fields=["-created_at", "-id"], name="notification_newest"),
            models.Index(fields=["kind", "-created_at", "-id"], name="notification_by_kind"),
        ]
        permissions = [("export_notification", _("Can export notifications"))]

    def __str__(self) -> str:
        return self.text
