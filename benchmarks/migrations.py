"""`python -m benchmarks.migrations REF`: how long others wait while tables of a million rows are migrated.

Migrates as the commit REF did, fills the tables that migrations since then change, and runs each of those by `migrate`,
while for each table one session keeps reading and one keeps writing as the application does. Prints how long each
migration took and the longest that one statement beside it waited. With --busy, transactions that read the tables stay
open for so many seconds each, as a long export does: `migrate` must not have others wait behind them. Writes the
figures to var/bench-migrations.json.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import PurePath
from typing import Any

import psycopg
from psycopg import sql

from benchmarks import kept
from benchmarks.serving import environment_on, machine, manage, say
from devtools.embedded.pair import Pair
from devtools.embedded.throwaway import throwaway
from devtools.paths import CHECKOUT

PAUSE = 0.002
"""Seconds between two statements of a session."""
COLUMNS = """
    SELECT attname, atttypid::regtype::text, atttypmod - 4 FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = '' AND attgenerated = ''
        AND (attnotnull OR attname IN ('history_user_id', 'history_change_reason')) ORDER BY attnum
"""
VALUES = {
    "bigint": "n",
    "integer": "n::integer",
    "smallint": "1",
    "boolean": "false",
    "timestamp with time zone": "now() - n * interval '1 second'",
    "date": "current_date",
    "jsonb": "'{}'::jsonb",
    "text": "'Written before, number ' || n",
    "double precision": "n",
}
type Waits = dict[str, float]
"""Seconds of the longest statement, by what it does."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.migrations", description=__doc__)
    parser.add_argument("ref", help="the commit whose migrations are there already")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of each table (default 1,000,000)")
    parser.add_argument("--tables", help="with commas between them, in place of all that change")
    parser.add_argument("--busy", type=float, default=0, help="seconds of transactions beside (default: none)")
    options = parser.parse_args()
    with throwaway(durable=True) as servers:
        os.environ.update(environment_on(servers), DJANGO_SETTINGS_MODULE="config.settings")
        import django

        django.setup()
        pending = migrated_to(options.ref)
        changed = tables_of(pending)
        tables = options.tables.split(",") if options.tables else changed
        filled = {table: fill(servers, table, options.rows) for table in tables}
        figures = {
            "machine": machine(),
            "rows": options.rows,
            "busy": options.busy,
            "filled_in_seconds": filled,
            "beside nothing": rounded(waits_beside(servers, tables, options.busy, lambda: time.sleep(5))),
            "migrations": {f"{app}.{name}": timed(servers, tables, options.busy, app, name) for app, name in pending},
        }
    say(f"\n{options.rows:,} rows in each of {', '.join(tables)}. Longest wait, in ms:")
    say(f"  {'nothing beside':<40}{shown(figures['beside nothing'])}")
    for name, row in figures["migrations"].items():
        say(f"  {name:<40}{shown(row['longest_ms'])}   took {row['seconds']:.1f} s")
    kept.write_as("bench-migrations.json", figures)


