"""Bars as SVG, by text alone: groups of bars along one scale, readable on light pages and on dark ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 760, 130, 70
TOP, BAR, GAP, BETWEEN = 64, 14, 3, 14
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 14px }
  .value { fill: #59636e }
  .bar0 { fill: #0969da } .bar1 { fill: #bf8700 } .bar2 { fill: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .value { fill: #9198a1 }
    .bar0 { fill: #58a6ff } .bar1 { fill: #d29922 } .bar2 { fill: #656c76 }
  }
"""


@dataclass(frozen=True)
class Group:
    """What is measured, and its figure of each series; none where it was not measured."""

    name: str
    values: Sequence[float | None]


def bars(title: str, series: Sequence[str], groups: Sequence[Group]) -> str:
    """An SVG document."""
    most = max((value for group in groups for value in group.values if value), default=1.0)
    parts, y = [_text(16, 24, title, "title"), *_legend(series)], TOP
    for group in groups:
        shown = [(place, value) for place, value in enumerate(group.values) if value is not None]
        height = max(1, len(shown)) * (BAR + GAP)
        parts.append(_text(LEFT - 8, y + height / 2 + 3, group.name, "name", "end"))
        for place, value in shown:
            length = (WIDTH - LEFT - RIGHT) * value / most
            parts.append(f'<rect class="bar{place}" x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2"/>')
            parts.append(_text(LEFT + length + 6, y + BAR - 3, f"{value:,.2f}", "value"))
            y += BAR + GAP
        y += BETWEEN
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" role="img">'
    return "\n".join([head, f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", *parts, "</svg>", ""])


def _legend(series: Sequence[str]) -> list[str]:
    parts, x = [], float(LEFT)
    for place, name in enumerate(series):
        parts.append(f'<rect class="bar{place}" x="{x:.0f}" y="38" width="12" height="12" rx="2"/>')
        parts.append(_text(x + 18, 48, name, "name"))
        x += 40 + 7 * len(name)
    return parts


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
