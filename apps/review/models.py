"""What every desk needs: work that one person takes at a time, notes, reveals, saved filters, time away."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.history import History
from apps.review.conflicts import ConflictOfInterest

if TYPE_CHECKING:
    from apps.users.models import User

CLAIM_LASTS = timedelta(minutes=15)
REVEAL_LASTS = timedelta(minutes=10)


class ReviewItem(models.Model):
    """An item of a queue. One member of staff claims it, works on it and decides it."""

    WORK_PERMISSION: ClassVar[str]
    """The permission that working on it needs."""
    OPEN: ClassVar[Q]
    """What an item still to be decided is, for queries."""
    DECIDED_AT: ClassVar[str]
    """The field that says when it was decided; null until then."""
    DECIDED_BY: ClassVar[str]
    """The field that says by whom."""
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
        """How it was decided, in a word or two, of an item that is not open."""
        raise NotImplementedError

    def claim_holder(self, now: datetime | None = None) -> User | None:
        """The user whose claim on it has not run out; None where it is free."""
        holds = self.claimed_until is not None and self.claimed_until > (now or timezone.now())
        return self.claimed_by if holds else None

    def claim(self, by: User) -> None:
        """Claim it for `by`, or renew the claim."""
        self.claimed_by, self.claimed_until = by, timezone.now() + CLAIM_LASTS

    def release(self) -> None:
        self.claimed_by = self.claimed_until = None


class Note(models.Model):
    """An internal note about a thing or a person. Staff read it, nobody else ever."""

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


class RevealQuerySet(models.QuerySet["Reveal"]):
    def open_to(self, user: User) -> RevealQuerySet:
        return self.filter(staff=user, until__gt=timezone.now())

    def of(self, model: type[models.Model], field: str, ids: Iterable[int]) -> set[int]:
        """Of which of these rows the field is shown."""
        found = self.filter(target_type=model._meta.label_lower, target_id__in=list(ids), field=field)
        return set(found.values_list("target_id", flat=True))


class Reveal(models.Model):
    """One masked field of one thing, shown to one member of staff for a while, with a reason."""

    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("staff")
    )
    target_type = models.CharField(max_length=64)
    target_id = models.BigIntegerField()
    field = models.CharField(_("field"), max_length=48)
    subject = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("user concerned")
    )
    """Whose data it is, who is told of it."""
    reason = models.TextField(_("reason"), max_length=500)
    created_at = models.DateTimeField(_("when"), default=timezone.now, editable=False)
    until = models.DateTimeField(_("until"))
    counts = models.BooleanField(default=True, db_default=True)
    """Towards the ration of a day: of what one action reveals together, one does."""

    objects = RevealQuerySet.as_manager()

    class Meta:
        verbose_name = _("reveal")
        verbose_name_plural = _("reveals")
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["staff", "target_type", "target_id", "until"], name="reveal_open"),
            models.Index(fields=["subject", "-created_at"], name="reveal_of_person"),
            models.Index(fields=["staff", "-created_at"], name="reveal_by_staff"),
        ]

    def __str__(self) -> str:
        return f"{self.target_type} {self.target_id} {self.field}"


class RevealAllowance(models.Model):
    """That a second person lets one member of staff reveal as much again within a day."""

    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("staff")
    )
    allowed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("allowed by")
    )
    reason = models.TextField(_("reason"), max_length=500)
    created_at = models.DateTimeField(_("when"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("allowance of reveals")
        verbose_name_plural = _("allowances of reveals")
        default_permissions = ()
        permissions = [("allow_reveals", _("Can allow more reveals"))]
        indexes = [models.Index(fields=["staff", "-created_at"], name="reveal_allowance_of_staff")]
        constraints = [
            models.CheckConstraint(condition=~Q(staff=models.F("allowed_by")), name="reveal_allowance_by_another")
        ]

    def __str__(self) -> str:
        return str(self.staff)


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
    """The reason given, or the note. Staff read it, nobody else ever."""
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
        """Says which state of it a form has shown."""
        return self.updated_at.isoformat()


class Preference(models.Model):
    """How one member of staff likes the desks to be."""

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
    """How soon an item of a queue ought to be decided."""

    queue = models.CharField(_("queue"), max_length=32, unique=True)
    hours = models.PositiveIntegerField(_("hours"), default=24)

    history = History()

    class Meta:
        verbose_name = _("SLA")
        default_permissions = ("change",)
        constraints = [models.CheckConstraint(condition=Q(hours__gte=1), name="goal_at_least_an_hour")]

    def __str__(self) -> str:
        return self.queue
