"""Figures of many measurements."""

from collections.abc import Sequence
from statistics import quantiles


def summary(seconds_each: Sequence[float], over: float) -> dict[str, float]:
    """Per second, and the time that half and 95 of 100 stay within, in milliseconds."""
    cuts = quantiles(seconds_each, n=100) if len(seconds_each) > 1 else list(seconds_each) * 99
    return {
        "per_second": round(len(seconds_each) / over, 1),
        "median_ms": round(cuts[49] * 1000, 1),
        "p95_ms": round(cuts[94] * 1000, 1),
    }
