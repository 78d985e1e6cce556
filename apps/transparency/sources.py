"""The rows that are leaves of the log, read as they are stored: by SQL, past whatever fields make of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction
from psycopg import sql

from apps.audit.log_tables import log_tables
from infloo_verify import canonical

PARTS = {
    # What the reversal of a decision changes later is in the versions of what was decided.
    "decisions.decision": (
        "id", "batch", "verb", "actor_id", "target_type", "target_id", "reason", "overrides_id", "made_at",
    ),
}  # fmt: skip
"""Tables of which leaves cover some columns alone: those that never change. Reveals are audit entries already."""

AS_STORED = """
    SELECT set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO, YMD', true),
        set_config('intervalstyle', 'postgres', true), set_config('bytea_output', 'hex', true),
        set_config('extra_float_digits', '1', true)
"""
"""So that a value has the same text in every session."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose rows are leaves."""

    label: str
    model: type[models.Model]

    @property
    def name(self) -> str:
        return self.model._meta.db_table

    @property
    def key(self) -> str:
        return str(self.model._meta.pk.column)

    def columns(self) -> list[str]:
        """The columns that leaves cover from now on, the key first: all that the table has, or those of `PARTS`."""
        if self.label in PARTS:
            return list(PARTS[self.label])
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
                " ORDER BY attname",
                [connection.ops.quote_name(self.name)],
            )
            found = [name for (name,) in cursor.fetchall()]
        return [self.key, *(name for name in found if name != self.key)]

    def rows(self, columns: Sequence[str], where: sql.Composable, params: Sequence[Any], most: int) -> list[Row]:
        """At most `most` rows, by their number, as the stored text of each column; inside `as_stored`."""
        query = sql.SQL("SELECT {} FROM {} AS stored WHERE {} ORDER BY {} LIMIT {}").format(
            sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in columns),
            sql.Identifier(self.name),
            where,
            sql.Identifier(self.key),
            sql.Literal(most),
        )
        with connection.cursor() as cursor:
            cursor.execute(query, params)
            return cursor.fetchall()

    def by_number(self, columns: Sequence[str], numbers: Sequence[int]) -> dict[int, Row]:
        """Rows as the stored text of each column, by their numbers; inside `as_stored`."""
        where = sql.SQL("{} = ANY(%s)").format(sql.Identifier(self.key))
        return {int(row[0] or 0): row for row in self.rows(columns, where, [list(numbers)], len(numbers))}


type Row = Sequence[str | None]


def row_bytes(label: str, columns: Sequence[str], row: Row) -> bytes:
    return canonical(label, zip(columns, row, strict=True))


@contextmanager
def as_stored() -> Iterator[None]:
    """A transaction in which values have one and the same text."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(AS_STORED)
        yield


@cache
def tables() -> dict[str, Table]:
    """Every table whose rows are leaves, by the label of its model: entries, versions, decisions and purges."""
    found = [source.model for source in log_tables()]
    # The rows that many-to-many fields had at each version, which the library keeps in tables of their own.
    found += [model for model in apps.get_models() if model._meta.pk.name == "m2m_history_id"]
    found += [apps.get_model(label) for label in (*PARTS, "transparency.purge")]
    return {model._meta.label_lower: Table(model._meta.label_lower, model) for model in found}
