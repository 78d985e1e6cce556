"""A database that goes away for a moment, or stands behind a pooler."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from procrastinate.contrib.django import app
from psycopg_pool import ConnectionPool, PoolTimeout

from apps.users.authentication.api_sessions import begin
from config import pool
from ops.management.commands import worker
from tests.client import api
from tests.jobs import worker_here
from tests.people import alice
from tests.settings import servers

POOLER = """
[databases]
* = host={home} port=5432 user=infloo_app
[pgbouncer]
unix_socket_dir = {folder}
listen_port = 6432
auth_type = any
pool_mode = transaction
default_pool_size = 3
"""


LISTENS = "SELECT pid FROM pg_stat_activity WHERE starts_with(query, 'LISTEN') AND datname = current_database()"


@pytest.mark.django_db(transaction=True)
def test_the_worker_goes_on_after_it_lost_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "WAITS", (0,))
    lost = asyncio.Event()
    monkeypatch.setattr(worker.logger, "warning", lambda *_: lost.set())
    database = f"ALTER DATABASE {connection.settings_dict['NAME']} CONNECTION LIMIT"

    async def run() -> None:
        working = asyncio.create_task(worker.work_until_stopped(1))
        async with await psycopg.AsyncConnection.connect(
            host=str(servers.home), user="postgres", dbname=connection.settings_dict["NAME"], autocommit=True
        ) as session:
            first = await until(session, LISTENS)
            await session.execute(f"{database} 0")
            try:
                await session.execute(f"SELECT pg_terminate_backend({first})")
                await asyncio.wait_for(lost.wait(), 20)
            finally:
                await session.execute(f"{database} -1")
            await until(session, LISTENS)
            await app.configure_task("stories.delete_file").defer_async(name="stories/none.mp4")
            await until(
                session,
                "SELECT 1 WHERE NOT EXISTS (SELECT FROM procrastinate_jobs WHERE task_name = 'stories.delete_file')",
            )
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(working, 20)

    with worker_here():
        asyncio.run(run())


async def until(session: psycopg.AsyncConnection, question: str) -> int:
    """The first answer to the question, as soon as there is one."""
    async with asyncio.timeout(30):
        while True:
            answer = await (await session.execute(question)).fetchone()
            if answer is not None:
                return int(answer[0])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("idle", [-1, 3600])
def test_a_connection_that_was_ended_while_idle_fails_no_call(monkeypatch: pytest.MonkeyPatch, idle: float) -> None:
    monkeypatch.setattr(pool, "IDLE", idle)
    connection.close()
    connection.close_pool()  # what tests before have left in it is not the point
    assert api().get("/events").status_code == 200
    connection.close()  # back into the pool
    with psycopg.connect(host=str(servers.home), user="postgres", autocommit=True) as session:
        session.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE usename = 'infloo_app' AND datname = %s",
            [connection.settings_dict["NAME"]],
        )
    assert api().get("/events").status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("idle", "times"), [(-1, 4), (3600, 1)])
def test_a_connection_in_use_costs_no_round_trip(monkeypatch: pytest.MonkeyPatch, idle: float, times: int) -> None:
    asked: list[object] = []
    monkeypatch.setattr(pool, "IDLE", idle)
    monkeypatch.setattr(ConnectionPool, "check_connection", asked.append)
    with ConnectionPool(kwargs=connection.get_connection_params(), min_size=1, check=pool.check) as connections:
        for _ in range(4):
            with connections.connection() as taken:
                taken.execute("SELECT 1")
    assert len(asked) == times


@pytest.mark.django_db(transaction=True)
def test_the_pool_connects_soon_after_an_outage() -> None:
    options = connection.settings_dict["OPTIONS"]["pool"] | {"timeout": 0.5}
    database = connection.settings_dict["NAME"]
    limit = f"ALTER DATABASE {database} CONNECTION LIMIT"
    with (
        psycopg.connect(host=str(servers.home), user="postgres", autocommit=True) as session,
        ConnectionPool(kwargs=connection.get_connection_params(), **options) as connections,
    ):
        session.execute(f"{limit} 0".encode())
        try:
            # Left to itself, the pool tries after 1, 3 and 7 seconds.
            end = time.monotonic() + 3.5
            while time.monotonic() < end:
                with pytest.raises(PoolTimeout):
                    connections.getconn()
        finally:
            session.execute(f"{limit} -1".encode())
        connections.putconn(connections.getconn(timeout=2.2))


def test_no_list_is_read_by_a_cursor_that_outlives_its_transaction() -> None:
    assert connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] is True


@pytest.fixture(params=[200, 0], ids=["statements prepared", "none prepared"])
def pooler(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[Path]:
    program = shutil.which("pgbouncer")
    if program is None:
        pytest.skip("no pgbouncer on PATH")
    setting = f"max_prepared_statements = {request.param}\n" if request.param else ""
    version = re.search(r"(\d+)\.(\d+)", subprocess.check_output([program, "--version"], text=True))
    # An older one is what PREPARE_STATEMENTS=off is for, and is tried with that.
    if setting and (version is None or (int(version[1]), int(version[2])) < (1, 21)):
        pytest.skip("a pgbouncer that knows no prepared statements")
    folder = servers.home / "pooler"
    folder.mkdir(mode=0o700)
    owner = servers.home.stat().st_uid
    (folder / "pooler.ini").write_text(POOLER.format(home=servers.home, folder=folder) + setting)
    for each in (folder, folder / "pooler.ini"):
        os.chown(each, owner, -1)
    process = subprocess.Popen([program, "-q", str(folder / "pooler.ini")], user=owner, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not (folder / ".s.PGSQL.6432").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
    yield folder
    process.kill()  # any other signal may wait until all have gone
    process.wait()
    shutil.rmtree(folder)


@pytest.fixture
def _through_it(request: pytest.FixtureRequest, pooler: Path) -> Iterator[None]:
    """Connections that open now go through the pooler; what cleans up after the test needs one that does not."""
    options = connection.settings_dict["OPTIONS"]
    connection.close()
    with pytest.MonkeyPatch.context() as changed:
        changed.setitem(connection.settings_dict, "PORT", "6432")
        changed.setitem(options, "host", str(pooler))
        changed.delitem(options, "pool")
        if "none prepared" in request.node.name:
            changed.setitem(options, "prepare_threshold", None)  # PREPARE_STATEMENTS=off
        yield
        connection.close()


def four_at_once(work: Callable[[], None]) -> None:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    threads = [Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.usefixtures("_through_it")
def test_four_long_lists_at_once_through_a_pooler() -> None:
    everything = Permission.objects.count()
    read: list[int] = []
    four_at_once(lambda: read.extend(len(list(Permission.objects.iterator(chunk_size=5))) for _ in range(5)))
    assert read == [everything] * 20


@pytest.mark.usefixtures("_through_it")
def test_calls_through_a_pooler_are_answered_by_whichever_connection(request: pytest.FixtureRequest) -> None:
    token = begin(alice()).access
    answered: list[int] = []
    prepared: list[int] = []

    def call() -> None:
        client = api(Authorization=f"Bearer {token}")
        paths = ("/events", "/connections", "/users/profile", "/notifications") * 5
        answered.extend(client.get(path).status_code for path in paths)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_prepared_statements")
            prepared.extend(cursor.fetchone() or ())

    four_at_once(call)
    assert answered == [200] * 80
    assert any(prepared) == ("none prepared" not in request.node.name)
