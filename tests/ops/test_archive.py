"""What is archived, how long it stays, and what commands about it are given wrong."""

from __future__ import annotations

import gzip
import json
import subprocess
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from devtools.embedded.ownership import as_owner
from devtools.embedded.programs import path_of, run
from devtools.paths import CHECKOUT
from ops.management.commands.backup import clock, seconds_until
from ops.recovery.archive import FORM, Archive
from ops.recovery.programs import Failed, Programs
from tests.settings import number, servers


@pytest.fixture
def archive() -> Archive:
    """One that the servers' user may write."""
    folder = servers.home / f"archive-{number}"
    run(servers.home, ["rm", "-rf", str(folder)])
    run(servers.home, ["mkdir", "-m", "777", "-p", str(folder / "wal"), str(folder / "base")])
    return Archive(folder)


def add_base(archive: Archive, completed_at: datetime, start: str) -> None:
    folder = archive.folder / "base" / completed_at.strftime(FORM)
    folder.mkdir()
    (folder / "backup_manifest").write_text(json.dumps({"WAL-Ranges": [{"Timeline": 1, "Start-LSN": start}]}))


def store(path: Path, archive: Archive) -> int:
    script = CHECKOUT / "deploy" / "archive.sh"
    command = ["sh", str(script), str(path), "000000010000000000000001", str(archive.folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode


def test_a_segment_is_archived_once_and_never_replaced(archive: Archive, tmp_path: Path) -> None:
    segment = tmp_path / "segment"
    segment.write_bytes(b"changes" * 1000)
    assert store(segment, archive) == 0
    assert store(segment, archive) == 0  # as after a crash
    assert archive.last_segment() == ("000000010000000000000001", 16 * 1024 * 1024)
    segment.write_bytes(b"others" * 1000)
    assert store(segment, archive) != 0
    [kept] = archive.wal.iterdir()
    assert gzip.decompress(kept.read_bytes()) == b"changes" * 1000
    assert store(tmp_path / "absent", Archive(tmp_path)) != 0


def test_backups_with_keys_go_two_days_before_the_certificates_say(archive: Archive, settings: object) -> None:
    settings.KEY_BACKUP_DAYS = 14
    now = datetime(2026, 11, 29, 2, 30, tzinfo=UTC)
    programs = Programs(partial(path_of, servers.home), as_owner(servers.home))
    for days, start in ((13, "0/1000028"), (11.9, "0/3000028"), (1, "0/5000028")):
        add_base(archive, now - timedelta(days=days), start)
    for place in range(1, 7):
        (archive.wal / f"00000001000000000000000{place}.gz").touch()
    assert archive.base_for(None).completed_at == now - timedelta(days=1)
    assert archive.base_for(now - timedelta(days=2)).completed_at == now - timedelta(days=11.9)
    with pytest.raises(Failed, match="no base backup from before 2026-11-15"):
        archive.base_for(now - timedelta(days=14))
    assert archive.prune(programs, now) == 1
    assert [base.first_segment[-1] for base in archive.bases()] == ["3", "5"]
    assert sorted(file.name[23] for file in archive.wal.iterdir()) == ["3", "4", "5", "6"]
    # However old: without the last one nothing could be restored.
    assert archive.prune(programs, now + timedelta(days=100)) == 1
    assert [base.first_segment[-1] for base in archive.bases()] == ["5"]
    settings.KEY_BACKUP_DAYS = 2
    with pytest.raises(Failed, match="at least 3"):
        archive.prune(programs, now)


def test_commands_about_backups_say_what_they_want(settings: object, tmp_path: Path) -> None:
    settings.BACKUP_FOLDER = settings.BACKUP_DATABASE_URL = ""
    for command in (["backup"], ["rehearse"], ["restore", str(tmp_path)]):
        with pytest.raises(CommandError, match="BACKUP_FOLDER is not set"):
            call_command(*command)
    settings.BACKUP_FOLDER = str(tmp_path)
    with pytest.raises(CommandError, match="BACKUP_DATABASE_URL is not set"):
        call_command("backup")
    with pytest.raises(CommandError, match="not a time with its zone"):
        call_command("restore", str(tmp_path / "data"), "--at=2026-11-29 03:10")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").touch()
    with pytest.raises(CommandError, match="is not empty"):
        call_command("restore", str(tmp_path / "data"))


def test_the_nightly_backup_waits_for_its_hour() -> None:
    now = timezone.now().replace(hour=2, minute=30, second=0, microsecond=0)
    assert seconds_until(clock("02:31"), now) == 60
    assert seconds_until(clock("02:30"), now) == 24 * 3600
    assert seconds_until(clock("01:30"), now) == 23 * 3600
