"""A moment of the database that serves, which a restore is compared with."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils import timezone

from ops.recovery.archive import Archive
from ops.recovery.checks import LOST_MOST, Counts, Moved, counts
from ops.recovery.programs import Failed

POLL = 0.05
"""Seconds."""
# A transaction of its own, so that a segment holds it even where nothing else is written.
WRITE = "SELECT pg_walfile_name(pg_logical_emit_message(true, 'infloo', 'mark'))"
ACTIVITY = "SELECT relname, n_tup_ins, n_tup_del FROM pg_stat_user_tables WHERE schemaname = current_schema()"


@dataclass(frozen=True, slots=True)
class Mark:
    at: datetime
    segment: str
    """Of WAL, that holds this moment."""
    counts: Counts
    activity: Mapping[str, Moved]

    def moved(self) -> dict[str, Moved]:
        """What has come and gone in each table since, on the server of this connection."""
        return {
            table: Moved(now.added - then.added, now.removed - then.removed)
            for table, now in _activity().items()
            if (then := self.activity.get(table)) is not None
        }

    def wait_until_archived(self, archive: Archive) -> float:
        """How many seconds it took until a crash could not take this moment away any more. Raises `Failed`."""
        file = archive.wal / f"{self.segment}.gz"
        while not file.exists():
            if (timezone.now() - self.at).total_seconds() > LOST_MOST:
                raise Failed(f"What is written is not in the archive {LOST_MOST} s later: {file.name} is missing.")
            time.sleep(POLL)
        return (timezone.now() - self.at).total_seconds()


def make_mark() -> Mark:
    """Count every table, and write a moment into WAL that has all of it before it."""
    activity, found = _activity(), counts()
    with connection.cursor() as cursor:
        cursor.execute(WRITE)
        [segment] = cursor.fetchone()
    return Mark(timezone.now(), segment, found, activity)


def _activity() -> dict[str, Moved]:
    """Rows added and removed, by table, since the figures of the server began."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(ACTIVITY)
        return {table: Moved(added, removed) for table, added, removed in cursor.fetchall()}
