"""Rows straight into tables, past models: for amounts and for times that a service would not write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, models


@dataclass(frozen=True)
class Stored:
    """A file in storage, as the columns of documents and stories describe it."""

    name: str
    media_type: str
    size: int
    sha256: str


def store(name: str, media_type: str, content: bytes) -> Stored:
    stored_as = default_storage.save(name, ContentFile(content))
    return Stored(stored_as, media_type, len(content), sha256(content).hexdigest())


def reserve_ids(model: type[models.Model], count: int) -> range:
    """As many IDs, which the table's sequence gives to no other row. Raises `RuntimeError` where others take some."""
    if not count:
        return range(0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [model._meta.db_table])
        [sequence] = cursor.fetchone()
        cursor.execute(
            "SELECT min(id), max(id) FROM (SELECT nextval(%s) FROM generate_series(1, %s)) AS taken (id)",
            [sequence, count],
        )
        first, last = cursor.fetchone()
    if last - first >= count:
        raise RuntimeError(f"Others write {model._meta.label} at the same time.")
    return range(first, last + 1)


def copy_rows(model: type[models.Model], columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Write `rows` of the named attributes with COPY; what is not named gets the default of its field."""
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    named = [by_name.pop(name) for name in columns]
    rest = [field for field in by_name.values() if not field.primary_key and not field.null]
    defaults = tuple(field.get_db_prep_save(field.get_default(), connection) for field in rest)
    names = ", ".join(connection.ops.quote_name(str(field.column)) for field in (*named, *rest))
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row + defaults)
