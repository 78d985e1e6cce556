"""What every test stands on: clean servers, no outside network, and for some a server and a browser."""

import asyncio
import ipaddress
import os
import socket
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest
import redis
import uvicorn
from django.db import connection
from django.test import TransactionTestCase
from playwright.sync_api import Browser, BrowserContext, Page, expect
from psycopg import sql

from apps.infra.owner import as_owner
from devtools import chromium
from devtools.embedded.postgres import APPLICATION
from ops.web import listen, web_server
from tests import comparisons, database, log_secrets, script_faults
from tests.settings import number, servers
from tests.tab import Tab

# Milliseconds. Pages are drawn by two cores that run other tests, too.
expect.set_options(timeout=20_000)

# Filled by migrations, needed by every test; roles are restored where a test changed them.
OF_ROLES = "auth_group", "auth_group_permissions"
KEPT = {"django_migrations", "django_content_type", "auth_permission", *OF_ROLES}
ROLES = """
    SELECT md5(string_agg(concat(g, p), chr(10) ORDER BY g.id, p.id))
    FROM auth_group g LEFT JOIN auth_group_permissions p ON p.group_id = g.id
"""

# Bytes of a table of which deleting all rows is faster than making its files anew.
SMALL = 256 * 1024
SIZES = """
    SELECT name, size FROM unnest(%s::text[]) name, pg_relation_size(name::regclass) size WHERE size > 0
"""
"""Of tables that never had a row, no more need be asked."""
RESTART_NUMBERS = """
    SELECT setval(s.seqrelid::regclass, s.seqstart, false)
    FROM pg_sequence s JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid
    WHERE d.deptype IN ('a', 'i') AND d.refobjid = ANY(%s::regclass[])
"""
HISTORIES_BEGIN_BEYOND_32_BITS = """
    DO $$ DECLARE sequence regclass; BEGIN
        FOR sequence IN SELECT d.objid::regclass FROM pg_depend d JOIN pg_attribute a
            ON d.refobjid = a.attrelid AND d.refobjsubid = a.attnum JOIN pg_sequence s ON s.seqrelid = d.objid
            WHERE d.deptype = 'i' AND a.atttypid = 'bigint'::regtype
                AND (a.attname IN ('history_id', 'm2m_history_id') OR d.refobjid = 'audit_entry'::regclass)
        LOOP EXECUTE format('ALTER SEQUENCE %s START WITH 3000000000 RESTART', sequence); END LOOP;
    END $$
"""
"""Whatever the suite does shows that it works with keys of this size."""

END_SESSIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = %s
"""


# What a test has published may still be on its way to the sockets of the next, which go by these numbers.
NUMBERED_ON = {"users_user", "chat_room"}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    for item in items:
        if {"page", "context", "browser"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("browser")
    yield
    # The first may have to migrate, which takes a process as long as the others need for tests without a database.
    # Last in each process: Playwright leaves an event loop running, in which no asynchronous test can start.
    first = next((item for item in items if _has_database(item)), None)
    items.sort(
        key=lambda item: (item is not first, item.get_closest_marker("browser") is not None, _has_database(item))
    )


def _has_database(item: pytest.Item) -> bool:
    needs = {"db", "transactional_db", "kept_schema", "page", "context", "browser"} & set(
        getattr(item, "fixturenames", ())
    )
    return bool(needs) or item.get_closest_marker("django_db") is not None or _is_of_django(item)


def _is_of_django(item: pytest.Item) -> bool:
    return isinstance(kind := getattr(item, "cls", None), type) and issubclass(kind, TransactionTestCase)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Files go by their place in the list: what they hold may tell the time, and processes must agree on the names."""
    return argname if isinstance(val, bytes) and len(val) > 40 else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """A test fails that wrote a secret into a log, or whose processes did."""
    report = yield
    if report.when == "teardown" and (found := log_secrets.found_in(report.capstderr)):
        report.outcome = "failed"
        report.longrepr = "\n".join(["Secrets in logs:", *dict.fromkeys(found)])
    return report


