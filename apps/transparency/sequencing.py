"""Adds rows to the log, in batches, after they have been committed: those who write them do nothing for it.

Numbers are given out before a row is committed, so a lower one may appear after a higher one. A number is final only
once every transaction that may still use it has ended. A transaction locks the table (ROW EXCLUSIVE) before it is given
a number (of an identity column of cache 1, as Django makes them): those that may use a number up to the last one given
out by now have this lock now. That is noted in `Source`; once none of them is left, what is not there up to this number
will never be.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _
from psycopg import sql

from apps.errors import Conflict
from apps.transparency import tree
from apps.transparency.models import Leaf, Purge, Shape, Source, Tile
from apps.transparency.sources import Row, Table, as_stored, row_bytes, tables
from infloo_verify import SALT, commitment, leaf_hash

BATCH = 2000
"""Rows that one transaction adds; what they take of memory and how long others wait for the log."""
LOCK = 0x1F106
"""Of those who change the log: one at a time, each for one transaction."""

WRITERS = """
    SELECT DISTINCT virtualtransaction FROM pg_locks
    WHERE locktype = 'relation' AND relation = %s::regclass AND granted AND pid IS DISTINCT FROM pg_backend_pid()
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND mode = 'RowExclusiveLock'
"""
LAST_NUMBERS = """
    SELECT label, COALESCE(pg_sequence_last_value(pg_get_serial_sequence(name, key)::regclass), 0)
    FROM unnest(%s::text[], %s::text[], %s::text[]) AS given (label, name, key)
"""
ADD = """
    INSERT INTO transparency_leaf (index, row, source_id, shape_id, salt, commitment)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bytea[], %s::bytea[])
"""
PUT_TILE = """
    INSERT INTO transparency_tile (level, number, hashes) VALUES (%s, %s, %s)
    ON CONFLICT (level, number) DO UPDATE SET hashes = EXCLUDED.hashes
"""


@contextmanager
def changing_log() -> Iterator[None]:
    """A transaction in which the log is changed by no other."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        yield


def size() -> int:
    """The number of leaves."""
    last = Leaf.objects.order_by("-index").values_list("index", flat=True).first()
    return 0 if last is None else last + 1


def read_tile(level: int, number: int) -> bytes:
    found = Tile.objects.filter(level=level, number=number).values_list("hashes", flat=True).first()
    return bytes(found or b"")


def sequence() -> int:
    """Add every row that is committed by now and not in the log yet; the number of rows added.

    Several at once share the work. Cut off at any moment, the next call goes on from what was committed.
    """
    added, known = 0, {source.label: source for source in Source.objects.all()}
    last = _last_numbers(list(tables().values()))
    for label, table in tables().items():
        source = known.get(label)
        if source is not None and source.pending is None and source.done == last[label]:
            continue  # nothing came in: most tables, most of the time
        pass_ = Pass(table)
        while pass_.is_open:
            added += pass_.step()
    return added


def _last_numbers(wanted: Sequence[Table]) -> dict[str, int]:
    """The last number given out in each table, by its label; 0 where none was."""
    quote = connection.ops.quote_name
    given = zip(*((table.label, quote(table.name), table.key) for table in wanted), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(LAST_NUMBERS, [list(each) for each in given])
        return dict(cursor.fetchall())


@dataclass
class Pass:
    """One way through the rows of a table that are not in the log yet, a batch at a time."""

    table: Table
    after: int | None = None
    """The last row that this pass has added; None before its first step."""
    final: int | None = None
    """Up to this number no further rows will appear; None where writers may still be at it."""
    is_open: bool = True

    def step(self) -> int:
        """Add the next batch; the number of rows added."""
        with changing_log():
            source, _made = Source.objects.get_or_create(label=self.table.label)
            if self.after is None:
                self._begin(source)
                self.after = source.done
            if not self.is_open:
                return 0
            with as_stored():
                shape = Shape.objects.get_or_create(source=source, columns=self.table.columns())[0]
                found = self._rows(shape, source, self.after)
                _append(source, shape, self.table, found)
            self.is_open = len(found) == BATCH
            if found:
                self.after = int(found[-1][0] or 0)
            if self.final is not None:
                source.done = max(source.done, min(self.final, self.after) if self.is_open else self.final)
            if source.pending is not None and source.done >= source.pending:
                source.pending, source.writers = None, []
            source.save()
        return len(found)

    def _begin(self, source: Source) -> None:
        """Find up to which number the rows are final. Of what is read later on, all that is committed is seen."""
        last = _last_numbers([self.table])[self.table.label]
        writers = self._writers()
        source.done = min(source.done, last)  # lower where numbers were begun anew
        if source.pending is None:
            self.is_open = last > source.done
            source.pending, source.writers = last, sorted(writers)
        if not writers.intersection(source.writers):
            self.final = source.pending

    def _rows(self, shape: Shape, source: Source, start: int) -> list[Row]:
        """The next rows that have no leaf, by their number."""
        query = sql.SQL(
            "SELECT {} FROM {} AS stored WHERE stored.{key} > %s AND NOT EXISTS"
            " (SELECT FROM transparency_leaf AS leaf WHERE leaf.source_id = %s AND leaf.row = stored.{key})"
            " ORDER BY stored.{key} LIMIT %s"
        ).format(
            sql.SQL(", ").join(sql.SQL("stored.{}::text").format(sql.Identifier(name)) for name in shape.columns),
            sql.Identifier(self.table.name),
            key=sql.Identifier(self.table.key),
        )
        with connection.cursor() as cursor:
            cursor.execute(query, [start, source.pk, BATCH])
            return cursor.fetchall()

    def _writers(self) -> set[str]:
        with connection.cursor() as cursor:
            cursor.execute(WRITERS, [connection.ops.quote_name(self.table.name)])
            return {name for (name,) in cursor.fetchall()}


def _append(source: Source, shape: Shape, table: Table, rows: list[Row]) -> None:
    if not rows:
        return
    start, salts = size(), os.urandom(SALT * len(rows))
    each_salt = [salts[at : at + SALT] for at in range(0, len(salts), SALT)]
    entries = [
        commitment(salt, row_bytes(table.label, shape.columns, row)) for salt, row in zip(each_salt, rows, strict=True)
    ]
    tiles = tree.grown(start, map(leaf_hash, entries), read_tile)
    many = len(rows)
    with connection.cursor() as cursor:
        numbers = [int(row[0] or 0) for row in rows]
        values: list[Any] = [
            list(range(start, start + many)),
            numbers,
            [source.pk] * many,
            [shape.pk] * many,
            each_salt,
            entries,
        ]
        cursor.execute(ADD, values)
        cursor.executemany(PUT_TILE, [(*where, hashes) for where, hashes in tiles.items()])


def record_purge(label: str, *, first_row: int, last_row: int, count: int) -> Purge:
    """Note that `count` rows between two go by the retention schedule, in the transaction that deletes them.

    Raises `Conflict` where rows up to the last are not all in the log yet.
    """
    done = Source.objects.filter(label=label).values_list("done", flat=True).first() or 0
    if last_row > done:
        raise Conflict("not-in-log", _("These rows are not all in the log yet. Try again in a few minutes."))
    return Purge.objects.create(label=label, first_row=first_row, last_row=last_row, count=count)
