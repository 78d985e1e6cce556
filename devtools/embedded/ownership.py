"""Whose a folder is, and who may enter it. The servers never run as root, which PostgreSQL refuses."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path
from typing import Any

# For a folder that cannot be in var/: everyone may enter it, and it outlives a reboot.
ELSEWHERE = Path("/var/tmp")  # noqa: S108


class Unavailable(Exception):
    """The embedded servers cannot serve; the message is one sentence for the user of the terminal."""


def is_root() -> bool:
    return os.geteuid() == 0


def unprivileged() -> int:
    """The user ID that the servers run as where root starts them."""
    return pwd.getpwnam("nobody").pw_uid


def name_of(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def may_enter(path: Path, uid: int) -> bool:
    """Whether the folders above let that user through, by the rights of owner and others only."""
    for folder in path.parents:
        status = folder.stat()
        if not status.st_mode & (stat.S_IXUSR if status.st_uid == uid else stat.S_IXOTH):
            return False
    return True


def give(path: Path, uid: int) -> None:
    """Make that user the owner of a folder of ours and of all below it."""
    gid = pwd.getpwuid(uid).pw_gid
    for each in (path, *path.rglob("*")):
        os.chown(each, uid, gid, follow_symlinks=False)


def hand_over(home: Path) -> None:
    """Give the folder to the user whom the servers run as: PostgreSQL refuses root, and users without a name.

    Raises `Unavailable` where that user cannot enter it.
    """
    if home.stat().st_uid == 0 or not name_of(home.stat().st_uid):
        give(home, unprivileged())
    if not may_enter(home, home.stat().st_uid):
        raise Unavailable(f"{home} lies in a folder closed to its owner: move it away.")


def as_owner(home: Path) -> dict[str, Any]:
    """Arguments of `subprocess` that run a program in the folder, as its owner."""
    arguments: dict[str, Any] = {"cwd": home, "env": {"PATH": os.defpath, "LC_ALL": "C"}, "umask": 0o077}
    if is_root():
        owner = home.stat()
        arguments |= {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    return arguments
