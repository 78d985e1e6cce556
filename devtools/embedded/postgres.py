"""The embedded PostgreSQL: how its data is laid out, and how it is started."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from devtools.embedded.programs import path_of, run
from devtools.embedded.server import Server

SOCKET = ".s.PGSQL.5432"
OWNER, APPLICATION = "infloo", "infloo_app"
"""Roles as in production, neither a superuser: the owner of the database, who may make those of the tests, and the one
that serves, which owns nothing."""
ROLES = (
    f"CREATE ROLE {OWNER} LOGIN CREATEDB",
    f"CREATE DATABASE infloo OWNER {OWNER}",
    f"CREATE ROLE {APPLICATION} LOGIN",
)


class Postgres(Server):
    name = "PostgreSQL"
    program = "postgres"
    stop_signal = signal.SIGINT  # ends sessions and writes everything out
    kill_signal = signal.SIGQUIT

    def __init__(self, home: Path, *, durable: bool, settings: Mapping[str, str] | None = None) -> None:
        """`settings` are further ones of PostgreSQL."""
        super().__init__(home, durable=durable)
        self.settings = settings or {}
        self.data = home / "postgres"
        self.log = home / "postgres.log"
        self.pid_file = self.data / "postmaster.pid"
        self.socket_file = home / SOCKET
        # PostgreSQL names it in the title of every process; it takes 63 bytes, less than a path may have.
        self.cluster = f"infloo-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"
        self.marks = (f"-D {self.data} ", f"postgres: {self.cluster}: ")

    def is_ready(self, connection: socket.socket) -> bool:
        # While it recovers it takes connections but refuses to work.
        return self.pid_lines()[-1:] == ["ready"]

    def prepare(self) -> None:
        """Laid out beside its place and then moved there, so that a killed attempt leaves nothing half done."""
        if self.data.exists():
            self._add_application()
            return
        unfinished = self.home / "postgres.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        # The built-in locale sorts alike on every machine.
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if not self.durable:
            options.append("--no-sync")
        run(self.home, [path_of(self.home, "initdb"), "-D", str(unfinished), *options])
        self._execute(unfinished, *ROLES)
        (unfinished / APPLICATION).touch()
        unfinished.rename(self.data)

    def _add_application(self) -> None:
        """To data of releases that had one role. It says an error and goes on where the role is there already."""
        if not (self.data / APPLICATION).exists():
            self._execute(self.data, ROLES[-1])
            (self.data / APPLICATION).touch()

    def _execute(self, data: Path, *statements: str) -> None:
        """As the superuser, while no server runs on the data."""
        command = [path_of(self.home, "postgres"), "--single", "-D", str(data), "postgres"]
        run(self.home, command, "".join(f"{statement}\n" for statement in statements).encode())

    def command(self) -> list[str]:
        settings = {
            "cluster_name": self.cluster,
            "listen_addresses": "",
            "unix_socket_directories": str(self.home),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "shared_buffers": "256MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        settings |= self.settings
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [path_of(self.home, "postgres"), "-D", str(self.data), *options]
