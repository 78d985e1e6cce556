"""How long queries may run, and changes wait for rows that another change has locked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext as _
from psycopg.errors import LockNotAvailable, QueryCanceled

from apps.errors import Conflict


class TooLong(Exception):
    """The database ended a query at its limit."""


@contextmanager
def running_at_most(longest: timedelta) -> Iterator[None]:
    """Let each query in the block run for so long. Raises `TooLong`."""
    with _limited("statement_timeout", longest, QueryCanceled):
        yield


@contextmanager
def waiting_at_most(longest: timedelta) -> Iterator[None]:
    """Wait so long for each lock that queries in the block take. Raises `Conflict` where one takes longer."""
    try:
        with _limited("lock_timeout", longest, LockNotAvailable):
            yield
    except TooLong as error:
        said = _("Another change to one of these rows is still running. Nothing was changed. Try again.")
        raise Conflict("locked", said) from error


@contextmanager
def _limited(setting: str, longest: timedelta, ended: type[Exception]) -> Iterator[None]:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting(%s), set_config(%s, %s, true)",
                [setting, setting, f"{longest // timedelta(milliseconds=1)}ms"],
            )
            usual, _now = cursor.fetchone()
            yield
            cursor.execute("SELECT set_config(%s, %s, true)", [setting, usual])
    except OperationalError as error:
        if not isinstance(error.__cause__, ended):
            raise
        raise TooLong from error
