"""What the application's role may do in the database. `migrate` applies it; nothing else grants anything."""

from __future__ import annotations

from django.conf import settings
from django.db import connection, transaction
from psycopg import sql

APPLY = """
    REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {role};
    REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC, {role};
    GRANT CONNECT ON DATABASE {database} TO {role};
    GRANT USAGE ON SCHEMA {schema} TO {role};
    REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role};
    REVOKE ALL ON ALL SEQUENCES IN SCHEMA {schema} FROM {role};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role};
    ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
    ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE ON SEQUENCES TO {role};
"""
"""A table that a migration makes is the application's to use from the moment on: a trigger may write it for code of the
release before, which serves meanwhile."""
APPEND_ONLY = r"""
    SELECT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE tgname LIKE 'pgtrigger\_append\_only\_rows\_%%' AND relnamespace = current_schema()::regnamespace
"""
"""History and audit: whatever has the trigger that refuses changes."""
READ_ONLY = ("django_migrations",)
"""Filled by `migrate` alone."""
REWRITTEN = ("audit_personkey",)
"""By `backup`, with VACUUM, so that destroyed keys are not copied; see `ops.recovery.keys`."""
TOO_MUCH = """
    SELECT rolsuper OR rolcreaterole OR rolbypassrls OR rolreplication OR pg_has_role(rolname, current_user, 'MEMBER')
        OR EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid AND relpersistence <> 't')
    FROM pg_roles WHERE rolname = %s
"""


class NoRole(Exception):
    """The role of DATABASE_URL is not there, or stands above what it may not do."""


@transaction.atomic
def apply() -> None:
    """Give the application's role what it needs and no more, by the owner's connection. Raises `NoRole`.

    Others see all of it at once, so that it may be applied again while the application serves.
    """
    application = settings.DATABASES["default"]["USER"]
    with connection.cursor() as cursor:
        cursor.execute(TOO_MUCH, [application])
        match cursor.fetchone():
            case None:
                raise NoRole(f"The database has no role “{application}”, which DATABASE_URL names: see the runbook.")
            case (True,):
                raise NoRole(
                    f"The role “{application}” of DATABASE_URL owns tables, is a member of their owner, or may do what"
                    " only an administrator may: no grant limits it. See the runbook."
                )
        cursor.execute("SELECT current_schema(), current_database()")
        schema, database = cursor.fetchone()
        names = {"schema": schema, "database": database, "role": application}
        quoted = {name: sql.Identifier(value) for name, value in names.items()}
        cursor.execute(sql.SQL(APPLY).format(**quoted))
        cursor.execute(APPEND_ONLY)
        narrowed = {table: "UPDATE, DELETE" for (table,) in cursor.fetchall()}
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename = ANY(%s)", [schema, [*READ_ONLY]]
        )
        narrowed |= {table: "INSERT, UPDATE, DELETE" for (table,) in cursor.fetchall()}
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename = ANY(%s)", [schema, [*REWRITTEN]]
        )
        for (table,) in cursor.fetchall():
            grant = "GRANT MAINTAIN ON {table} TO {role}"
            cursor.execute(sql.SQL(grant).format(table=sql.Identifier(table), **quoted))
        for table, rights in narrowed.items():
            revoke = "REVOKE " + rights + " ON {table} FROM {role}"
            cursor.execute(sql.SQL(revoke).format(table=sql.Identifier(table), **quoted))
