"""Figures as tables of Markdown. A table without figures has no lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import mean
from typing import Any

READS = ("event", "events", "stories", "connections", "chat", "notifications", "profile")
FULL = 0.7
"""How much of a core to plan for: the rest is for peaks, and for what else runs there."""
PAUSE_SECONDS = 10
"""Between two calls of a user who has the app open, for the sizing table."""
MACHINE_CORES, PRIMARY_CORES = 8, 16


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    names = list(head)
    yield f"| {' | '.join(names)} |"
    yield f"| --- |{' ---: |' * (len(names) - 1)}"
    for row in rows:
        yield f"| {' | '.join(shown(cell) for cell in row)} |"


def shown(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, int | float):
        return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:,.2f}"
    return str(value)


def most(rows: dict[str, Any], count: int) -> dict[str, Any]:
    return dict(list(rows.items())[:count])


def run(figures: dict[str, Any]) -> Iterator[str]:
    for kind in ("bench", "growth"):
        if one := figures.get(kind):
            yield (
                f"- `{kind}`: {one['date']} UTC, commit {one['commit']}, {one['machine']}; "
                f"requests sent by {one['load_generator']}"
            )


def calls(figures: dict[str, Any]) -> Iterator[str]:
    bench = figures.get("bench")
    if not bench:
        return
    names = ("per_second", "p50_ms", "p99_ms", "cpu_ms", "database_cpu_ms")
    head = ("call", "a second", "p50 ms", "p99 ms", "CPU ms, web", "CPU ms, database")
    one_port = bench["one_port"]["calls"]
    rows = (
        (call, *(row.get(name) for name in names), one_port.get(call, {}).get("per_second"))
        for call, row in bench["web"]["calls"].items()
    )
    yield from table((*head, "a second at one port"), rows)


def by_hand(figures: dict[str, Any]) -> Iterator[str]:
    yield from _beside(figures.get("bench", {}).get("by_hand"), "by hand")


def peer(figures: dict[str, Any]) -> Iterator[str]:
    yield from _beside(figures.get("bench", {}).get("peer"), "peer")


def _beside(rows: dict[str, Any] | None, other: str) -> Iterator[str]:
    if not rows:
        return
    head = ("call", "Infloo a second", f"{other} a second", "times", "CPU ms, Infloo", f"CPU ms, {other}", "times less")
    yield from table(
        head,
        (
            (
                call,
                row["ours"]["per_second"],
                row["theirs"]["per_second"],
                row["times_per_second"],
                row["ours"].get("cpu_ms"),
                row["theirs"].get("cpu_ms"),
                row["times_cpu"],
            )
            for call, row in rows.items()
        ),
    )


def chat(figures: dict[str, Any]) -> Iterator[str]:
    bench = figures.get("bench")
    if not bench:
        return
    names = ("per_second", "delivered", "doubled", "out_of_order", "p50_ms", "p99_ms", "cpu_ms")
    head = ("offered a second", "done a second", "delivered", "doubled", "out of order", "p50 ms", "p99 ms")
    rows = bench["one_port"]["chat"].items()
    yield from table((*head, "CPU ms a message"), ((rate, *(row.get(name) for name in names)) for rate, row in rows))


def processes(figures: dict[str, Any]) -> Iterator[str]:
    bench = figures.get("bench")
    if not bench:
        return
    yield from table(
        ("process", "ready after s", "MB when ready", "MB after the calls"),
        (
            ("web", *(bench["web"].get(name) for name in ("cold_start_s", "idle_mb", "loaded_mb"))),
            ("sockets, or all at one port", bench["one_port"]["cold_start_s"], bench["one_port"]["idle_mb"], None),
        ),
    )
    yield ""
    two = [*bench["two"]["web"].items(), ("chat", bench["two"]["sockets"])]
    yield from table(
        ("two processes to one", "times the requests", "times the CPU a call"),
        ((name, row["times_per_second"], row["times_cpu"]) for name, row in two),
    )


def growth(figures: dict[str, Any]) -> Iterator[str]:
    found = figures.get("growth")
    if not found:
        return
    for part in ("api", "console"):
        yield f"{part}: {found['grown'][part]} of {found['measured'][part]} kinds of pages grow by more than 1.3 times."
        yield ""
        rows = ((f"`{shape}`", *row.values()) for shape, row in most(found[part], 8).items())
        yield from table(("page", f"ms at {found['rows'][0]:,}", f"ms at {found['rows'][1]:,}", "times"), rows)
        yield ""


def skew(figures: dict[str, Any]) -> Iterator[str]:
    found = figures.get("growth", {}).get("skew")
    if not found:
        return
    yield from table(
        ("list", "user", "plan", "connections", "p50 ms", "p99 ms", "CPU ms, web"),
        (
            (path, kind, plan, row.get("count"), row["p50_ms"], row["p99_ms"], row.get("cpu_ms"))
            for plan, kinds in found.items()
            for kind, paths in kinds.items()
            for path, row in paths.items()
        ),
    )


def sizing(figures: dict[str, Any]) -> Iterator[str]:
    """What follows from CPU time: a core has a thousand milliseconds a second."""
    bench = figures.get("bench")
    if not bench or any("database_cpu_ms" not in bench["web"]["calls"][name] for name in READS):
        return
    rows = bench["web"]["calls"]
    ours = FULL * 1000 / mean(rows[name]["cpu_ms"] for name in READS)
    primary = FULL * 1000 * PRIMARY_CORES / mean(rows[name]["database_cpu_ms"] for name in READS)
    both = FULL * 1000 * MACHINE_CORES / mean(rows[name]["cpu_ms"] + rows[name]["database_cpu_ms"] for name in READS)
    carried = [rate for rate, row in bench["one_port"]["chat"].items() if row["delivered"] >= 1 and row["p99_ms"] < 100]
    socket_kb = bench["one_port"]["kb_a_socket"] or 0

    def reads(per_second: float) -> tuple[object, object]:
        return round(per_second), round(per_second * PAUSE_SECONDS)

    yield from table(
        ("what", "reads a second", "users with the app open", "what ends first"),
        (
            ("one web process (one core)", *reads(ours), "its core"),
            (f"one machine of {MACHINE_CORES} cores with all on it", *reads(both), "cores"),
            (f"one primary of {PRIMARY_CORES} cores, web elsewhere", *reads(primary), "its cores, by the exact counts"),
            (f"web processes that such a primary feeds: {primary / ours:,.0f}", None, None, "then: a second primary"),
        ),
    )
    yield ""
    yield from table(
        ("one socket process", "value"),
        (
            ("messages a second, ten sockets each, all delivered, p99 below 100 ms", carried[-1] if carried else None),
            ("memory of an open socket, KB", socket_kb),
            ("memory of ten thousand open sockets, GB", round(10_000 * socket_kb / 1024**2, 2)),
        ),
    )
