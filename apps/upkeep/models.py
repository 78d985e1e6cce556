"""When work that must be done again and again was last done, and how, for those who watch that it is."""

from __future__ import annotations

from django.db import models


class LastSuccess(models.Model):
    """One row for each kind of work, such as a backup: few, whatever else grows."""

    name = models.CharField(max_length=32, primary_key=True)
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M}"


class Rehearsal(models.Model):
    """A restore of the newest backup into a server of its own, and whether it had all that it should."""

    at = models.DateTimeField(auto_now_add=True)
    base_at = models.DateTimeField(null=True)
    """When the base backup was complete that it began from."""
    restored_to = models.DateTimeField(null=True)
    """The time of the last transaction that it had."""
    lost_seconds = models.FloatField(null=True)
    """How long it took until something written was in the archive: what a crash would have cost."""
    seconds = models.FloatField()
    """In all."""
    size = models.BigIntegerField()
    """Of the database, in bytes."""
    rows = models.BigIntegerField()
    lines = models.BigIntegerField()
    """Of the log that was verified; 0 where none is kept."""
    erased = models.IntegerField()
    """Erasures that were applied again."""
    steps = models.JSONField(default=dict)
    """Seconds of each, by its name."""
    finding = models.TextField(blank=True)
    """The first thing that was wrong; empty where nothing was."""

    class Meta:
        ordering = ["-id"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.finding or f"{self.at:%Y-%m-%d %H:%M}"
