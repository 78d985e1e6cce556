"""Runs are kept in var/bench, and each is compared with the one before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.figures import ratio
from devtools.paths import VAR

FOLDER = VAR / "bench"
SLOWER = 1.15
"""From here on a difference of CPU time is named: below it lies the noise of a busy machine."""
COMPARED = ("cpu_ms", "database_cpu_ms", "kb_a_socket")
"""What hardly depends on what else the machine does; requests a second do."""


def keep(figures: dict[str, Any], folder: Path = FOLDER) -> Path:
    """Write a run. Its name sorts by time."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}-{figures['commit']}.json"
    file.write_text(json.dumps(figures, indent=2) + "\n")
    return file


def write_as(name: str, figures: dict[str, Any]) -> Path:
    """Write figures that are compared with none."""
    VAR.mkdir(exist_ok=True)
    file = VAR / name
    file.write_text(json.dumps(figures, indent=2) + "\n")
    return file


def last(kind: str, folder: Path = FOLDER) -> dict[str, Any] | None:
    """The newest kept run of this kind, such as "bench"."""
    for file in sorted(folder.glob("*.json"), reverse=True):
        figures: dict[str, Any] = json.loads(file.read_text())
        if figures.get("kind") == kind:
            return figures
    return None


def compared(now: dict[str, Any], before: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """What was measured in both runs, by its path, and how many times the earlier figure this one is."""
    for name, value in now.items():
        earlier = before.get(name)
        if isinstance(value, dict) and isinstance(earlier, dict):
            for path, times in compared(value, earlier):
                yield f"{name}: {path}", times
        elif name in COMPARED and (times_of := ratio(value, earlier)) is not None:
            yield name, times_of


def report(now: dict[str, Any], before: dict[str, Any] | None) -> list[str]:
    """Lines to print."""
    if before is None:
        return ["No earlier run is kept: nothing to compare with."]
    lines = [f"Beside the run of {before['date']} at {before['commit']}:"]
    found = list(compared(now, before))
    slower = [(path, times) for path, times in found if times > SLOWER]
    quicker = sum(times < 1 / SLOWER for _, times in found)
    lines += [f"  SLOWER  {path} is {times:.2f} times what it was" for path, times in slower]
    lines.append(f"  {len(found)} figures compared: {len(slower)} slower, {quicker} quicker, the others within 15 %.")
    return lines
