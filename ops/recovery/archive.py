"""The folder that base backups and WAL are archived in, and how long they are kept.

base/<time>/   a base backup by the time when it was complete: base.tar.gz, backup_manifest
wal/           segments of WAL, compressed, which PostgreSQL adds by deploy/archive.sh
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from django.conf import settings

from ops.recovery.programs import Failed, Programs, without_password

FORM = "%Y%m%dT%H%M%S.%fZ"
SEGMENT = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})\.gz")
SEGMENT_SIZE = 16 * 1024 * 1024
"""Bytes, as `initdb` sets it."""
UNQUOTED = re.compile(r"[\w./-]+")
"""Paths that commands of PostgreSQL may hold as they are."""


@dataclass(frozen=True, order=True)
class Base:
    """A base backup."""

    completed_at: datetime
    folder: Path

    @cached_property
    def first_segment(self) -> str:
        """The name of the first segment of WAL that a restore of it reads."""
        [*_, found] = json.loads((self.folder / "backup_manifest").read_text())["WAL-Ranges"]
        return segment_of(found["Timeline"], lsn(found["Start-LSN"]))

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(file.stat().st_size for file in self.folder.iterdir())


@dataclass(frozen=True)
class Archive:
    folder: Path

    def __post_init__(self) -> None:
        if not UNQUOTED.fullmatch(str(self.folder)):
            raise Failed(f"The archive lies in {self.folder}: only letters, digits, “.”, “-” and “_” are possible.")

    @property
    def wal(self) -> Path:
        return self.folder / "wal"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time backs up. Raises `Failed`."""
        with (self.folder / "base" / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Failed("Another backup is under way.") from None
            yield

    def bases(self) -> list[Base]:
        """Those that are complete, the oldest first."""
        return sorted(self._bases())

    def _bases(self) -> Iterator[Base]:
        for folder in (self.folder / "base").glob("*Z"):
            yield Base(datetime.strptime(folder.name, FORM).replace(tzinfo=UTC), folder)

    def base_for(self, at: datetime | None) -> Base:
        """The newest that a restore to `at` can begin from; the newest of all if None. Raises `Failed`."""
        found = [base for base in self.bases() if at is None or base.completed_at <= at]
        if not found:
            raise Failed(
                f"{self.folder} has no base backup" + (f" from before {at:%Y-%m-%d %H:%M:%S %Z}." if at else ".")
            )
        return found[-1]

    def last_segment(self) -> tuple[str, int]:
        """The name of the newest segment, by timeline first, and its place in WAL in bytes. Raises `Failed`."""
        found = max(
            (match for file in self.wal.iterdir() if (match := SEGMENT.fullmatch(file.name))), key=_order, default=None
        )
        if found is None:
            raise Failed(f"{self.wal} has no WAL: does archive_command work?")
        return found[0].removesuffix(".gz"), (
            int(found[2], 16) * (2**32 // SEGMENT_SIZE) + int(found[3], 16)
        ) * SEGMENT_SIZE

    def restore_command(self) -> str:
        return f'gunzip -c {self.wal}/%f.gz >"%p"'

    def take_base(self, programs: Programs, url: str) -> Base:
        """Make a base backup of the server at `url`, whose role may replicate. Raises `Failed`.

        It is complete once the WAL that it needs is archived, for which PostgreSQL waits.
        """
        unfinished = self.folder / "base" / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        address, environ = without_password(url)
        options = [
            "--format=tar",
            "--gzip",
            "--wal-method=none",
            "--checkpoint=fast",
            "--no-password",
            "--label=infloo",
        ]
        programs.run("pg_basebackup", f"--dbname={address}", f"--pgdata={unfinished}", *options, **environ)
        completed_at = datetime.now(UTC)
        return Base(completed_at, unfinished.rename(unfinished.with_name(completed_at.strftime(FORM))))

    def prune(self, programs: Programs, now: datetime) -> int:
        """Delete base backups that are older than `kept_days`, and the WAL before the oldest that stays.

        The newest always stays: without it nothing could be restored. Returns how many base backups went.
        """
        until = now - timedelta(days=kept_days())
        *earlier, newest = self.bases()
        gone = [base for base in earlier if base.completed_at < until]
        for base in gone:
            shutil.rmtree(base.folder)
        oldest = min({*earlier, newest} - {*gone})
        programs.run("pg_archivecleanup", "-b", "-x", ".gz", str(self.wal), oldest.first_segment)
        return len(gone)


def kept_days() -> float:
    """For how many days a base backup stays, and so the WAL since it: both hold the keys of persons.

    A destroyed key can be in what is written until the next base backup, a day later, and what is too old goes by the
    run of a night, a day late: together `KEY_BACKUP_DAYS`, as certificates of erasures say. Raises `Failed`.
    """
    if settings.KEY_BACKUP_DAYS < 3:
        raise Failed("KEY_BACKUP_DAYS must be at least 3: two of them pass between two nights.")
    return float(settings.KEY_BACKUP_DAYS - 2)


def lsn(text: str) -> int:
    """A place in WAL, as PostgreSQL writes it, in bytes."""
    high, _slash, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def segment_of(timeline: int, place: int) -> str:
    """The name of the segment that a place of WAL is in."""
    high, low = divmod(place // SEGMENT_SIZE, 2**32 // SEGMENT_SIZE)
    return f"{timeline:08X}{high:08X}{low:08X}"


def _order(match: re.Match[str]) -> tuple[str, ...]:
    return match.groups()
