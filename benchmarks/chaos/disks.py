"""Small disks that can be filled: file systems in memory, in a mount namespace that this process and what it starts
have for themselves. They end with it, however it ends. Linux alone, and not in every container."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devtools.paths import VAR

MEDIA = VAR / "media"
MS_RDONLY, MS_REMOUNT, MS_REC, MS_PRIVATE = 1, 32, 1 << 14, 1 << 18  # linux/mount.h
MNT_DETACH = 2
FILLER = "filler"
CHUNK = 1 << 20

why_not = "not set up"
"""Why there are none; empty where there are."""


def set_up(servers: Path) -> None:
    """Put a disk of 1.5 GB at `servers`, for the servers, and one of 512 MB at the folder of files."""
    global why_not  # noqa: PLW0603  # of the process, as its namespace is
    MEDIA.mkdir(parents=True, exist_ok=True)
    try:
        _own_mounts()
        _mount("tmpfs", servers, 0, "size=1536m,mode=755")
        _mount("tmpfs", MEDIA, 0, "size=512m,mode=700")
        why_not = ""
    except (OSError, AttributeError) as error:  # no Linux has no `unshare`
        why_not = f"this machine lets nobody mount a disk ({getattr(error, 'strerror', None) or error})"


def _own_mounts() -> None:
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        os.unshare(os.CLONE_NEWNS)
    else:
        os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNS)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    _mount("none", Path("/"), MS_REC | MS_PRIVATE, "")


def _mount(kind: str, place: Path, flags: int, options: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"none", os.fsencode(place), kind.encode(), ctypes.c_ulong(flags), options.encode()) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(place))


def take_down(servers: Path) -> None:
    """The other one ends with the namespace."""
    if not why_not:
        ctypes.CDLL(None).umount2(os.fsencode(servers), MNT_DETACH)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """No byte is free on the disk of that folder."""
    filler = disk / FILLER
    try:
        with filler.open("wb", buffering=0) as file:
            for size in (CHUNK, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass
        yield
    finally:
        filler.unlink(missing_ok=True)


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    _mount("tmpfs", disk, MS_REMOUNT | MS_RDONLY, "")
    try:
        yield
    finally:
        _mount("tmpfs", disk, MS_REMOUNT, "")
