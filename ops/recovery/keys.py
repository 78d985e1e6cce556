"""Keeps destroyed keys of persons out of base backups."""

from __future__ import annotations

import time
from datetime import datetime

import psycopg
from django.db import OperationalError, connection

from apps.privacy.models import Erasure
from ops.recovery.programs import Failed

LOCK_TIMEOUT = 500
"""Milliseconds: those who come after it wait behind it."""
WAITS = (1, 1, 2, 2, 5, 5, 10, 10, 30)
"""Seconds before each new try."""


def rewrite_keys(since: datetime | None) -> bool:
    """Rewrite the table of keys if a person was erased since then; says whether it was.

    A destroyed key stays in the file of the table as the former version of its row, and is copied with it. VACUUM
    may leave its bytes in free space; only a new file is surely without them. Raises `Failed` where the
    table is always in use.
    """
    erased = Erasure.objects.filter(status=Erasure.Status.DONE)
    if not (erased if since is None else erased.filter(ended_at__gte=since)).exists():
        return False
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {LOCK_TIMEOUT}")
        try:
            for wait in (*WAITS, None):
                try:
                    cursor.execute("VACUUM FULL audit_personkey")
                    break
                except OperationalError as error:
                    if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                        raise
                    if wait is None:
                        raise Failed(
                            "The table of keys is in use all the time: destroyed keys would be copied."
                        ) from None
                    time.sleep(wait)
        finally:
            cursor.execute("RESET lock_timeout")
    return True
