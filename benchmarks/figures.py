"""Figures of many measurements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median, quantiles

type Row = dict[str, float]
"""Figures of one call by their names: `per_second`, `p50_ms`, `p99_ms`, `cpu_ms` a call, `database_cpu_ms` a call."""


def summary(seconds_each: Sequence[float], over: float) -> Row:
    """Per second, and the time that half, 95 and 99 of 100 stay within, in milliseconds."""
    cuts = quantiles(seconds_each, n=100) if len(seconds_each) > 1 else list(seconds_each) * 99
    return {
        "per_second": round(len(seconds_each) / over, 1),
        "p50_ms": round(cuts[49] * 1000, 2),
        "p95_ms": round(cuts[94] * 1000, 2),
        "p99_ms": round(cuts[98] * 1000, 2),
    }


def medians(rounds: Sequence[Row]) -> Row:
    """Of each figure that all rounds have."""
    names = [name for name in rounds[0] if all(name in row for row in rounds)]
    return {name: round(median(row[name] for row in rounds), 3) for name in names}


def ratio(ours: float | None, theirs: float | None) -> float | None:
    """How many times theirs ours is; none where one of them was not measured."""
    return round(ours / theirs, 2) if ours and theirs else None


def median_ratio(pairs: Iterable[tuple[float | None, float | None]]) -> float | None:
    """The median over rounds of ours to theirs: each pair was measured at about the same time."""
    known = [one for ours, theirs in pairs if (one := ratio(ours, theirs)) is not None]
    return round(median(known), 2) if known else None
