"""A new row, with its first version where it has any, in one prepared statement: Django writes each anew."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, cast

from django.db import connection, models
from django.db.models.signals import post_save, pre_save
from django.db.transaction import mark_for_rollback_on_error
from simple_history.signals import post_create_historical_record, pre_create_historical_record

from apps.audit.encryption import encrypted_fields, keys_held
from apps.infra.prepared import Prepared, Value


class Stamp(NamedTuple):
    """What a version has beside the columns of its row."""

    history_date: datetime
    history_user_id: int | None
    history_change_reason: str | None
    request_id: str
    action: str


class _Parameter(Value):
    def __init__(self, name: str) -> None:
        self.name = name


def is_insertable(obj: models.Model) -> bool:
    """Whether all that saving this new row does is done by the statement: history alone listens to it."""
    model, history = type(obj), getattr(type(obj), "history", None)
    if history is None or obj.pk is not None or not obj._state.adding:
        return False
    version = history.model
    return (
        not hasattr(obj, "skip_history_when_saving")
        and _has_plain_columns(model)
        and len(pre_save._live_receivers(model)[0]) == 0
        and len(post_save._live_receivers(model)[0]) == 1
        and len(pre_create_historical_record._live_receivers(version)[0]) == 1
        and len(post_create_historical_record._live_receivers(version)[0]) == 0
    )


def insert(obj: models.Model, stamp: Stamp) -> None:
    """Insert a row for which `is_insertable`, with its first version. Sets its key."""
    with mark_for_rollback_on_error(using="default"):
        [(obj.pk,)] = _statement(type(obj)).rows(_values(obj) | stamp._asdict() | _encrypted(obj, stamp))
    obj._state.adding, obj._state.db = False, "default"


def insert_alone(obj: models.Model) -> None:
    """Insert a row that has no history and that nothing listens to. Sets its key."""
    with mark_for_rollback_on_error(using="default"):
        [(obj.pk,)] = _row_statement(type(obj)).rows(_values(obj))
    obj._state.adding, obj._state.db = False, "default"


def _values(obj: models.Model) -> dict[str, Any]:
    return {field.attname: field.get_db_prep_save(field.pre_save(obj, True), connection) for field in _written(obj)}


def _encrypted(obj: models.Model, stamp: Stamp) -> dict[str, Any]:
    """The values of the encrypted columns of the version."""
    fields = encrypted_fields(cast(Any, obj).history.model)
    plain = {field: vars(obj).get(field.attname, stamp.history_change_reason) for field in fields}
    with keys_held(getattr(obj, field.person) for field, value in plain.items() if value):
        return {
            _of_version(field): field.get_db_prep_save(field.encrypted(plain[field], obj), connection)
            for field in fields
        }


def _of_version(field: Any) -> str:
    """The name of a value that a column of the version does not share with the row."""
    return f"version.{field.attname}"


@cache
def _has_plain_columns(model: Any) -> bool:
    """Whether each column has a value of its row, known before it has its key, and each version is one row."""
    meta, version = model._meta, model.history.model
    return (
        not meta.parents
        and not version._history_m2m_fields
        and isinstance(meta.pk, models.AutoField | models.BigAutoField)
        and not any(field.has_db_default() or field.generated for field in meta.concrete_fields)
        and all(field.person != meta.pk.attname for field in encrypted_fields(version))
    )


def _written(model: Any) -> list[Any]:
    return [field for field in model._meta.concrete_fields if not field.primary_key]


@cache
def _row_statement(model: Any) -> Prepared:
    quote = connection.ops.quote_name
    text, values = _insertion(model)
    return Prepared(f"{text} RETURNING {quote(model._meta.pk.column)}", values)


def _insertion(model: Any) -> tuple[str, list[_Parameter]]:
    """The statement that inserts a row, with its values."""
    quote = connection.ops.quote_name
    written = _written(model)
    columns = ", ".join(quote(field.column) for field in written)
    text = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({', '.join(['%s'] * len(written))})"  # noqa: S608
    return text, [_Parameter(field.attname) for field in written]


@cache
def _statement(model: Any) -> Prepared:
    version: Any = model.history.model
    quote = connection.ops.quote_name
    insertion, values = _insertion(model)
    columns: dict[str, Any] = {field.attname: field for field in version._meta.concrete_fields}
    own = {field: _Parameter(_of_version(field)) for field in encrypted_fields(version)}
    stamped = own | {field: _Parameter(name) for name in Stamp._fields if (field := columns[name]) not in own}
    kept = [quote(field.column) for field in version.tracked_fields if columns[field.attname] not in own]
    text = f"""
        WITH made AS (
            {insertion} RETURNING *
        ), version AS (
            INSERT INTO {quote(version._meta.db_table)}
                ({", ".join([*kept, "history_type", *(quote(field.column) for field in stamped)])})
            SELECT {", ".join([*kept, "'+'", *(f"%s::{field.db_type(connection)}" for field in stamped)])}
            FROM made
        )
        SELECT {quote(model._meta.pk.column)} FROM made
    """  # noqa: S608 - of our own models
    return Prepared(text, [*values, *stamped.values()])
