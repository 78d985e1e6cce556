"""What staff choose for themselves and their desks: filters, message templates, preferences, goals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.history import History

if TYPE_CHECKING:
    pass


class SavedFilter(models.Model):
    """A view of a table or queue under a name, one's own or shared."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    place = models.CharField(max_length=100)
    """The address's name that it filters, such as `admin:users_document_changelist`."""
    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(max_length=1000)
    shared = models.BooleanField(_("shared"), default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("saved filter")
        verbose_name_plural = _("saved filters")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["owner", "place", "name"], name="saved_filter_name_once")]

    def __str__(self) -> str:
        return self.name


class MessageTemplate(models.Model):
    """A text that staff insert into messages to users, in each language that it was written in."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    queue = models.CharField(max_length=32)
    """The queue's slug, such as `documents`."""
    title = models.CharField(_("title"), max_length=60)
    texts = models.JSONField(_("texts"), default=dict)
    """From language code to text."""
    shared = models.BooleanField(_("shared"), default=False)
    updated_at = models.DateTimeField(auto_now=True)

    history = History(excluded_fields=["updated_at"], index_name="template")

    class Meta:
        verbose_name = _("message template")
        verbose_name_plural = _("message templates")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["owner", "queue", "title"], name="message_template_title_once")]
        indexes = [models.Index(fields=["queue"], name="message_template_shared", condition=Q(shared=True))]

    def __str__(self) -> str:
        return self.title

    @property
    def version(self) -> str:
        """The present version; forms send back the one that they showed."""
        return self.updated_at.isoformat()


class Preference(models.Model):
    """The preferences of one member of staff for the desks."""

    staff = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="desk_preference")
    away_until = models.DateTimeField(_("away until"), null=True, blank=True)
    """Until then nothing is assigned to them."""
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    blur_pictures = models.BooleanField(_("blur pictures"), default=True)
    grey_pictures = models.BooleanField(_("grey pictures"), default=True)
    single_keys = models.BooleanField(_("single-key shortcuts"), default=True, db_default=True)
    keys = models.JSONField(_("keys"), default=dict, db_default={}, blank=True)
    """From the default key of a shortcut to the chosen one, where that differs: see `shortcuts.py`."""

    class Meta:
        verbose_name = _("desk preference")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.staff)

    @property
    def is_away(self) -> bool:
        return self.away_until is not None and self.away_until > timezone.now()


class Goal(models.Model):
    """The SLA of a queue: the hours within which its items are to be decided."""

    queue = models.CharField(_("queue"), max_length=32, unique=True)
    hours = models.PositiveIntegerField(_("hours"), default=24)

    history = History()

    class Meta:
        verbose_name = _("SLA")
        default_permissions = ("change",)
        constraints = [models.CheckConstraint(condition=Q(hours__gte=1), name="goal_at_least_an_hour")]

    def __str__(self) -> str:
        return self.queue
