from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from apps.access import TimeBoxed
from apps.audit.history import History
from apps.errors import Conflict
from apps.review.removable import Removable, RemovableQuerySet
from apps.tallies.buckets import ByTime
from apps.tallies.triggers import Tallied
from apps.users.models import User

DEFAULT_LENGTH = timedelta(hours=4)
"""How long an event lasts whose end was not given."""
WHENS = ("all", "past", "ongoing", "upcoming")
BY_BEGINNING = ByTime("events.begin", "date", minutes=240)
BY_END = ByTime("events.end", "ends_at", minutes=240)
TALLIED = Tallied(
    "events", "events_event", "removed_at IS NULL", kind="'events.all'", owner="host_id", times=(BY_BEGINNING, BY_END)
)


class EventQuerySet(RemovableQuerySet["Event"]):
    def past(self, now: datetime | None = None) -> EventQuerySet:
        now = now or timezone.now()
        # An event that is over has begun: with both conditions, the order by beginning skips all that are to come.
        return self.filter(date__lte=now, ends_at__lte=now)

    def ongoing(self, now: datetime | None = None) -> EventQuerySet:
        now = now or timezone.now()
        return self.filter(date__lte=now, ends_at__gt=now)

    def upcoming(self, now: datetime | None = None) -> EventQuerySet:
        return self.filter(date__gt=now or timezone.now())

    def when(self, when: str, now: datetime | None = None) -> EventQuerySet:
        """One of `WHENS`."""
        return self if when == "all" else getattr(self, when)(now)


class Event(Removable):
    """An event that a user hosts and others join."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        CANCELLED = "cancelled", _("Cancelled")

    host = models.ForeignKey(
        "users.User", on_delete=models.CASCADE, related_name="hosted_events", verbose_name=_("host")
    )
    title = models.CharField(_("title"), max_length=200)
    description = models.TextField(_("description"), blank=True, max_length=5000)
    date = models.DateTimeField(_("begins"))
    ends_at = models.DateTimeField(_("ends"), blank=True)
    location = models.CharField(_("place"), max_length=200)
    capacity = models.PositiveIntegerField(_("seats"), null=True, blank=True)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.ACTIVE, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    history = History(person="host_id", personal=["title", "description", "location", "removal_reason"])
    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("date")),
                name="event_ends_after_it_begins",
                violation_error_message=_("An event ends after it begins."),
            ),
            models.CheckConstraint(
                condition=Q(capacity__isnull=True) | Q(capacity__gte=1),
                name="event_has_a_seat",
                violation_error_message=_("An event has at least one seat."),
            ),
        ]
        indexes = [
            # With the end, so that "past" skips in the index what goes on, and "ongoing" what is over.
            models.Index(fields=["-date", "-id", "ends_at"], name="event_latest_and_end"),
            models.Index(fields=["ends_at"], name="event_by_end"),
            models.Index(fields=["host", "-date"], name="event_of_host"),
            models.Index(fields=["-date", "-id"], condition=Q(removed_at__isnull=False), name="event_removed"),
            models.Index(fields=["-date", "-id"], condition=Q(status="cancelled"), name="event_cancelled"),
            GinIndex(OpClass(Upper("title"), name="gin_trgm_ops"), name="event_title_search"),
            GinIndex(OpClass(Upper("location"), name="gin_trgm_ops"), name="event_place_search"),
        ]
        triggers = TALLIED.triggers()
        permissions = [
            ("export_event", _("Can export events")),
            ("import_event", _("Can import events")),
        ]

    def __str__(self) -> str:
        return self.title

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        self._fill_end()
        super().clean_fields(exclude)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self._fill_end()
        super().save(*args, **kwargs)

    def _fill_end(self) -> None:
        if self.ends_at is None and self.date is not None:
            self.ends_at = self.date + DEFAULT_LENGTH

    def cancel(self) -> None:
        if self.status == self.Status.CANCELLED:
            raise Conflict("event-cancelled", _("This event is cancelled already."))
        self.status = self.Status.CANCELLED

    @property
    def is_over(self) -> bool:
        return self.ends_at <= timezone.now()


class Host(User):
    """Users, as far as their events count while they are active."""

    class Meta:
        proxy = True
        default_permissions = ()
        triggers = TALLIED.owner_triggers()


class EventUserObjectPermission(UserObjectPermissionBase, TimeBoxed):
    content_object = models.ForeignKey(Event, on_delete=models.CASCADE)


class EventGroupObjectPermission(GroupObjectPermissionBase, TimeBoxed):
    content_object = models.ForeignKey(Event, on_delete=models.CASCADE)


class Participation(models.Model):
    """The answer of one user to one event."""

    class Status(models.TextChoices):
        INTERESTED = "interested", _("Interested")
        GOING = "going", _("Going")
        INVITED = "invited", _("Invited")

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="participations")
    user = models.ForeignKey("users.User", on_delete=models.CASCADE, related_name="participations")
    status = models.CharField(_("status"), max_length=16, choices=Status)
    created_at = models.DateTimeField(_("since"), default=timezone.now, editable=False)

    history = History(person="user_id")

    class Meta:
        verbose_name = _("participation")
        verbose_name_plural = _("participations")
        constraints = [models.UniqueConstraint(fields=["event", "user"], name="participation_once")]
        indexes = [
            models.Index(fields=["event", "status", "id"], name="participation_of_event"),
            models.Index(fields=["user", "-created_at"], name="participation_of_user"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.event}"
