"""The table of `make chaos`, printed and in docs/chaos.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.document import between
from devtools.paths import CHECKOUT

PAGE = CHECKOUT / "docs" / "chaos.md"
HEAD = (
    "| what broke | calls that failed meanwhile | longest wait | back by itself | acknowledged | lost | twice |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)


def lines(figures: dict[str, Any]) -> Iterator[str]:
    yield f"{figures['date']}, commit {figures['commit']}, {figures['machine']}."
    yield ""
    yield from HEAD
    for row in figures["rows"]:
        yield line(row)


def line(row: dict[str, Any]) -> str:
    if row["skipped"]:
        return f"| {row['fault']} | not tried: {row['skipped']} | | | | | |"
    failures = ", ".join(f"{status} × {count}" for status, count in sorted(row["failures"].items())) or "none"
    back = "no" if row["recovered"] is None else f"{row['recovered']:.1f} s ({row['slowest_part']})"
    cells = [
        row["fault"],
        f"{failures} of {row['calls']}",
        f"{row['longest']:.1f} s",
        back,
        str(row["acknowledged"]),
        str(sum(map(len, row["lost"].values()))),
        str(sum(map(len, row["doubled"].values()))),
    ]
    return f"| {' | '.join(cells)} |"


def write(figures: dict[str, Any]) -> None:
    PAGE.write_text(between(PAGE.read_text(), "faults", "\n".join(lines(figures))))
