"""Sessions beside that of the test: of the platform's own role, and of a superuser who turns the triggers off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection

from tests.settings import servers


def connected() -> psycopg.Connection:
    params = {key: value for key, value in connection.get_connection_params().items() if key != "cursor_factory"}
    return psycopg.connect(**params)


@contextmanager
def attacker() -> Iterator[psycopg.Connection]:
    """A superuser whose changes pass by all triggers."""
    name = connection.settings_dict["NAME"]
    with psycopg.connect(host=str(servers.home), user="postgres", dbname=name, autocommit=True) as session:
        session.execute("SET session_replication_role = replica")
        yield session


def restart_numbers() -> None:
    """Let entries be numbered from 1, whatever earlier tests have used up."""
    with attacker() as session:
        session.execute("ALTER TABLE audit_entry ALTER COLUMN id RESTART WITH 1")
