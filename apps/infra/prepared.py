"""Statements that PostgreSQL parses and plans once for each connection, since most of the time of a short one is that.

Django binds values into the text itself, which makes each call another text to PostgreSQL. These go through Django's
own connection and cursor wrapper all the same: transactions, query counts and errors are as everywhere. The setting
`prepare_threshold` of the connection must be a number: without one psycopg ignores `prepare=True` and says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple, cast
from uuid import uuid4

import psycopg
from django.db import NotSupportedError, connection
from psycopg import sql
from psycopg.types.numeric import Int8

PLACEHOLDER = re.compile(r"%%|%s")
NUMBERED = re.compile(r"\$([0-9]+)")
LITERALS = (bool, int, str)


class Value:
    """The place of a call's own value, by its name, in the parameters of a statement."""

    def __init__(self, name: str) -> None:
        self.name = name


class Unpreparable(TypeError):
    """A parameter is neither a value of each call nor one that may stand in the text for good, as a time would."""


class Prepared:
    """One statement. `text` and `params` are as for a cursor, save that params may hold `Value`s.

    All other parameters become a part of the text, so that the planner knows them: partial indexes stay usable.
    """

    def __init__(self, text: str, params: Sequence[Any]) -> None:
        given = iter(params)
        names: list[str] = []
        self.text = PLACEHOLDER.sub(lambda found: "%" if found[0] == "%%" else _placed(next(given), names), text)
        self.names = tuple(names)
        """Of its values, in the order of their numbers: the first is $1."""

    def rows(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """All rows for these values; further ones are ignored. Raises `KeyError` for one that is missing."""
        params = [_as_bigint(values[name]) for name in self.names]
        try:
            return _run(self.text, params)
        except NotSupportedError as error:
            if not _is_outdated(error):
                raise
            if connection.in_atomic_block:
                # It has ended the transaction. The pool throws a closed connection away, and its plans with it.
                cast(Any, connection.connection).close()
                raise
        forget_all()
        return _run(self.text, params)


def forget_all() -> None:
    """Have this connection prepare all statements anew."""
    # By psycopg's own cursor, which takes notice; and each time by another text: see
    # findings/psycopg-deallocate-all-unnoticed.sh.
    psycopg.Cursor(cast(Any, connection.connection)).execute(f"DEALLOCATE ALL /* {uuid4()} */".encode())


class _Cursor(psycopg.RawCursor[tuple[Any, ...]]):
    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        super().execute(query, params, prepare=True)
        self._query = cast(Any, _Logged(query, params))  # read by Django's log of queries
        return self


class _Logged(NamedTuple):
    """A statement as the log of queries has it, and a test explains it: with its values."""

    text: str
    params: Sequence[Any]

    @property
    def query(self) -> bytes:
        return NUMBERED.sub(lambda found: sql.Literal(self.params[int(found[1]) - 1]).as_string(), self.text).encode()


def _placed(param: Any, names: list[str]) -> str:
    if isinstance(param, Value):
        if param.name not in names:
            names.append(param.name)
        return f"${names.index(param.name) + 1}"
    constant = param.value if isinstance(param, Enum) else param
    if constant is None:
        return "NULL"
    for kind in LITERALS:
        if isinstance(constant, kind):  # also the numbers of psycopg, which are an `int` with a width
            return sql.Literal(kind(constant)).as_string()
    raise Unpreparable(f"{type(param).__name__} in a prepared statement: make it a value of each call.")


def _as_bigint(value: Any) -> Any:
    """Whole numbers always of eight bytes: PostgreSQL would prepare the statement once for each width."""
    if type(value) is int:
        return Int8(value)
    return [_as_bigint(each) for each in value] if type(value) is list else value


def _run(text: str, params: list[Any]) -> list[tuple[Any, ...]]:
    connection.ensure_connection()
    # Logged where a test counts queries, but not for DEBUG alone, where nobody reads the log.
    wrap: Any = connection.make_debug_cursor if connection.force_debug_cursor else connection.make_cursor
    with wrap(_Cursor(cast(Any, connection.connection))) as cursor:
        cursor.execute(text, params)
        return cast(list[tuple[Any, ...]], cursor.fetchall())


def _is_outdated(error: NotSupportedError) -> bool:
    """Whether the type of a column has changed since the statement was prepared, as by a migration."""
    return isinstance(error.__cause__, psycopg.errors.FeatureNotSupported) and "cached plan" in str(error)
