"""How large a page is drawn."""

from __future__ import annotations

from typing import NamedTuple

# Browsers draw no much longer sides.
LONGEST_SIDE = 32_000
MOST_PIXELS = 30_000_000


class Bounds(NamedTuple):
    """How large a page is drawn."""

    side: int
    """The longer side, in pixels."""
    short: int
    """The shorter side of what is so long that it could not be read otherwise; the longer one then has as it needs."""


def drawn_size(width: float, height: float, bounds: Bounds, *, enlarged: float) -> tuple[int, int]:
    """The size in pixels at which a page is drawn, at most `enlarged` times its own."""
    long, short = max(width, height, 1), max(min(width, height), 1)
    scale = max(bounds.side / long, min(bounds.short / short, LONGEST_SIDE / long, (MOST_PIXELS / long / short) ** 0.5))
    scale = min(scale, enlarged)
    return max(1, round(width * scale)), max(1, round(height * scale))
