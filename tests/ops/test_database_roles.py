"""The role that serves owns nothing, and can change neither history nor audit, whatever statement it is made to run."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg import errors, sql

from apps.infra.owner import as_owner
from devtools.embedded.postgres import OWNER
from ops import grants
from tests.ops.production import PRODUCTION, start_each
from tests.settings import servers

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED_ON_EACH = (
    "UPDATE {} SET request_id = request_id WHERE false",
    "DELETE FROM {} WHERE false",
    "TRUNCATE {}",
    "TRUNCATE {} CASCADE",
    "MERGE INTO {} AS old USING (SELECT 1) AS new ON false WHEN MATCHED THEN DELETE",
    "SELECT FROM {} FOR UPDATE",
    "DO $$ BEGIN LOCK TABLE {} IN ACCESS EXCLUSIVE MODE; END $$",
    "ALTER TABLE {} DISABLE TRIGGER ALL",
    "ALTER TABLE {} DISABLE TRIGGER USER",
    "ALTER TABLE {} ADD COLUMN more text",
    "ALTER TABLE {} OWNER TO infloo_app",
    "CREATE TRIGGER more BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE more AS ON INSERT TO {} DO INSTEAD NOTHING",
    "CREATE INDEX ON {} (request_id)",
    "DROP TABLE {}",
    "DROP TABLE {} CASCADE",
)
REFUSED = (
    "SET session_replication_role = replica",
    "SET ROLE infloo",
    "SET SESSION AUTHORIZATION infloo",
    "CREATE TABLE public.mine (id bigint)",
    "CREATE TEMPORARY TABLE mine (id bigint)",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA mine",
    "CREATE DATABASE mine",
    "CREATE ROLE mine",
    "ALTER ROLE infloo_app SUPERUSER",
    "ALTER ROLE infloo PASSWORD 'mine'",
    "DROP SCHEMA public CASCADE",
    "COPY audit_entry FROM PROGRAM 'true'",
    "ALTER EVENT TRIGGER mine DISABLE",
    "INSERT INTO django_migrations (app, name, applied) VALUES ('audit', 'mine', now())",
    "SELECT setval('audit_entry_id_seq', 1)",
)
OWNED = """
    SELECT relname FROM pg_class WHERE relowner = 'infloo_app'::regrole
    UNION ALL SELECT proname FROM pg_proc WHERE proowner = 'infloo_app'::regrole
    UNION ALL SELECT nspname FROM pg_namespace WHERE nspowner = 'infloo_app'::regrole
    UNION ALL SELECT typname FROM pg_type WHERE typowner = 'infloo_app'::regrole
    UNION ALL SELECT datname FROM pg_database WHERE datdba = 'infloo_app'::regrole
    UNION ALL SELECT 'a member of ' || roleid::regrole FROM pg_auth_members WHERE member = 'infloo_app'::regrole
"""
SEQUENCES = """
    SELECT seqrelid::regclass::text FROM pg_sequence WHERE NOT has_sequence_privilege('infloo_app', seqrelid, 'USAGE')
"""
RIGHTS = """
    SELECT string_agg(right_, ' ' ORDER BY right_) FROM unnest(
        '{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER,MAINTAIN}'::text[]
    ) AS right_ WHERE has_table_privilege('infloo_app', %s, right_)
