"""The web process beside another server of the same answers, in turn, so that what else the machine does hits both."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.figures import Row, median_ratio, medians
from benchmarks.http_load import Call, Client, Load
from benchmarks.serving import Served, say


def measure(
    ours: tuple[Served, dict[str, Call]], theirs: tuple[Served, dict[str, Call]], load: Load, rounds: int
) -> dict[str, Any]:
    """By call: medians of both, and ratios. `times_per_second` is ours to theirs, `times_cpu` theirs to ours."""
    sides = {"ours": ours, "theirs": theirs}
    figures = {}
    for name in [name for name in ours[1] if name in theirs[1]]:
        found: dict[str, list[Row]] = {side: [] for side in sides}
        for number in range(rounds):
            for side in sorted(sides, reverse=number % 2 == 1):
                server, calls = sides[side]
                found[side].append(load.measure(server.port, server.pid, calls[name]))
        figures[name] = compared(found["ours"], found["theirs"])
    return figures


def compared(ours: list[Row], theirs: list[Row]) -> dict[str, Any]:
    pairs = list(zip(ours, theirs, strict=True))
    return {
        "ours": medians(ours),
        "theirs": medians(theirs),
        "times_per_second": median_ratio((one["per_second"], other["per_second"]) for one, other in pairs),
        "times_cpu": median_ratio((other.get("cpu_ms"), one.get("cpu_ms")) for one, other in pairs),
    }


def differences(ours: tuple[Served, dict[str, Call]], theirs: tuple[Served, dict[str, Call]]) -> list[str]:
    """The calls of both whose answers to no user in particular are not the same JSON, but for the port in addresses."""

    def answer(side: tuple[Served, dict[str, Call]], name: str) -> Any:
        server, calls = side
        call = Call(calls[name].method, calls[name].path)
        return json.loads(Client(server.port).call(call)[1].replace(f":{server.port}/".encode(), b"/"))

    return [name for name in ours[1] if name in theirs[1] and answer(ours, name) != answer(theirs, name)]


def show(title: str, figures: dict[str, Any]) -> None:
    say(f"\n{title}")
    for name, row in figures.items():
        cells = [f"ours {row['ours']['per_second']:>7,.0f}/s", f"theirs {row['theirs']['per_second']:>7,.0f}/s"]
        if row["times_per_second"]:  # a side may have answered nothing in its time
            cells.append(f"ratio {row['times_per_second']:>5.2f}")
        if row["times_cpu"]:
            cells.append(f"CPU ms a call {row['ours']['cpu_ms']:>6.2f} and {row['theirs']['cpu_ms']:>6.2f}")
            cells.append(f"theirs is {row['times_cpu']:>5.2f} times ours")
        say(f"  {name:<16} " + "  ".join(cells))
