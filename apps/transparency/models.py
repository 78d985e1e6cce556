"""The log that proves itself: leaves, the hashes of their tree, what was signed, and what was purged with a reason."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.audit.models import append_only


class Source(models.Model):
    """How far the log has come in one table, see `sequencing.py`."""

    label = models.CharField(max_length=100, unique=True)
    """Of the model, such as "audit.entry": it stays where a table is renamed."""
    done = models.BigIntegerField(default=0)
    """Up to this number each row is in the log; one without a leaf was not written by the platform."""
    pending = models.BigIntegerField(null=True)
    """The last number that had been given out when `writers` were under way."""
    writers = ArrayField(models.TextField(), default=list)
    """The transactions, as `pg_locks` names them, that may still commit rows up to `pending`."""

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.label


class Shape(models.Model):
    """The columns of a table that its leaves of a time cover, in their order; the number of the row is the first."""

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="shapes", db_index=False)
    columns = ArrayField(models.TextField())

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["source", "columns"], name="shape_once")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.source_id}: {', '.join(self.columns)}"


class Leaf(models.Model):
    """One row in the log: its place, and the salted hash of it. The salt stays here; the hash is published."""

    index = models.BigIntegerField(primary_key=True)
    row = models.BigIntegerField()
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+", db_index=False)
    shape = models.ForeignKey(Shape, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    salt = models.BinaryField(max_length=16)
    commitment = models.BinaryField(max_length=32)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["source", "row"], name="leaf_once")]
        triggers = append_only()

    def __str__(self) -> str:
        return str(self.index)


class Tile(models.Model):
    """Up to 256 hashes of one level of the tree, as in C2SP tlog-tiles: level 0 has the hashes of leaves."""

    level = models.SmallIntegerField()
    number = models.BigIntegerField()
    hashes = models.BinaryField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["level", "number"], name="tile_once")]

    def __str__(self) -> str:
        return f"{self.level}/{self.number}"


class Checkpoint(models.Model):
    """A size of the log and the root of its tree, signed."""

    size = models.BigIntegerField()
    root = models.BinaryField(max_length=32)
    note = models.TextField()
    """As C2SP signed-note has it."""
    timestamp = models.BinaryField(null=True)
    """The answer of a time stamping authority (RFC 3161) about `note`."""
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        default_permissions = ()
        permissions = [
            ("verify_log", _("Can view the state of the log's proofs")),
            ("export_proof", _("Can download proofs of the log")),
        ]
        indexes = [models.Index(fields=["size"], name="checkpoint_size")]
        triggers = append_only()

    def __str__(self) -> str:
        return str(self.size)


class Publication(models.Model):
    """How far the log has been written to one place outside the database."""

    place = models.CharField(max_length=20, unique=True)
    size = models.BigIntegerField(default=0)
    at = models.DateTimeField(null=True)
    """When a checkpoint last reached it."""
    error = models.TextField(blank=True)
    """What the last try ended with; empty where it succeeded."""

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.place


class Verification(models.Model):
    """The result of a verification of the whole log."""

    at = models.DateTimeField(auto_now_add=True)
    size = models.BigIntegerField()
    seconds = models.FloatField()
    waiting = models.BigIntegerField()
    """Rows that were not in the log yet."""
    finding = models.TextField(blank=True)
    """The first thing that was wrong; empty where nothing was."""

    class Meta:
        ordering = ["-id"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.finding or str(self.size)


class Purge(models.Model):
    """Rows of a table that went by the retention schedule: the reason for which verification takes their absence.

    A leaf of the log itself, so a purge cannot be invented afterwards.
    """

    label = models.CharField(max_length=100)
    """Of the model, such as "audit.entry"."""
    first_row = models.BigIntegerField()
    last_row = models.BigIntegerField()
    count = models.BigIntegerField()
    """Rows between the two that went; others may have stayed."""
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(first_row__lte=F("last_row"), count__gt=0), name="purge_of_rows"),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.label} {self.first_row}-{self.last_row}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise TypeError("A purge is never changed.")
        super().save(*args, **kwargs)
