"""A database that takes what it is sent and answers nothing, or is not there: soon an error, which says so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection, connections
from django.test import Client

from benchmarks.chaos.proxy import Proxy
from config import silence
from config.postgresql.base import DatabaseWrapper
from tests import people
from tests.client import api, assert_problem
from tests.settings import servers

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    monkeypatch.setattr(silence, "SILENCE", 0.2)
    monkeypatch.setattr(silence, "PROBE", 0.5)
    with Proxy(servers.postgres.socket_file) as led:
        yield led


@pytest.fixture
def led(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All of this process goes to the database through the proxy."""
    database = connections["default"]
    assert isinstance(database, DatabaseWrapper)
    monkeypatch.setattr(silence, "REST", 0.5)
    database.close()
    database.close_pool()
    with monkeypatch.context() as changed:
        for name, value in (("HOST", "127.0.0.1"), ("PORT", str(proxy.port))):
            changed.setitem(database.settings_dict, name, value)
        yield
        database.close()
        database.close_pool()


def address(proxy: Proxy) -> dict[str, Any]:
    return {
        "host": "127.0.0.1", "port": proxy.port, "user": "infloo_app", "dbname": connection.settings_dict["NAME"],
        "autocommit": True,
    }  # fmt: skip


def test_a_statement_is_given_up_where_the_server_is_silent_not_where_it_is_busy(proxy: Proxy) -> None:
    with silence.Connection.connect(**address(proxy)) as session:
        assert session.execute("SELECT 1 FROM pg_sleep(0.7)").fetchone() == (1,)
        proxy.is_silent = True
        started = time.monotonic()
        with pytest.raises(psycopg.OperationalError, match="does not answer"):
            session.execute("SELECT 1")
        assert time.monotonic() - started < 5
        assert session.closed


def test_a_worker_gives_up_a_silent_server_too(proxy: Proxy) -> None:
    async def run() -> None:
        async with await silence.AsyncConnection.connect(**address(proxy)) as session:
            cursor = await session.execute("SELECT 1 FROM pg_sleep(0.7)")
            assert await cursor.fetchone() == (1,)
            # Who listens is owed no answer.
            await session.execute("LISTEN nothing")
            assert [each async for each in session.notifies(timeout=0.5)] == []
            proxy.is_silent = True
            with pytest.raises(psycopg.OperationalError, match="does not answer"):
                await asyncio.wait_for(session.execute("SELECT 1"), 5)

    asyncio.run(run())


def test_callers_wait_once_for_a_silent_database_and_others_not_at_all(proxy: Proxy, led: None) -> None:
    """Django opens another connection at the end of a transaction whose own was lost, and the pool has five seconds."""
    app, console = api(people.alice()), Client(raise_request_exception=False)
    console.force_login(people.compliance(), backend="apps.users.backends.Accounts")
    account = {"username": "grace", "email": "grace@infloo.example", "password": "Harbour-Light-42", "role": "brand"}
    register, profile = "/users/auth/register", "/users/profile"
    assert app.get(profile).status_code == 200
    proxy.is_silent = True
    calls: tuple[tuple[Callable[[], Any], float], ...] = (
        (lambda: api().post(register, account), 2.5),
        (lambda: app.patch(profile, {"bio": "Hello"}), 0.3),
        (lambda: console.get("/admin/compliance/"), 0.3),
    )
    for call, seconds in calls:
        started = time.monotonic()
        assert call().status_code == 503
        assert time.monotonic() - started < seconds
    proxy.mend()
    while app.get(profile).status_code == 503:  # until a caller may go first
        assert time.monotonic() - started < 15


def test_users_and_staff_are_told_that_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    app, console = api(people.alice()), Client(raise_request_exception=False)
    console.force_login(people.compliance(), backend="apps.users.backends.Accounts")
    connection.close()
    with monkeypatch.context() as changed:
        changed.delitem(connection.settings_dict["OPTIONS"], "pool")
        changed.setitem(connection.settings_dict["OPTIONS"], "host", "/nowhere")
        for answer in (app.get("/users/profile"), api().get("/events")):
            assert_problem(answer, 503, "database-away")
            assert answer["Retry-After"] == "5"
        page = console.get("/admin/compliance/")
        assert (page.status_code, "Try again shortly" in page.text) == (503, True)
        part = console.get("/admin/compliance/", headers={"Accept": "application/json"})
        assert (part.status_code, "Try again shortly" in part.json()["sentence"]) == (503, True)
        connection.close()
