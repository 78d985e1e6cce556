"""Rows by spans of a time that passes: those of whole spans from the tally, the rest from an index."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import DateTimeField, Func, Q, QuerySet

from apps.tallies.models import Tally

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ByTime:
    """The rows of a kind by one of their times. `minutes` is the length of a bucket.

    Short buckets leave few rows to count by index, long ones few parts to add up.
    """

    kind: str
    column: str
    minutes: int
    condition: str = ""
    """SQL: which rows count, beside the condition of all of the table's tallies."""
    by: str = ""
    """SQL: what the kind ends with, after a full stop, where rows are told apart further."""

    @property
    def kinds(self) -> str:
        """SQL: the kind of a row."""
        return f"'{self.kind}.' || {self.by}" if self.by else f"'{self.kind}'"

    @property
    def bucket(self) -> str:
        """SQL: the bucket of a row."""
        return f"date_bin('{self.minutes} minutes', {self.column}, 'epoch')"

    def start_of(self, time: datetime) -> datetime:
        """Of the bucket of `time`."""
        return time - (time - EPOCH) % timedelta(minutes=self.minutes)

    def after(self, now: datetime) -> QuerySet[Tally]:
        """Of rows whose time comes after the bucket of `now`."""
        return Tally.objects.filter(kind=self.kind, bucket__gt=self._start(now))

    def before(self, now: datetime) -> QuerySet[Tally]:
        """Of rows whose time came before the bucket of `now`."""
        return Tally.objects.filter(kind=self.kind, bucket__lt=self._start(now))

    def rest_after(self, now: datetime) -> Q:
        """The rows in the bucket of `now` whose time is later than that."""
        return Q(**{f"{self.column}__gt": now, f"{self.column}__lt": self._end(now)})

    def rest_before(self, now: datetime) -> Q:
        """The rows in the bucket of `now` whose time has come."""
        return Q(**{f"{self.column}__gte": self._start(now), f"{self.column}__lte": now})

    def _start(self, now: datetime) -> Func:
        return self._bin(now, "")

    def _end(self, now: datetime) -> Func:
        return self._bin(now, f" + interval '{self.minutes} minutes'")

    def _bin(self, now: Any, later: str) -> Func:
        binned = f"(date_bin('{self.minutes} minutes', %(expressions)s, 'epoch'){later})"
        return Func(now, template=binned, output_field=DateTimeField())