@pytest.fixture(scope="session", autouse=True)
def _logs_are_read() -> None:
    import config.asgi  # noqa: F401 - which configures the logs when it is imported, and not again

    log_secrets.write_as_production()
    log_secrets.plant_messages()


@pytest.fixture(scope="session", autouse=True)
def _comparisons_are_kept() -> Iterator[None]:
    with comparisons.kept():
        yield


# --- Data -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def broker() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(servers.redis_url(number, user="default")) as client:
        yield client
        # Infloo goes on without a right that it lacks, and would limit less.
        assert [entry["object"] for entry in client.acl_log()] == []


@pytest.fixture(autouse=True)
def _empty_broker(broker: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    from apps.infra import limits, valkey

    broker.flushdb()
    # After a test without a broker, none would be asked for two seconds.
    valkey._server.cache_clear()
    monkeypatch.setattr(limits, "_counters", limits._Counters())


def _superuser() -> psycopg.Connection:
    return psycopg.connect(
        host=str(servers.home), user="postgres", dbname=connection.settings_dict["NAME"], autocommit=True
    )


def _filled(session: psycopg.Connection, tables: list[str]) -> dict[str, int]:
    """Those of the tables that have rows, with their sizes in bytes."""
    sizes: dict[str, int] = dict(session.execute(SIZES, [tables]).fetchall())
    if not sizes:
        return {}
    with_rows = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {0} WHERE EXISTS (SELECT FROM {1})").format(name, sql.Identifier(name)) for name in sizes
    )
    return {name: sizes[name] for (name,) in session.execute(with_rows)}


def _empty(session: psycopg.Connection, sizes: dict[str, int]) -> None:
    """Empty the tables of these sizes in bytes, and begin their numbers anew, but for what sockets go by.

    Waits for what is still being written, as TRUNCATE does, which takes 40 ms a table to make new files for it.
    """
    if not sizes:
        return
    identifiers = {name: sql.Identifier(name) for name in sizes}
    with session.transaction():
        session.execute(sql.SQL("LOCK TABLE {}").format(sql.SQL(", ").join(identifiers.values())))
        large = [identifiers[name] for name, size in sizes.items() if size > SMALL]
        if large:
            session.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(large)))
        for name, size in sizes.items():
            if size <= SMALL:
                session.execute(sql.SQL("DELETE FROM {}").format(identifiers[name]))
        session.execute(RESTART_NUMBERS, [list(sizes.keys() - NUMBERED_ON)])


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> Iterator[ExitStack]:
    """The database is made, migrated and dropped by its owner; tests go by the application's role, as what serves does.

    Yields what ends the owner's turn.
    """
    with ExitStack() as turn:
        turn.enter_context(as_owner())
        yield turn


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_modify_db_settings: ExitStack) -> bool:
    """Whether the database is there already, so that nothing is left to migrate."""
    return database.restore()


