"""Prepared statements: values go past the text, and a column that changes its type ends no statement."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from django.db import NotSupportedError, connection, transaction
from django.utils import timezone

from apps.infra.prepared import Prepared, Unpreparable, Value
from tests.settings import servers


class Named(Value):
    def __init__(self, name: str) -> None:
        self.name = name


def migrate(sql: str) -> None:
    """From another connection, of which ours hears nothing."""
    with psycopg.connect(servers.owner_database_url(connection.settings_dict["NAME"])) as other:
        other.execute(sql.encode())


@pytest.fixture
def _sizes() -> Iterator[None]:
    migrate("CREATE TABLE prepared_sizes (size integer NOT NULL)")
    migrate("INSERT INTO prepared_sizes VALUES (1), (2)")
    yield
    connection.close()
    migrate("DROP TABLE prepared_sizes")


SIZES = Prepared("SELECT size FROM prepared_sizes WHERE size > %s ORDER BY 1", [Named("above")])


@pytest.mark.django_db
def test_values_and_constants_come_back_as_they_went_in() -> None:
    now, key = timezone.now(), uuid4()
    text = "SELECT %s::bigint, %s::timestamptz, %s::uuid, %s::text, %s::bigint[], %s, %s, '100 %%', %s::bigint"
    names = [Named(name) for name in ("number", "time", "key", "text", "list")]
    statement = Prepared(text, [*names, "it's \\ $1 %s", True, Named("number")])
    values = {"number": 2**40, "time": now, "key": key, "text": "Ünïcode'; --", "list": [1, 2**40]}
    [row] = statement.rows(values)
    assert row == (2**40, now, key, "Ünïcode'; --", [1, 2**40], "it's \\ $1 %s", True, "100 %", 2**40)
    assert statement.names == ("number", "time", "key", "text", "list")


def test_a_time_in_the_text_is_refused() -> None:
    with pytest.raises(Unpreparable, match="datetime"):
        Prepared("SELECT %s", [timezone.now()])


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_sizes")
def test_a_statement_outlives_a_change_of_type() -> None:
    assert SIZES.rows({"above": 0}) == [(1,), (2,)]
    migrate("ALTER TABLE prepared_sizes ALTER size TYPE numeric")
    assert SIZES.rows({"above": 0}) == [(1,), (2,)]
    migrate("ALTER TABLE prepared_sizes ALTER size TYPE integer")
    assert SIZES.rows({"above": 0}) == [(1,), (2,)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_sizes")
def test_within_a_transaction_a_change_of_type_fails_one_call() -> None:
    assert SIZES.rows({"above": 0}) == [(1,), (2,)]
    migrate("ALTER TABLE prepared_sizes ALTER size TYPE numeric")
    with pytest.raises(NotSupportedError), transaction.atomic():
        SIZES.rows({"above": 0})
    assert SIZES.rows({"above": 1}) == [(2,)]
