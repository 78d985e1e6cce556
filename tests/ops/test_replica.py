"""Reads from a streaming replica, which may be behind, or gone."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from devtools.embedded.programs import path_of
from tests.client import api
from tests.factories import make_event
from tests.ops.processes import PATIENCE, HttpCommand, pause
from tests.people import alice
from tests.settings import servers

pytestmark = pytest.mark.django_db(transaction=True)

COPY = ("-h", str(servers.home), "-U", "postgres", "--checkpoint=fast", "--write-recovery-conf", "--no-sync")


class Replica:
    """A PostgreSQL that follows the tests' one, on a port of its own in the same folder of sockets."""

    def __init__(self, folder: Path) -> None:
        owner = servers.home.stat().st_uid
        self._run: dict[str, Any] = {"user": owner, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([path_of(servers.home, "pg_basebackup"), "-D", folder, *COPY], check=True, **self._run)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(servers.home),
            "port": "5433",
            "max_connections": "200",
            "cluster_name": "replica",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.process = subprocess.Popen([path_of(servers.home, "postgres"), "-D", folder, *options], **self._run)
        self.database = str(connection.settings_dict["NAME"])
        self._until(lambda: self.ask("SELECT 1") == 1)

    def ask(self, question: str) -> object:
        """One value from the replica; None while it does not answer."""
        try:
            with psycopg.connect(
                host=str(servers.home), port=5433, user="postgres", dbname=self.database, autocommit=True
            ) as session:
                row = session.execute(question).fetchone()
                return row[0] if row else None
        except psycopg.OperationalError:
            return None

    def catch_up(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_wal_lsn()::text")
            [position] = cursor.fetchone()
        self._until(lambda: self.ask(f"SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn") is True)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()

    def _until(self, state: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not state():
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            pause()


@contextmanager
def laid_out() -> Iterator[Replica]:
    there = Replica(servers.home / "replica")
    try:
        yield there
    finally:
        there.process.terminate()
        there.process.wait(20)


def test_public_lists_come_from_a_replica_while_it_keeps_up() -> None:
    host = alice()
    make_event(host, "Before")
    url = f"{servers.database_url(str(connection.settings_dict['NAME']))}&port=5433"
    token = api(host).headers["Authorization"]
    # It starts while its replica is laid out.
    with (
        HttpCommand("web", REPLICA_DATABASE_URL=url, REPLICA_LAG_SECONDS="3") as web,
        laid_out() as replica,
    ):
        replica.catch_up()
        web.wait_until(ready=True)
        assert "Before" in web.get("/api/events")[1]
        # What is not replayed yet tells the two apart.
        replica.ask("SELECT pg_wal_replay_pause()")
        make_event(host, "After")
        assert "After" not in web.get("/api/events")[1]
        assert "After" in web.get("/api/events", Authorization=token)[1]  # those who write see it at once
        deadline = time.monotonic() + PATIENCE
        while "After" not in web.get("/api/events")[1]:  # too far behind
            assert time.monotonic() < deadline
            pause()
        replica.ask("SELECT pg_wal_replay_resume()")
        replica.end()
        for _ in range(20):
            status, text = web.get("/api/events")
            assert (status, "After" in text) == (200, True)
