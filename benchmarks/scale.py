"""Two processes against one: whether each carries as much beside another, and what a call costs then."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from benchmarks import chat_load, http_load, serving
from benchmarks.chat_load import Seat
from benchmarks.figures import Row, median_ratio, medians
from benchmarks.http_load import Load
from benchmarks.serving import process

CALLS = ("event", "profile")


def web(environment: dict[str, str], sample: dict[str, Any], load: Load, rounds: int) -> dict[str, Any]:
    """One web process and two on one port, in turn; `times` is two to one."""
    counts = {"one": 1, "two": 2}
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(process(environment, serving.web(workers=count)))
            for name, count in counts.items()
        }
        calls = http_load.calls_of(servers["one"].port, sample, CALLS)
        return {call: _in_turn(servers, calls[call], load, rounds) for call in calls}


def _in_turn(servers: dict[str, serving.Served], call: http_load.Call, load: Load, rounds: int) -> dict[str, Any]:
    found: dict[str, list[Row]] = {name: [] for name in servers}
    for number in range(rounds):
        for name in sorted(servers, reverse=number % 2 == 1):
            found[name].append(load.measure(servers[name].port, servers[name].pid, call))
    return compared(found)


def compared(found: dict[str, list[Row]]) -> dict[str, Any]:
    """Medians of both, and how many times those of one the figures of two are."""
    pairs = list(zip(found["two"], found["one"], strict=True))
    return {name: medians(rows) for name, rows in found.items()} | {
        "times_per_second": median_ratio((two["per_second"], one["per_second"]) for two, one in pairs),
        "times_cpu": median_ratio((two.get("cpu_ms"), one.get("cpu_ms")) for two, one in pairs),
    }


def sockets(environment: dict[str, str], places: Sequence[Seat], rate: float, seconds: float) -> dict[str, Any]:
    """The same two hundred sockets on one process and spread over two, each room over both."""
    figures: dict[str, list[Row]] = {}
    for name, count in (("one", 1), ("two", 2)):
        with ExitStack() as stack:
            servers = [stack.enter_context(process(environment, serving.one_port())) for _ in range(count)]
            ports, pids = [server.port for server in servers], [server.pid for server in servers]
            figures[name] = [chat_load.measure(ports, pids, places, rate, seconds)]
    return compared(figures)
