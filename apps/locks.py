"""How long a change waits for rows that another change has locked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext as _
from psycopg.errors import LockNotAvailable

from apps.errors import Conflict


@contextmanager
def waiting_at_most(longest: timedelta) -> Iterator[None]:
    """Wait so long for each lock that queries in the block take. Raises `Conflict` where one takes longer."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('lock_timeout'), set_config('lock_timeout', %s, true)",
                [f"{longest // timedelta(milliseconds=1)}ms"],
            )
            usual, _now = cursor.fetchone()
            yield
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [usual])
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        said = _("Another change to one of these rows is still running. Nothing was changed. Try again.")
        raise Conflict("locked", said) from error
