"""A folder of data that PostgreSQL recovers when it starts on it: for production and for rehearsals alike."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ops.recovery.archive import Archive, Base
from ops.recovery.programs import Failed, Programs


def prepare(archive: Archive, programs: Programs, folder: Path, at: datetime | None = None) -> Base:
    """Lay out the newest base backup in `folder`, which is made or empty, with the order to recover up to `at`.

    Up to the last archived change if None. The base backup is compared with the checksums that were taken with it.
    Raises `Failed`.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Failed(f"{folder} is not empty: move what is in it away, and keep it.")
    base = archive.base_for(at)
    programs.run("mkdir", "-p", "-m", "700", str(folder))
    programs.run("tar", "-xzf", str(base.folder / "base.tar.gz"), "-C", str(folder))
    manifest = base.folder / "backup_manifest"
    programs.run("pg_verifybackup", "--no-parse-wal", f"--manifest-path={manifest}", str(folder))
    orders = {"restore_command": archive.restore_command(), "recovery_target_action": "promote"}
    if at is not None:
        orders["recovery_target_time"] = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00"
    # Read last of all files of settings, and rewritten by ALTER SYSTEM.
    lines = "".join(f"{name} = '{value}'\n" for name, value in orders.items())
    programs.append(folder / "postgresql.auto.conf", lines)
    programs.append(folder / "recovery.signal", "")
    return base
