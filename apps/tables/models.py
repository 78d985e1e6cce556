from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.errors import Conflict

KEPT = timedelta(hours=24)
"""How long a transfer and its files stay after its last change of state."""


class TransferQuerySet(models.QuerySet["Transfer"]):
    def unfinished(self) -> TransferQuerySet:
        return self.filter(status__in=Transfer.UNFINISHED)

    def expired(self) -> TransferQuerySet:
        return self.filter(expires_at__lte=timezone.now())

    def silent(self, long: timedelta) -> TransferQuerySet:
        """Those in which the worker has the next word and has given none for so long, be it since it was asked."""
        last = Coalesce("progress_at", F("expires_at") - KEPT)
        return self.filter(status__in=Transfer.AT_WORK).alias(last=last).filter(last__lt=timezone.now() - long)


class Transfer(models.Model):
    """An import or export of one table that the worker carries out."""

    class Kind(models.TextChoices):
        IMPORT = "import", _("Import")
        EXPORT = "export", _("Export")

    class Status(models.TextChoices):
        QUEUED = "queued", _("Waiting for the worker")
        RUNNING = "running", _("Running")
        READY = "ready", _("Ready to confirm")
        APPLYING = "applying", _("Applying")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    UNFINISHED = (Status.QUEUED, Status.RUNNING, Status.READY, Status.APPLYING)
    AT_WORK = (Status.QUEUED, Status.RUNNING, Status.APPLYING)
    """Those in which the worker has the next word."""

    key = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    table = models.CharField(_("table"), max_length=64)
    """As in "events.event"."""
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("started by")
    )
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.QUEUED)
    query = models.TextField(blank=True)
    """The search and filters of the list, as in its address."""
    file_format = models.CharField(max_length=8, blank=True)
    """Of an export: "csv" or "xlsx"."""
    file_name = models.CharField(_("file"), max_length=200, blank=True)
    """What its user calls the file: of an import the uploaded one, of an export the one to fetch."""

    # Names in storage, none of which can be guessed; empty where there is no such file (any more).
    source = models.CharField(max_length=100, blank=True)
    preview = models.CharField(max_length=100, blank=True)
    result = models.CharField(max_length=100, blank=True)
    leftovers = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    """Files that are needed no more, as long as storage has not deleted them; and those of the step under way."""

    rows_total = models.PositiveIntegerField(null=True)
    rows_done = models.PositiveIntegerField(default=0)
    rows_changed = models.PositiveIntegerField(default=0)
    rows_unchanged = models.PositiveIntegerField(default=0)
    rows_invalid = models.PositiveIntegerField(default=0)
    failure = models.TextField(blank=True)
    """The sentence that says why it failed."""
    attempts = models.PositiveSmallIntegerField(default=0)
    """How often a worker has begun the present step."""
    audit_entry = models.BigIntegerField(null=True)

    # Where it was asked for, for history and audit.
    request_id = models.CharField(max_length=64, blank=True)
    address = models.GenericIPAddressField(null=True)

    created_at = models.DateTimeField(_("started"), default=timezone.now)
    progress_at = models.DateTimeField(null=True)
    """The worker's last sign of life in the present step; empty while none has begun it."""
    finished_at = models.DateTimeField(_("finished"), null=True)
    expires_at = models.DateTimeField()

    objects = TransferQuerySet.as_manager()

    class Meta:
        verbose_name = _("import or export")
        verbose_name_plural = _("imports and exports")
        default_permissions = ()
        indexes = [
            models.Index(fields=["owner", "status"], name="transfer_of_owner"),
            models.Index(fields=["expires_at"], name="transfer_by_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.table} {self.key}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.expires_at is None:
            self.expires_at = timezone.now() + KEPT
        super().save(*args, **kwargs)

    # --- One way out of each state ----------------------------------------------------------------------------------

    def begin(self) -> None:
        """A worker takes the present step; again, where the one before it died."""
        self._require(*self.AT_WORK)
        if self.status == self.Status.QUEUED:
            self.status = self.Status.RUNNING
        self.attempts, self.progress_at, self.rows_done = self.attempts + 1, timezone.now(), 0

    def offer(self) -> None:
        """The preview can be confirmed."""
        self._require(self.Status.RUNNING)
        self._enter(self.Status.READY)

    def confirm(self) -> None:
        self._require(self.Status.READY)
        self._enter(self.Status.APPLYING)
        self.attempts, self.rows_done, self.progress_at = 0, 0, None

    def complete(self) -> None:
        self._require(self.Status.RUNNING if self.kind == self.Kind.EXPORT else self.Status.APPLYING)
        self._enter(self.Status.DONE)

    def fail(self, sentence: str) -> None:
        self._require(*self.AT_WORK)
        self.failure = sentence
        self._enter(self.Status.FAILED)

    def cancel(self) -> None:
        self._require(*self.UNFINISHED)
        self._enter(self.Status.CANCELLED)

    def _require(self, *allowed: Status) -> None:
        if self.status not in allowed:
            raise Conflict("transfer-over", _("This has gone on meanwhile: %s.") % self.get_status_display())

    def _enter(self, status: Status) -> None:
        now = timezone.now()
        self.status, self.expires_at = status, now + KEPT
        if status not in self.UNFINISHED:
            self.finished_at = now

    def forget(self, *fields: str) -> None:
        """Files that are needed no more: `source`, `preview` or `result`."""
        for name in fields:
            if file := getattr(self, name):
                self.leftovers.append(file)
                setattr(self, name, "")

    # --- For pages --------------------------------------------------------------------------------------------------

    @property
    def is_at_work(self) -> bool:
        return self.status in self.AT_WORK

    @property
    def is_unfinished(self) -> bool:
        return self.status in self.UNFINISHED

    @property
    def waits_for_worker(self) -> bool:
        """Whether no worker has begun the present step."""
        return self.is_at_work and self.progress_at is None
