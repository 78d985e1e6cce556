"""The time zones that staff may choose from: those by which pages and the database reckon alike."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.db import connection

UTC = "UTC"


@cache
def time_zones() -> frozenset[str]:
    """The names that Python and PostgreSQL both know; each has a list of its own, which may lack old names."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        known = {name for (name,) in cursor.fetchall()}
    return frozenset({UTC, *(known & available_timezones())})


def time_zone(name: str) -> ZoneInfo:
    """The zone of that name, or UTC where it is known no more."""
    return ZoneInfo(name if name != UTC and name in time_zones() else UTC)