@pytest.fixture(scope="session")
def kept_schema() -> bytes | None:
    """The schema that a run has migrated, this one or an earlier one; None where none has."""
    return database.kept()


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, django_db_keepdb: bool, django_db_modify_db_settings: ExitStack
) -> Iterator[None]:
    """After a transactional test, empty what it filled.

    Django's own way would empty every table, make permissions and roles anew, and be refused by the
    triggers of history and audit.
    """
    if not django_db_keepdb:
        database.keep()
    with _superuser() as session:
        # Tests of plans ask for new figures in the transaction that wrote the rows.
        session.execute(HISTORIES_BEGIN_BEYOND_32_BITS)
        session.execute(f"GRANT MAINTAIN ON ALL TABLES IN SCHEMA public TO {APPLICATION}")
        tables = [name for (name,) in session.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        roles = session.execute(ROLES).fetchone()
    tables = sorted(set(tables) - KEPT)

    # One session for all tests: a new one reads what it knows of every table anew.
    with _superuser() as session:
        session.execute("SET session_replication_role = replica")
        session.execute("SET lock_timeout = '10s'")
        for name in OF_ROLES:
            session.execute(f"CREATE TEMP TABLE first_{name} AS TABLE {name}")

        def empty(_: TransactionTestCase | None = None) -> None:
            _empty(session, _filled(session, tables))
            if session.execute(ROLES).fetchone() == roles:
                return
            with session.transaction():
                for name in OF_ROLES:
                    session.execute(f"DELETE FROM {name}; INSERT INTO {name} TABLE first_{name}")  # noqa: S608

        TransactionTestCase._fixture_teardown = empty
        django_db_modify_db_settings.close()
        empty()  # of the history of roles, whose numbers are from before
        yield
        # To drop the database, PostgreSQL would wait five seconds for those who are left.
        session.execute(END_SESSIONS, [APPLICATION])
    django_db_modify_db_settings.enter_context(as_owner())


# --- Network --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    connect = socket.socket.connect

    def connect_nearby(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and not _is_loopback(address[0]):
            raise OSError(f"Tests reach this machine only, not {address[0]}.")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_nearby)
        yield


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# --- A server, and a browser that looks at it -----------------------------------------------------------------------


# Seconds that a server may take to answer what was asked before its test ended.
AT_WORK_FOR = 5


@contextmanager
def serving() -> Iterator[tuple[str, uvicorn.Server]]:
    """A server in a thread of this process, with an event loop and so with a hub of its own."""
    from config.asgi import application

    listener = listen("127.0.0.1", 0)
    server = web_server(application)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", server
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="session")
def _stack() -> Iterator[tuple[str, uvicorn.Server]]:
    with serving() as served:
        yield served


@pytest.fixture
def stack_url(transactional_db: None, _stack: tuple[str, uvicorn.Server]) -> Iterator[str]:
    """HTTP and sockets on one port of this machine, on the data of this test."""
    url, server = _stack
    yield url
    # What a page that is closed now had asked last may still be writing.
    if at_work := set(server.server_state.tasks):
        loop = next(iter(at_work)).get_loop()
        asyncio.run_coroutine_threadsafe(asyncio.wait(at_work, timeout=AT_WORK_FOR), loop).result()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    # Playwright keeps an event loop running, in which Django would refuse the test its database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    return browser_type_launch_args | {
        "executable_path": chromium.find(),
        "args": [
            "--no-sandbox",
            "--disable-gpu",
            "--in-process-gpu",  # nothing but the compositor is left of it
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            # A page is left before it pays to optimize its scripts, axe's above all.
            "--js-flags=--no-opt,--no-maglev",
        ],
    }


@pytest.fixture(scope="session")
def browser(browser: Browser) -> Browser:
    """A browser all of whose pages are listened to."""
    new_context = browser.new_context

    def new_heard_context(**options: Any) -> BrowserContext:
        return script_faults.listen(new_context(**options))

    browser.new_context = new_heard_context
    return browser


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any], stack_url: str) -> Iterator[dict[str, Any]]:
    """`page.goto("/admin/")` means the server of the test; the window is that of a small desk.

    A test fails whose pages wanted what the content security policy does not permit, or whose scripts failed.
    """
    script_faults.found.clear()
    yield browser_context_args | {"base_url": stack_url, "viewport": {"width": 1366, "height": 768}}
    assert script_faults.found == []


@pytest.fixture(scope="session")
def _tabs(browser: Browser) -> Iterator[tuple[Tab, Tab]]:
    tabs = Tab(browser), Tab(browser)
    yield tabs
    for tab in tabs:
        tab.close()


@pytest.fixture
def page(
    request: pytest.FixtureRequest, _tabs: tuple[Tab, Tab], browser_context_args: dict[str, Any]
) -> Iterator[Page]:
    with _tabs[0].as_new(browser_context_args, request.session) as page:
        yield page


@pytest.fixture
def other_page(
    request: pytest.FixtureRequest, _tabs: tuple[Tab, Tab], browser_context_args: dict[str, Any]
) -> Iterator[Page]:
    """That of a second user, who is signed in by themselves."""
    with _tabs[1].as_new(browser_context_args, request.session) as page:
        yield page


@pytest.fixture
def context(page: Page) -> BrowserContext:
    return page.context
