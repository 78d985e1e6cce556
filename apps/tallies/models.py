"""How many rows there are of a kind, kept by triggers, so that an exact count does not read them all."""

from __future__ import annotations

from django.db import models


class Tally(models.Model):
    """A part of the number of rows of one kind: the number is the sum of all parts.

    Each connection to the database adds to a part of its own, so that two transactions never wait for each other. A
    job moves the parts together, into slot 0.
    """

    pk = models.CompositePrimaryKey("kind", "bucket", "slot")
    kind = models.CharField(max_length=32)
    bucket = models.DateTimeField()
    """The start of the span of time that the rows fall into; the epoch for what is long past, or has no time."""
    slot = models.IntegerField()
    """The process number of the connection that added it up."""
    n = models.BigIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.bucket} {self.n}"
