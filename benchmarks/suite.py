"""The parts of `make bench`, one after the other, each on servers of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import beside, chat_load, http_load, peer, process_costs, scale, serving
from benchmarks.figures import Row
from benchmarks.http_load import Load
from benchmarks.serving import process, say
from devtools.embedded.pair import Pair
from devtools.paths import CHECKOUT


@dataclass(frozen=True)
class Extent:
    """How long and how much."""

    seconds: float = 3
    connections: int = 16
    rounds: int = 3
    rates: tuple[int, ...] = chat_load.RATES
    chat_seconds: float = 8
    amounts: tuple[tuple[str, int], ...] = tuple(serving.AMOUNTS.items())


QUICK = Extent(seconds=1, rounds=1, rates=(80, 320), chat_seconds=3)


@dataclass(frozen=True)
class Bench:
    servers: Pair
    extent: Extent
    environment: dict[str, str]
    sample: dict[str, Any]

    @property
    def load(self) -> Load:
        return Load(self.extent.seconds, self.extent.connections, int(self.servers.postgres.pid_lines()[0]))

    def web(self) -> dict[str, Any]:
        """The web process: its start, its memory, each call; then beside what is written by hand."""
        with process(self.environment, serving.web()) as server:
            figures: dict[str, Any] = {"cold_start_s": server.ready_after, "idle_mb": _megabytes(server.pid)}
            figures["calls"] = self._calls(server)
            figures["loaded_mb"] = _megabytes(server.pid)
        show("HTTP, web process of production", figures["calls"])
        return figures

    def one_port(self) -> dict[str, Any]:
        """HTTP and sockets in one process; the chat at rising rates until messages stay behind."""
        with process(self.environment, serving.one_port()) as server:
            figures: dict[str, Any] = {"cold_start_s": server.ready_after, "idle_mb": _megabytes(server.pid)}
            figures["calls"] = self._calls(server)
            show("HTTP, one process for HTTP and sockets (make run)", figures["calls"])
            places = self._seats(server.port)
            figures["kb_a_socket"] = chat_load.memory(server.port, server.pid, places)
            figures["chat"] = {}
            for rate in self.extent.rates:
                row = chat_load.measure([server.port], [server.pid], places, rate, self.extent.chat_seconds)
                figures["chat"][str(rate)] = row
                if row["delivered"] < 1:
                    break
        show(f"Chat, {chat_load.SOCKETS} sockets in {chat_load.ROOMS} rooms, by messages a second", figures["chat"])
        say(f"  an open socket takes {figures['kb_a_socket']} KB")
        return figures

    def by_hand(self) -> dict[str, Any]:
        with ExitStack() as stack:
            ours = stack.enter_context(process(self.environment, serving.web()))
            command = serving.granian("benchmarks.by_hand:application")
            theirs = stack.enter_context(process(self.environment, command))
            calls = http_load.calls_of(ours.port, self.sample, ("event", "events"))
            for name in beside.differences((ours, calls), (theirs, calls)):
                say(f"\nBy hand, {name} is answered with other content: its figures say little.")
            figures = beside.measure((ours, calls), (theirs, calls), self.load, self.extent.rounds)
        beside.show("Web process, and the same answers by hand, without sessions, limits, log or blocks", figures)
        return figures

    def peer(self, folder: Path) -> dict[str, Any]:
        say("\nFilling the peer's database ...")
        with ExitStack() as stack:
            theirs = stack.enter_context(peer.served(folder, self.servers))
            ours = stack.enter_context(process(self.environment, serving.web()))
            calls = http_load.calls_of(ours.port, self.sample)
            figures = beside.measure((ours, calls), theirs, self.load, self.extent.rounds)
        beside.show("Web process, and the peer's", figures)
        return figures

    def two(self) -> dict[str, Any]:
        """Two processes of each kind against one."""
        figures = {"web": scale.web(self.environment, self.sample, self.load, self.extent.rounds)}
        with process(self.environment, serving.one_port()) as server:
            places = self._seats(server.port)
        rate = self.extent.rates[-1]  # more than one process carries
        figures["sockets"] = scale.sockets(self.environment, places, rate, self.extent.chat_seconds)
        say("\nTwo processes to one")
        for name, row in [*figures["web"].items(), (f"chat at {rate}/s", figures["sockets"])]:
            say(f"  {name:<16} requests {row['times_per_second']} times, CPU a call {row['times_cpu']} times")
        return figures

    def _calls(self, server: serving.Served) -> dict[str, Row]:
        calls = http_load.calls_of(server.port, self.sample)
        return {name: self.load.measure(server.port, server.pid, call) for name, call in calls.items()}

    def _seats(self, port: int) -> list[chat_load.Seat]:
        return chat_load.seats(self.environment["DATABASE_URL"], port, self.sample["password"])


def measure(servers: Pair, extent: Extent, peer_folder: Path | None) -> dict[str, Any]:
    environment = serving.environment_on(servers)
    say("Filling the database ...")
    amounts = dict(extent.amounts)
    sample = serving.fill(CHECKOUT, environment, amounts)
    say(f"  in {sample['seconds']} seconds. Requests are sent by {http_load.generator()}.")
    bench = Bench(servers, extent, environment, sample)
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "web": bench.web,
        "by_hand": bench.by_hand,
        "one_port": bench.one_port,
        "two": bench.two,
    }
    if peer_folder:
        parts["peer"] = lambda: bench.peer(peer_folder)
    figures: dict[str, Any] = {"amounts": amounts, "seeded_in_seconds": sample["seconds"]}
    return figures | {name: part() for name, part in parts.items()}


def _megabytes(pid: int) -> float | None:
    kilobytes = process_costs.resident_kb(pid)
    return kilobytes and round(kilobytes / 1024, 1)


def show(title: str, rows: dict[str, Row]) -> None:
    say(f"\n{title}")
    for name, row in rows.items():
        cells = "  ".join(f"{key} {value:>8,.2f}" for key, value in row.items() if value or key != "doubled")
        say(f"  {name:<16} {cells}")