"""
GRANTED = "SELECT string_agg(relname || relacl::text, ' ' ORDER BY relname) FROM pg_class WHERE relacl IS NOT NULL"
EVERYTHING = "DELETE INSERT SELECT UPDATE"


def histories() -> list[str]:
    tables = {model._meta.db_table for model in apps.get_models()}
    return sorted({table for table in tables if "_historical" in table} | {"audit_entry"})


@pytest.fixture
def session() -> Iterator[psycopg.Connection]:
    """As an intruder in a process that serves has it."""
    database = connection.settings_dict["NAME"]
    with (
        psycopg.connect(host=str(servers.home), user="postgres", dbname=database, autocommit=True) as superuser,
        psycopg.connect(servers.database_url(database), autocommit=True) as session,
    ):
        # Tests alone may maintain all tables, for plans.
        with as_owner():
            grants.apply()
        yield session
        superuser.execute("GRANT MAINTAIN ON ALL TABLES IN SCHEMA public TO infloo_app")


def refusal(session: psycopg.Connection, statement: sql.SQL | sql.Composed) -> str:
    """Empty where the statement is not refused for want of a right."""
    try:
        session.execute(statement)
    except (errors.InsufficientPrivilege, errors.UndefinedObject) as error:
        return str(error)
    except errors.UndefinedColumn:  # looked for before the right to it
        return "no such column"
    return ""


def test_no_statement_changes_history_or_audit(session: psycopg.Connection) -> None:
    tables = histories()
    assert len(tables) > 25
    let_through = [
        statement
        for table in tables
        for statement in REFUSED_ON_EACH
        if not refusal(session, sql.SQL(statement).format(sql.Identifier(table)))
    ]
    assert let_through == []
    assert [statement for statement in REFUSED if not refusal(session, sql.SQL(statement))] == []


def test_the_role_that_serves_owns_nothing(session: psycopg.Connection) -> None:
    assert session.execute(OWNED).fetchall() == []
    [(limited,)] = session.execute(
        "SELECT NOT (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)"
        " FROM pg_roles WHERE rolname = current_user"
    )
    assert limited


def test_each_table_gives_the_rights_that_its_code_needs(session: psycopg.Connection) -> None:
    found = {}
    for (table,) in session.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
        [(found[table],)] = session.execute(RIGHTS, [table])
    of_the_log = (f"transparency_{name}" for name in ("checkpoint", "leaf", "purge", "shape"))
    expected = dict.fromkeys(found, EVERYTHING) | dict.fromkeys([*histories(), *of_the_log], "INSERT SELECT")
    rewritten = {"audit_personkey": "DELETE INSERT MAINTAIN SELECT UPDATE"}
    assert found == expected | rewritten | {"django_migrations": "SELECT"}
    assert session.execute(SEQUENCES).fetchall() == []


def test_grants_may_be_applied_again_and_hold_for_tables_to_come(session: psycopg.Connection) -> None:
    with as_owner(), connection.cursor() as cursor:
        grants.apply()
        cursor.execute(GRANTED)
        before = cursor.fetchone()
        grants.apply()
        cursor.execute(GRANTED)
        assert cursor.fetchone() == before
        cursor.execute("CREATE TABLE made_by_a_migration (id bigint GENERATED BY DEFAULT AS IDENTITY)")
        try:
            session.execute("INSERT INTO made_by_a_migration DEFAULT VALUES")
            session.execute("UPDATE made_by_a_migration SET id = 7")
        finally:
            cursor.execute("DROP TABLE made_by_a_migration")


@pytest.mark.parametrize("standing", [f"IN ROLE {OWNER}", "SUPERUSER"], ids=["a member of the owner", "a superuser"])
def test_a_role_that_no_grant_limits_is_refused(standing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"unlimited_{connection.settings_dict['NAME']}"  # others of the run go by the application's role meanwhile
    monkeypatch.setitem(settings.DATABASES["default"], "USER", name)
    with psycopg.connect(host=str(servers.home), user="postgres", autocommit=True) as session:
        session.execute(f"CREATE ROLE {name} {standing}".encode())
        try:
            with pytest.raises(CommandError, match="no grant limits it"):
                call_command("migrate", verbosity=0)
        finally:
            session.execute(f"DROP ROLE {name}".encode())


def test_a_single_role_still_serves_with_a_warning() -> None:
    alone = {name: value for name, value in PRODUCTION.items() if name != "OWNER_DATABASE_URL"}
    alone["DATABASE_URL"] = servers.owner_database_url(connection.settings_dict["NAME"])
    [done] = start_each([alone], "manage.py", "check", "--deploy")
    assert done.returncode == 0
    assert "infloo.W001" in done.stderr
    [done] = start_each([alone], "manage.py", "migrate", "--check")
    assert done.returncode == 0, done.stderr
