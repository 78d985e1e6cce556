"""A PostgreSQL of its own on restored data, which is asked and then thrown away."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import OperationalError, connection

from ops.recovery.programs import Failed, Programs

POLL = 0.05
"""Seconds."""
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "archive_mode": "off",  # nothing of it may reach the archive
    "hot_standby": "off",  # it answers once it is restored, and needs no settings as large as those of production
    "fsync": "off",
    "autovacuum": "off",
    "shared_preload_libraries": "",
    "ssl": "off",
    "max_connections": "20",
    "cluster_name": "rehearsal",
}
"""In place of whatever production has: they are given on the command line, which counts most."""


@contextmanager
def recovered(programs: Programs, folder: Path) -> Iterator[None]:
    """A server on `folder`/data, and this thread's connection of Django on it, once it has recovered.

    Its sockets are in `folder`, which only their user may enter. Raises `Failed` where it does not recover.
    """
    programs.append(folder / "postgresql.conf", "")
    programs.append(folder / "pg_hba.conf", "local all all trust\n")
    files = {"config_file": "postgresql.conf", "hba_file": "pg_hba.conf", "unix_socket_directories": ""}
    settings = SETTINGS | {name: str(folder / file) for name, file in files.items()}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    log = folder / "postgresql.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [programs.path_of("postgres"), "-D", str(folder / "data"), *options],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            **programs.run_as,
        )
    try:
        with connected_to(folder):
            _wait(process, log)
            yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    """As long as the WAL takes: a server that cannot recover ends by itself."""
    while True:
        try:
            connection.ensure_connection()
        except OperationalError:
            if process.poll() is not None:
                raise Failed(f"PostgreSQL does not recover: {_reason(log)}") from None
            time.sleep(POLL)
        else:
            return


def _reason(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    fatal = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
    return [*lines[-1:], *fatal][-1] if lines else "it wrote nothing"


@contextmanager
def connected_to(folder: Path) -> Iterator[None]:
    """Let this thread's connection lead to the server whose socket is in `folder`, past the pool."""
    connection.validate_no_atomic_block()
    before = connection.settings_dict
    connection.close()
    options = {name: value for name, value in before["OPTIONS"].items() if name != "pool"}
    there = {"HOST": str(folder), "PORT": "", "PASSWORD": "", "OPTIONS": options}
    connection.settings_dict = {**before, **there}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = before