def migrated_to(ref: str) -> list[tuple[str, str]]:
    """Migrate as that commit did. Returns the migrations since then, in their order."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    from apps.infra.owner import as_owner
    from ops import grants

    listed = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", ref], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.split()
    known = {PurePath(path).stem for path in listed if "/migrations/" in path}
    with as_owner():
        grants.apply()
        executor = MigrationExecutor(connection)
        plan = [migration for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
        ours = [migration for migration in plan if type(migration).__module__.startswith("apps.")]
        pending = [(migration.app_label, migration.name) for migration in ours if migration.name not in known]
        before = [(migration.app_label, migration.name) for migration in plan]
        executor.migrate([key for key in before if key not in pending])
        grants.apply()
    return pending


def tables_of(pending: Sequence[tuple[str, str]]) -> list[str]:
    """The tables that there are already and that the operations of these migrations name."""
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(connection)
    state, found = loader.project_state(), set()
    for app, name in pending:
        for operation in loader.graph.nodes[app, name].operations:
            named = [
                getattr(operation, "model_name", "") or "",
                *getattr(operation, "columns", ()),
                *getattr(operation, "add", ()),
            ]
            models = (state.models.get((app, each.lower())) for each in named)
            found |= {model.options.get("db_table") or f"{app}_{model.name_lower}" for model in models if model}
    return sorted(found & set(connection.introspection.table_names()))


def as_superuser(servers: Pair) -> psycopg.Connection[Any]:
    return psycopg.connect(host=str(servers.home), user="postgres", dbname="infloo", autocommit=True)


def row_of(session: psycopg.Connection[Any], table: str) -> tuple[sql.Composable, sql.Composable]:
    """The columns of a table that must have a value, and a value of each made of the number n."""
    found = session.execute(COLUMNS, [table]).fetchall()
    values = [
        sql.SQL(VALUES.get(kind, f"left(n::text, {length})"))  # the rest is text of some length
        for _name, kind, length in found
    ]
    return sql.SQL(", ").join(sql.Identifier(name) for name, _, _ in found), sql.SQL(", ").join(values)


INSERT = "INSERT INTO {table} ({columns}) SELECT {values} FROM generate_series({first}, {last}) AS n"


def inserting(session: psycopg.Connection[Any], table: str, first: int, last: int) -> sql.Composed:
    columns, values = row_of(session, table)
    named = {"table": sql.Identifier(table), "columns": columns, "values": values}
    return sql.SQL(INSERT).format(**named, first=sql.Literal(first), last=sql.Literal(last))


def fill(servers: Pair, table: str, rows: int) -> float | str:
    """Seconds, or why rows of such values cannot be. Past foreign keys and triggers."""
    began = time.perf_counter()
    with as_superuser(servers) as session:
        session.execute("SET session_replication_role = replica")
        try:
            session.execute(inserting(session, table, 1, rows))
        except psycopg.Error as error:
            say(f"{table} stays empty: {error.diag.message_primary}")
            return str(error.diag.message_primary)
        session.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table)))
    say(f"{table}: {rows:,} rows")
    return round(time.perf_counter() - began, 1)


def timed(servers: Pair, tables: Sequence[str], busy: float, app: str, name: str) -> dict[str, Any]:
    say(f"{app}.{name} ...")
    began = time.perf_counter()
    command = ("migrate", app, name, "--verbosity", "0")
    waits = waits_beside(servers, tables, busy, lambda: manage(environment_on(servers), *command))
    seconds = round(time.perf_counter() - began, 1)
    say(f"  {seconds:,.1f} s, others waited at most: {shown(rounded(waits))} ms")
    return {"seconds": seconds, "longest_ms": rounded(waits)}


def waits_beside(servers: Pair, tables: Sequence[str], busy: float, work: Any) -> Waits:
    """The longest waits of sessions that read and write these tables while `work` runs."""
    waits: Waits = {"read": 0.0, "write": 0.0}
    with ExitStack() as stack:
        for table in tables:
            read = sql.SQL("SELECT FROM {} WHERE ctid = '(0,1)'").format(sql.Identifier(table))
            stack.enter_context(beside(servers, read, waits, "read", 0))
            # A version stands by itself; of other tables, whose rows have relations, one is locked as a change does.
            write = sql.SQL("SELECT FROM {} WHERE ctid = '(0,1)' FOR UPDATE").format(sql.Identifier(table))
            if "_historical" in table or table == "audit_entry":
                with as_superuser(servers) as session:
                    write = inserting(session, table, 1, 1)
            stack.enter_context(beside(servers, write, waits, "write", 0))
            if busy:
                stack.enter_context(beside(servers, read, {}, "busy", busy))
        work()
    return waits


@contextmanager
def beside(servers: Pair, statement: sql.Composed, waits: Waits, name: str, stays: float) -> Iterator[None]:
    """A session of the application's role that runs the statement over and over, each time in a transaction that stays
    open for so many seconds."""
    ends, failed = threading.Event(), []

    def run() -> None:
        with psycopg.connect(servers.database_url(), autocommit=True) as session:
            while not ends.wait(PAUSE):
                began = time.perf_counter()
                try:
                    with session.transaction():
                        session.execute(statement)
                        ends.wait(stays)
                except psycopg.Error as error:
                    failed.append(str(error))
                    return
                waits[name] = max(waits.get(name, 0.0), time.perf_counter() - began)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()
    if failed:
        raise SystemExit(f"A session beside failed to {name}: {failed[0]}")


def rounded(waits: Waits) -> dict[str, float]:
    """Milliseconds."""
    return {name: round(seconds * 1000, 1) for name, seconds in waits.items()}


def shown(longest: dict[str, float]) -> str:
    return "  ".join(f"{name} {milliseconds:>7,.0f}" for name, milliseconds in longest.items())


if __name__ == "__main__":
    main()
