"""Integer keys made 64 bits wide by migrations that hold up no writer, and that go on where they were interrupted.

PostgreSQL would rewrite the table for a change of type, and let nobody at it meanwhile. Here a wide column grows beside
the narrow one: a trigger fills it in new rows, batches in those that are there, its indexes are made concurrently, and
one short transaction puts it in the place of the other.
"""

# ruff: noqa: S608 - names of tables and columns of our own models

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.contrib.postgres.operations import NotInTransactionMixin
from django.db import transaction
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.models import BigAutoField

from apps.infra.index_operations import is_valid, waiting_for_readers

BATCH = 5000
"""Rows of one transaction. Nobody waits for it: no table is locked, and the rows are versions that nobody changes."""
WIDE = "{}_64"
NARROW = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = to_regclass(%s) AND attname = ANY(%s) AND atttypid = 'integer'::regtype AND NOT attisdropped
"""
HAS_TRIGGER = "SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname = %s)"
HAS_CONSTRAINT = "SELECT convalidated FROM pg_constraint WHERE conrelid = %s::regclass AND conname = %s"
APPEND_ONLY = r"""
    SELECT array_agg(tgname)::text FROM pg_trigger
    WHERE tgrelid = %s::regclass AND tgname LIKE 'pgtrigger\_append\_only\_rows\_%%'
"""
NOT_NULL = """
    SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'n' AND conkey =
        (SELECT array_agg(attnum) FROM pg_attribute WHERE attrelid = conrelid AND attname = %s)
"""
"""From PostgreSQL 18 on, which names it by the column that it was made for."""
INDEXES = """
    SELECT relname, indisprimary, pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON oid = indexrelid
    WHERE indrelid = %s::regclass AND indkey[0] IN
        (SELECT attnum FROM pg_attribute WHERE attrelid = indrelid AND attname = %s) AND indnatts = 1
    ORDER BY relname
