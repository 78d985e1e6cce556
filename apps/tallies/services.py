"""Moves the parts of tallies together, and makes them what they should be."""

from __future__ import annotations

from django.db import connection, transaction

from apps.tallies.queues import OPEN, QUEUES
from apps.tallies.triggers import ADD, EPOCH, KEEP, Tallied

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('tallies'))"
DAYS = f"CASE WHEN starts_with(kind, '{QUEUES}') THEN interval '60 days' ELSE interval '1 day' END"
OVER = f"bucket < now() - {DAYS} AND right(kind, {len(OPEN)}) <> '{OPEN}'"
"""Counts are of the present, so that what lies a day back is the past for all of them. Queues look back some weeks, and
on what is open as far as it goes."""
LONG_PAST = f"CASE WHEN {OVER} THEN 'epoch' ELSE bucket END"

# Parts that are being added to stay for the next time; nobody waits for longer than this takes.
FOLD = f"""
    WITH moved AS (
        DELETE FROM tallies_tally WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM tallies_tally
            WHERE slot <> 0 OR bucket <> {EPOCH} AND {OVER}
            FOR UPDATE SKIP LOCKED
        ))
        RETURNING kind, {LONG_PAST} AS bucket, n
    )
    {ADD} SELECT kind, bucket, 0, sum(n) FROM moved GROUP BY 1, 2 HAVING sum(n) <> 0 {KEEP}
"""  # noqa: S608 - constants of this app


@transaction.atomic
def fold() -> None:
    """Move all parts into one for each bucket, and the buckets that are long past into one."""
    with connection.cursor() as cursor:
        cursor.execute(ONE_AT_A_TIME)
        cursor.execute(FOLD)
        cursor.execute("DELETE FROM tallies_tally WHERE slot = 0 AND n = 0")


@transaction.atomic
def recount(tallied: Tallied) -> int:
    """Make the tallies of a table what its rows are. Returns in how many buckets they were not.

    Rows and parts are read in one snapshot, so that writers need not stop. For the migration that begins a tally, and
    after a restore without triggers.
    """
    with connection.cursor() as cursor:
        cursor.execute(ONE_AT_A_TIME)
        cursor.execute(recounted(tallied))
        return cursor.rowcount


def recounted(tallied: Tallied) -> str:
    """SQL: adds what is missing of the tallies of a table."""
    return f"""
        {ADD} SELECT kind, {LONG_PAST}, 0, sum(n) FROM (
            SELECT kind, bucket, 1 AS n FROM {tallied.active(tallied.rows(tallied.table))}
            UNION ALL
            SELECT kind, bucket, -n FROM tallies_tally WHERE split_part(kind, '.', 1) = '{tallied.name}'
        ) AS every GROUP BY 1, 2 HAVING sum(n) <> 0 {KEEP}
    """  # noqa: S608 - constants of the apps
