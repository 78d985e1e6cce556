"""CPU time and memory of a process with all that it started, as /proc has them; nothing where there is no /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Stat:
    parent: int
    cpu_ms: float
    """User and system time."""


def parse_stat(text: str, ticks_per_second: int) -> Stat:
    """One /proc/PID/stat. The name of a program is in brackets and may hold any of them, and spaces."""
    fields = text.rpartition(")")[2].split()
    return Stat(parent=int(fields[1]), cpu_ms=(int(fields[11]) + int(fields[12])) * 1000 / ticks_per_second)


def family_of(pid: int, parents: dict[int, int]) -> set[int]:
    """The process and those that it started, and those that they started."""
    family = {pid}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return family


def cpu_ms(*pids: int) -> float | None:
    """Milliseconds that the processes and their children have used until now."""
    stats = _stats()
    return sum(stats[each].cpu_ms for each in _families(pids, stats)) if stats else None


def resident_kb(*pids: int) -> float | None:
    """Kilobytes in memory of the processes and their children; what they share counts for each."""
    total = 0.0
    stats = _stats()
    for each in _families(pids, stats):
        try:
            pages = int((PROC / str(each) / "statm").read_text().split()[1])
        except OSError:
            continue
        total += pages * os.sysconf("SC_PAGE_SIZE") / 1024
    return total if stats else None


def _families(pids: tuple[int, ...], stats: dict[int, Stat]) -> set[int]:
    parents = {each: stat.parent for each, stat in stats.items()}
    return {each for pid in pids if pid in stats for each in family_of(pid, parents)}


def _stats() -> dict[int, Stat]:
    found = {}
    for entry in PROC.glob("[0-9]*/stat"):
        try:
            found[int(entry.parent.name)] = parse_stat(entry.read_text(), os.sysconf("SC_CLK_TCK"))
        except OSError:  # it ended meanwhile
            continue
    return found
