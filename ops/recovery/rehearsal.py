"""A restore into a server of its own, and what is looked at in it: one way for production and `make rehearse`."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection

from apps.privacy.reapply import reapply
from ops.recovery import checks
from ops.recovery.archive import Archive, Base
from ops.recovery.programs import Programs
from ops.recovery.restore import prepare
from ops.recovery.scratch import recovered


@dataclass
class Restored:
    """What a restore had in it."""

    base: Base | None = None
    steps: dict[str, float] = field(default_factory=dict)
    """Seconds of each, in their order."""
    last_commit: datetime | None = None
    """Of the last transaction that was recovered."""
    size: int = 0
    """Of the database, in bytes."""
    counts: checks.Counts = field(default_factory=dict)
    """Rows by table, before erasures were applied again."""
    erased: int = 0
    """Erasures that were applied again."""
    lines: int = 0
    """Of the log that was verified; 0 where none is kept."""
    missing: list[checks.Named] = field(default_factory=list)
    """Files that rows name and the storage has not."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.steps[name] = time.monotonic() - began


def restore_and_check(
    archive: Archive,
    programs: Programs,
    folder: Path,
    restored: Restored,
    at: datetime | None = None,
    look: Callable[[], Any] = lambda: None,
) -> None:
    """Restore up to `at`, or the last archived change, into `folder`, made for it, and fill `restored`.

    Erasures are applied again and the log is verified. `look` is called while this thread's connection leads to the
    restored database. Raises `Failed`.
    """
    programs.run("mkdir", "-m", "700", str(folder))
    try:
        with restored.step("unpack the base backup"):
            restored.base = prepare(archive, programs, folder / "data", at)
        last_segment = archive.last_segment()  # further ones may come meanwhile
        began = time.monotonic()
        with recovered(programs, folder):
            restored.steps["recover from WAL"] = time.monotonic() - began
            restored.last_commit = checks.last_commit()
            if at is None:
                checks.require_all_wal(*last_segment)
            with restored.step("count every table"):
                restored.counts = checks.counts()
                restored.size = _size()
            with restored.step("apply erasures again"):
                restored.erased = reapply()
            with restored.step("verify the log"):
                restored.lines = checks.require_log(at or restored.last_commit or restored.base.completed_at)
            with restored.step("look for files"):
                restored.missing = checks.missing_files()
            look()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _size() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])
