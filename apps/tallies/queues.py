"""The items of a queue by when they came in and when they were decided: a desk's figures read none of them."""

from __future__ import annotations

from apps.tallies.buckets import ByTime
from apps.tallies.triggers import Tallied

QUEUES = "queue_"
OPEN = ".open"
"""What the kinds of queues begin with, and what that of open items ends with."""
MINUTES = 15
"""The midnights of all time zones are whole quarters of an hour."""
LONGEST_HOURS = 9999
"""Longer ones are taken for this long: no goal is."""


class ByQueue:
    """What is counted of a queue, by the SQL of its columns."""

    def __init__(self, name: str, table: str, *, open_rows: str, arrived: str, decided: str, decider: str) -> None:
        name, hours = f"{QUEUES}{name}", f"ceil(extract(epoch FROM {decided} - {arrived}) / 3600)"
        self.came = ByTime(f"{name}.came", arrived, MINUTES)
        self.open = ByTime(f"{name}{OPEN}", arrived, MINUTES, condition=open_rows)
        self.went = ByTime(
            f"{name}.went", decided, MINUTES, condition=f"{decided} IS NOT NULL", by=f"coalesce({decider}::text, '')"
        )
        """By who decided."""
        self.took = ByTime(
            f"{name}.took",
            decided,
            MINUTES,
            condition=f"{decided} IS NOT NULL",
            by=f"greatest(0, least({LONGEST_HOURS}, {hours}))::int",
        )
        """By the hours from coming in to the decision, begun ones counted whole."""
        self.tallied = Tallied(name, table, times=(self.came, self.open, self.went, self.took))
