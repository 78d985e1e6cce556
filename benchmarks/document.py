"""`python -m benchmarks.document`: writes the tables and the picture of docs/performance.md from docs/performance.json.

`make bench ARGS=--document` puts its figures into that file first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks import growth, tables_of_figures
from benchmarks.chart import Group, bars
from devtools.paths import CHECKOUT

DOCS = CHECKOUT / "docs"
JSON, SVG, PAGE = "performance.json", "performance.svg", "performance.md"
PICTURED = ("event", "events", "stories", "connections", "chat", "notifications", "profile", "post event")


def kept_figures(folder: Path = DOCS) -> dict[str, Any]:
    file = folder / JSON
    figures: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return figures


def merged(before: dict[str, Any], figures: dict[str, Any]) -> dict[str, Any]:
    """A run's figures in place of those of the same kind. The peer's stay where it was not measured anew."""
    kind = "growth" if figures["kind"] == "growth" else "bench"
    new = {key: value for key, value in figures.items() if key != "kind"}
    if kind == "growth":
        new |= {part: tables_of_figures.most(figures[part], 20) for part in ("api", "console")}
        new["grown"] = {part: len(growth.grown(figures[part])) for part in ("api", "console")}
        new["measured"] = {part: len(figures[part]) for part in ("api", "console")}
    elif "peer" not in new and "peer" in before.get(kind, {}):
        new["peer"] = before[kind]["peer"]
    return before | {kind: new}


def write(figures: dict[str, Any], folder: Path = DOCS) -> None:
    (folder / JSON).write_text(json.dumps(figures, indent=1) + "\n")
    page = (folder / PAGE).read_text()
    for name, table in TABLES.items():
        if lines := list(table(figures)):
            page = between(page, name, "\n".join(lines))
    (folder / PAGE).write_text(page)
    if "bench" in figures:
        (folder / SVG).write_text(picture(figures["bench"]))


TABLES: dict[str, Callable[[dict[str, Any]], Iterable[str]]] = {
    "run": tables_of_figures.run,
    "calls": tables_of_figures.calls,
    "by hand": tables_of_figures.by_hand,
    "peer": tables_of_figures.peer,
    "chat": tables_of_figures.chat,
    "processes": tables_of_figures.processes,
    "growth": tables_of_figures.growth,
    "skew": tables_of_figures.skew,
    "sizing": tables_of_figures.sizing,
}


def between(page: str, name: str, text: str) -> str:
    """The page with `text` between the markers of `name`. Raises `SystemExit` where they are missing."""
    marked = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)", re.DOTALL)
    if not marked.search(page):
        raise SystemExit(f"{PAGE} has no markers for “{name}”.")
    return marked.sub(lambda found: f"{found[1]}{text}\n{found[2]}", page)


def picture(bench: dict[str, Any]) -> str:
    """CPU time of the web process by call: ours, the peer's and by hand, each from the run in which it was measured."""

    def cpu(part: str, name: str, side: str) -> float | None:
        value: float | None = bench.get(part, {}).get(name, {}).get(side, {}).get("cpu_ms")
        return value

    def own(name: str) -> float | None:
        measured: float | None = cpu("peer", name, "ours") or bench["web"]["calls"].get(name, {}).get("cpu_ms")
        return measured

    groups = [
        Group(name, (own(name), cpu("peer", name, "theirs"), cpu("by_hand", name, "theirs"))) for name in PICTURED
    ]
    return bars("CPU milliseconds of the web process for a call: less is better", ("Infloo", "peer", "by hand"), groups)


if __name__ == "__main__":
    write(kept_figures())
