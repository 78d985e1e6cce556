"""The time zones that staff may choose from: those that Python and PostgreSQL share."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.db import connection

UTC = "UTC"


@cache
def time_zones() -> frozenset[str]:
    """The names of the time zones that both have; each has a list of its own, which may lack old names."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        known = {name for (name,) in cursor.fetchall()}
    return frozenset({UTC, *(known & available_timezones())})


def time_zone(name: str) -> ZoneInfo:
    """The time zone `name`, or UTC where there is none of that name any more."""
    return ZoneInfo(name if name != UTC and name in time_zones() else UTC)
