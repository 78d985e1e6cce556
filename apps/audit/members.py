"""What a many-to-many field has between two rows, in history: prepared, since each change of a row asks."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import connection

from apps.infra.prepared import Prepared, Value


@cache
def copy(field: Any, copies: Any) -> Prepared:
    """Of an `owner` and a new `version` of it: keep what the field has."""
    columns = [each.column for each in field.remote_field.through._meta.fields]
    now, _then = _both(field, copies, columns)
    table, into = _named(copies._meta.db_table), ", ".join(map(_named, [*columns, "history_id"]))
    text = f"INSERT INTO {table} ({into}) SELECT now.*, %s FROM ({now}) now RETURNING 1"  # noqa: S608 - our own models
    return Prepared(text, [Value("version"), Value("owner")])


@cache
def difference(field: Any, copies: Any) -> Prepared:
    """Of an `owner` and a `version` of it: whether the field has other rows than were kept, their keys aside."""
    columns = [each.column for each in field.remote_field.through._meta.fields if not each.primary_key]
    now, then = _both(field, copies, columns)
    text = f"SELECT EXISTS ({now} EXCEPT {then}) OR EXISTS ({then} EXCEPT {now})"
    return Prepared(text, [Value(name) for name in ("owner", "version", "version", "owner")])


def _both(field: Any, copies: Any, columns: list[str]) -> tuple[str, str]:
    """Columns of what the field has, and of what a version kept."""
    through, named = field.remote_field.through._meta, ", ".join(map(_named, columns))
    owner = _named(through.get_field(field.m2m_field_name()).column)
    return (
        f"SELECT {named} FROM {_named(through.db_table)} WHERE {owner} = %s",  # noqa: S608 - of our own models
        f"SELECT {named} FROM {_named(copies._meta.db_table)} WHERE history_id = %s",  # noqa: S608
    )


def _named(name: str) -> str:
    return connection.ops.quote_name(name)