"""


class WidenKeys(NotInTransactionMixin, Operation):
    """Makes integer keys of several models 64 bits wide, in a migration that is not `atomic`.

    It can be run again after it was interrupted anywhere. All is one change of the state, since Django renders most
    models for each. Unapplied, it leaves the columns wide: the code before works on them.

    Args:
        columns: of each model, by its name, the columns that are `integer`; the one that is its key comes first.
    """

    atomic = False
    category = OperationCategory.ALTERATION

    def __init__(self, columns: Mapping[str, Sequence[str]]) -> None:
        self.columns = columns

    def describe(self) -> str:
        return f"Make keys of {', '.join(sorted(self.columns))} 64 bits wide"

    def state_forwards(self, app_label: str, state: Any) -> None:
        for name, columns in self.columns.items():
            fields = state.models[app_label, name].fields
            fields[columns[0]] = BigAutoField(editable=False, primary_key=True, serialize=False)
        state.reload_models({(app_label, name) for name in self.columns}, delay=True)

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._ensure_not_in_transaction(schema_editor)
        for name, columns in self.columns.items():
            # From the state: a model of it would have most models rendered.
            table = to_state.models[app_label, name].options.get("db_table") or f"{app_label}_{name}"
            narrow = _Catalog(schema_editor, table).narrow(columns)
            if narrow:
                _Widening(schema_editor, table, columns[0], narrow).run()

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _Catalog:
    """What PostgreSQL knows of a table."""

    editor: Any
    table: str

    def rows(self, sql: str, *params: Any) -> list[Any]:
        with self.editor.connection.cursor() as cursor:
            cursor.execute(sql, [self.table, *params])
            return list(cursor.fetchall())

    def narrow(self, columns: Sequence[str]) -> list[str]:
        found = {name for (name,) in self.rows(NARROW, list(columns))}
        return [name for name in columns if name in found]

    def has_trigger(self, name: str) -> bool:
        [(found,)] = self.rows(HAS_TRIGGER, name)
        return bool(found)

    def constraint(self, name: str) -> bool | None:
        """Whether the constraint is validated; None where there is none."""
        found = self.rows(HAS_CONSTRAINT, name)
        return found[0][0] if found else None


class _Widening:
    """The columns `narrow` of one table, of which `key` is its primary key. Each step looks whether it is done."""

    def __init__(self, editor: Any, table: str, key: str, narrow: Sequence[str]) -> None:
        self.catalog, self.editor, self.key, self.narrow = _Catalog(editor, table), editor, key, narrow
        quote = editor.quote_name
        self.name = f"{table}_widen"
        self.table, self.own = quote(table), quote(self.name)
        self.pairs = [(quote(column), quote(WIDE.format(column))) for column in narrow]
        """Of each column its own name, and the name of the wide one."""

    def run(self) -> None:
        self._add_columns()
        self._fill()
        self._prove()
        self._make_indexes()
        self._swap()

    def _add_columns(self) -> None:
        """With the trigger in the same transaction, so that no row comes between."""
        if self.catalog.has_trigger(self.name):
            return
        copied = " ".join(f"NEW.{wide} := NEW.{narrow};" for narrow, wide in self.pairs)
        with self._alone():
            added = ", ".join(f"ADD COLUMN {wide} bigint" for _narrow, wide in self.pairs)
            self._execute(f"ALTER TABLE {self.table} {added}")
            self._execute(
                f"CREATE FUNCTION {self.own}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {copied} RETURN NEW; END $$"
            )
            self._execute(
                f"CREATE TRIGGER {self.own} BEFORE INSERT ON {self.table} FOR EACH ROW EXECUTE FUNCTION {self.own}()"
            )

    def _fill(self) -> None:
        key, wide_key = self.pairs[0]
        copied = ", ".join(f"{wide} = {narrow}" for narrow, wide in self.pairs)
        [(guards,)] = self.catalog.rows(APPEND_ONLY)
        last = -(2**31) - 1
        while True:
            batch = f"SELECT {key} FROM {self.table} WHERE {key} > %s ORDER BY {key} LIMIT {BATCH}"
            with transaction.atomic(self.editor.connection.alias), self.editor.connection.cursor() as cursor:
                cursor.execute(f"SELECT max({key}) FROM ({batch}) AS batch", [last])
                [until] = cursor.fetchone()
                if until is None:
                    return
                # What keeps versions from being changed lets this through: for this transaction, of the owner's.
                cursor.execute("SELECT set_config('pgtrigger.ignore', %s, true)", [guards or "{}"])
                cursor.execute(
                    f"UPDATE {self.table} SET {copied} WHERE {key} > %s AND {key} <= %s AND {wide_key} IS NULL",
                    [last, until],
                )
            last = until

    def _prove(self) -> None:
        """What is proved beside writers needs no look at the rows when all others wait."""
        proved = self.catalog.constraint(self.name)
        if proved is None:
            equal = " AND ".join(f"{wide} IS NOT NULL AND {wide} = {narrow}" for narrow, wide in self.pairs)
            with self._alone():
                self._execute(f"ALTER TABLE {self.table} ADD CONSTRAINT {self.own} CHECK ({equal}) NOT VALID")
        if not proved:
            with waiting_for_readers(self.editor):
                self._execute(f"ALTER TABLE {self.table} VALIDATE CONSTRAINT {self.own}")

    def _make_indexes(self) -> None:
        with waiting_for_readers(self.editor):
            for narrow, wide in self.pairs:
                for name, _primary, definition in self.catalog.rows(INDEXES, narrow.strip('"')):
                    valid = is_valid(self.editor, _wide_index(name))
                    if valid:
                        continue
                    made = self.editor.quote_name(_wide_index(name))
                    if valid is False:
                        self._execute(f"DROP INDEX CONCURRENTLY {made}")
                    unique = "UNIQUE " if definition.startswith("CREATE UNIQUE") else ""
                    self._execute(f"CREATE {unique}INDEX CONCURRENTLY {made} ON {self.table} ({wide})")

    def _swap(self) -> None:
        quote, indexes = self.editor.quote_name, []
        for narrow, _wide in self.pairs:
            indexes += self.catalog.rows(INDEXES, narrow.strip('"'))
        with self._alone(), self.editor.connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {self.table} IN ACCESS EXCLUSIVE MODE")
            cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [self.table, self.key])
            [sequence] = cursor.fetchone()
            if sequence:
                cursor.execute(f"SELECT last_value, is_called FROM {sequence}")
                position = cursor.fetchone()
            cursor.execute(f"DROP TRIGGER {self.own} ON {self.table}")
            cursor.execute(f"DROP FUNCTION {self.own}")
            # Before a narrow column goes, and with it the constraint that spares the look at all rows.
            for _narrow, wide in self.pairs:
                cursor.execute(f"ALTER TABLE {self.table} ALTER COLUMN {wide} SET NOT NULL")
            for narrow, wide in self.pairs:
                cursor.execute(f"ALTER TABLE {self.table} DROP COLUMN {narrow}")
                cursor.execute(f"ALTER TABLE {self.table} RENAME COLUMN {wide} TO {narrow}")
                for (name,) in self.catalog.rows(NOT_NULL, narrow.strip('"')):
                    named = quote(f"{self.catalog.table}_{narrow.strip('"')}_not_null")
                    cursor.execute(f"ALTER TABLE {self.table} RENAME CONSTRAINT {quote(name)} TO {named}")
            for name, primary, _definition in indexes:
                made = quote(_wide_index(name))
                if primary:
                    added = f"ADD CONSTRAINT {quote(name)} PRIMARY KEY USING INDEX {made}"
                    cursor.execute(f"ALTER TABLE {self.table} {added}")
                else:
                    cursor.execute(f"ALTER INDEX {made} RENAME TO {quote(name)}")
            if sequence:
                identity = f"ADD GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME {sequence})"
                cursor.execute(f"ALTER TABLE {self.table} ALTER COLUMN {quote(self.key)} {identity}")
                cursor.execute("SELECT setval(%s, %s, %s)", [sequence, *position])

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """A transaction that no vacuum is in the way of: one that began after so many updates gives way after a second,
        which is longer than a lock that others wait behind may take."""
        with transaction.atomic(self.editor.connection.alias):
            with waiting_for_readers(self.editor):
                self._execute(f"LOCK TABLE {self.table} IN SHARE UPDATE EXCLUSIVE MODE")
            yield

    def _execute(self, sql: str) -> None:
        self.editor.execute(sql, None)


def _wide_index(name: str) -> str:
    """Names of indexes may be as long as names can be already."""
    return f"wide_{sha256(name.encode()).hexdigest()[:16]}"
