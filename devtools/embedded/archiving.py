"""An embedded PostgreSQL that archives its WAL, as production's does."""

from __future__ import annotations

import shutil
from pathlib import Path

from devtools.embedded.ownership import give, is_root
from devtools.paths import CHECKOUT

ARCHIVE = "archive"
"""The folder of the archive, beside the server's data."""
TIMEOUT = 30
"""Seconds after which a segment that is not full is archived, as in deploy/compose.yaml."""


def archiving(timeout: int = TIMEOUT) -> dict[str, str]:
    """Its settings. PostgreSQL tries again until `make_archive` has made the folder."""
    command = f"sh ../{ARCHIVE}/archive.sh %p %f ../{ARCHIVE}"
    return {"archive_mode": "on", "archive_timeout": f"{timeout}s", "archive_command": command}


def make_archive(home: Path) -> Path:
    """The folder of the archive of the server in `home`, empty."""
    folder = home / ARCHIVE
    for each in (folder, folder / "base", folder / "wal"):
        each.mkdir(mode=0o700)
    shutil.copy(CHECKOUT / "deploy/archive.sh", folder)
    if is_root():
        give(folder, home.stat().st_uid)
    return folder
