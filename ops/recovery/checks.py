"""What is looked at in a restored database, and what it is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.core.files.storage import default_storage
from django.db import connection
from django.db.models import Model, Q
from psycopg import sql

from apps.stories.models import Story
from apps.transparency.keys import trusted_keys
from apps.transparency.models import Checkpoint, Verification
from apps.transparency.verifying import verify
from apps.users.models import Document, Profile
from ops.recovery.archive import lsn
from ops.recovery.programs import Failed

LOST_MOST = 60
"""Seconds that a crash may cost."""
FILES_MOST = 1000
"""Of each kind, the newest: each is a call where they are in a bucket."""
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename"
FILES: tuple[tuple[type[Model], str, Q], ...] = (
    (Document, "file", Q(purged_at__isnull=True)),
    (Story, "content_file", Q(freed_at__isnull=True)),
    (Profile, "image", Q()),
)
"""The columns that name files which stay as long as their rows."""

type Counts = Mapping[str, int]
"""Rows by table."""


def counts() -> dict[str, int]:
    """The rows of every table, of one moment."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        tables = [name for (name,) in cursor.fetchall()]
        each = sql.SQL("SELECT {}, count(*) FROM {}")
        cursor.execute(sql.SQL(" UNION ALL ").join(each.format(name, sql.Identifier(name)) for name in tables))
        return dict(cursor.fetchall())


@dataclass(frozen=True, slots=True)
class Moved:
    """How many rows came and went in a table while it was copied."""

    added: int = 0
    removed: int = 0


def require_counts(before: Counts, restored: Counts, moved: Mapping[str, Moved]) -> None:
    """Raise `Failed` for the first table that has other rows than at `before`, save for those that have `moved`."""
    if missing := sorted(before.keys() - restored.keys()):
        raise Failed(f"The table {missing[0]} is missing.")
    for table, many in before.items():
        known = moved.get(table, Moved())
        if not many - known.removed <= restored[table] <= many + known.added:
            raise Failed(f"{table} has {restored[table]} rows, and had {many}.")


def last_commit() -> datetime | None:
    """The time of the last transaction that was recovered; None where there was none after the base backup."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_last_xact_replay_timestamp()")
        found: datetime | None = cursor.fetchone()[0]
        return found


def require_all_wal(segment: str, begins: int) -> None:
    """Raise `Failed` where recovery ended before a segment of the archive: PostgreSQL takes a gap for the end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_last_wal_replay_lsn()::text")
        [place] = cursor.fetchone()
    if place is None or lsn(place) <= begins:
        raise Failed(
            f"The restore ended at {place}, though the archive goes on to {segment}: WAL is missing or broken."
        )


def require_log(as_of: datetime) -> int:
    """Verify the log that proves itself against what was written outside until `as_of`; returns its lines.

    Raises `Failed` with the finding. Where there is neither key nor checkpoint, no log is signed: 0.
    """
    if not trusted_keys() and not Checkpoint.objects.exists():
        return 0
    found: Verification = verify(as_of=as_of)
    if found.finding:
        raise Failed(f"The log is not in order: {found.finding}")
    return found.size


@dataclass(frozen=True, slots=True)
class Named:
    """A file that a row names."""

    model: type[Model]
    column: str
    name: str

    def is_named(self) -> bool:
        """Whether the database of this connection still names it."""
        return self.model._default_manager.filter(**{self.column: self.name}).exists()


def missing_files() -> list[Named]:
    """Those of the newest `FILES_MOST` of each kind that are not in the storage."""
    missing = []
    for model, column, condition in FILES:
        rows = model._default_manager.filter(condition).exclude(**{column: ""}).order_by("-pk")
        names = rows.values_list(column, flat=True)[:FILES_MOST]
        missing += [Named(model, column, name) for name in names if not default_storage.exists(name)]
    return missing


def require_files(missing: list[Named]) -> None:
    if missing:
        raise Failed(f"{len(missing)} files are missing, among them {missing[0].name}.")
