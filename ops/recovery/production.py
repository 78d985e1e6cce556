"""Backups of the database that serves, and rehearsals of their restore."""

from __future__ import annotations

import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.db import Error

from apps.errors import DomainError
from apps.upkeep.models import Rehearsal
from apps.upkeep.services import note_rehearsal, note_success
from ops.recovery.archive import Archive, Base
from ops.recovery.checks import require_counts, require_files
from ops.recovery.keys import rewrite_keys
from ops.recovery.marks import make_mark
from ops.recovery.programs import Failed, Programs, installed
from ops.recovery.rehearsal import Restored, restore_and_check


def archive_of_settings() -> Archive:
    """Raises `Failed` where none is set."""
    if not settings.BACKUP_FOLDER:
        raise Failed("BACKUP_FOLDER is not set: it names the folder of base backups and WAL.")
    return Archive(Path(settings.BACKUP_FOLDER))


def back_up(archive: Archive, programs: Programs | None = None) -> tuple[Base, int]:
    """Make a base backup and delete those that are too old; returns it, and how many went. Raises `Failed`."""
    if not settings.BACKUP_DATABASE_URL:
        raise Failed("BACKUP_DATABASE_URL is not set: it names the database by a role that may replicate.")
    programs = programs or installed()
    with archive.locked():
        former = archive.bases()
        rewrite_keys(former[-1].completed_at if former else None)
        base = archive.take_base(programs, settings.BACKUP_DATABASE_URL)
        gone = archive.prune(programs, datetime.now(UTC))
    note_success("backup")
    return base, gone


def rehearse(archive: Archive, programs: Programs | None = None, scratch: Path | None = None) -> Rehearsal:
    """Restore the newest backup beside the server that serves, compare the two, and note the result, good or not.

    In a folder of its own, in `scratch` where that is given: then what a killed rehearsal left there goes first.
    """
    began, restored, lost = time.monotonic(), Restored(), None
    for former in scratch.glob("rehearsal-*") if scratch else ():
        shutil.rmtree(former, ignore_errors=True)
    folder = (scratch or Path(tempfile.gettempdir())) / f"rehearsal-{uuid4().hex[:8]}"
    finding = ""
    try:
        mark = make_mark()
        lost = mark.wait_until_archived(archive)
        restore_and_check(archive, programs or installed(), folder, restored)
        require_counts(mark.counts, restored.counts, mark.moved())
        # What went meanwhile with its row is not missing.
        require_files([file for file in restored.missing if file.is_named()])
    except (Failed, DomainError, Error, OSError) as error:
        finding = str(error)
    return note_rehearsal(
        base_at=restored.base.completed_at if restored.base else None,
        restored_to=restored.last_commit,
        lost_seconds=lost,
        seconds=time.monotonic() - began,
        size=restored.size,
        rows=sum(restored.counts.values()),
        lines=restored.lines,
        erased=restored.erased,
        steps=restored.steps,
        finding=finding,
    )
