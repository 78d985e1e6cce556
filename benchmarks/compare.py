"""This checkout beside another of the same project, in one run on one PostgreSQL and one Valkey: ratios, not seconds.

    python -m benchmarks.compare ../other-checkout [--rounds 4] [--seconds 3] [--only event]

Each checkout migrates and fills a database of its own and serves it by its web process and, for the chat, by its
process for sockets; both are measured in turn, so that what else the machine does hits both. The other checkout needs a
`.venv` of its own, made by `make run`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psycopg

from benchmarks import chat_load, http_load, serving
from benchmarks.beside import compared, show
from benchmarks.chat_load import Seat
from benchmarks.figures import Row
from benchmarks.http_load import Load
from benchmarks.serving import process, say
from devtools.embedded.pair import Pair
from devtools.embedded.throwaway import throwaway
from devtools.paths import CHECKOUT

CHAT = "chat, 80 a second"
CHAT_RATE = 80

type Measured = dict[str, Callable[[], Row]]
"""By the name of a call, what measures it once."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("other", type=Path, help="the other checkout")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=3, help="for each call in each round (default 3)")
    parser.add_argument("--connections", type=int, default=16, help="at a time (default 16)")
    parser.add_argument("--only", help="calls, with commas between them, such as “event,events”")
    options = parser.parse_args()
    only = options.only.split(",") if options.only else []
    load = Load(options.seconds, options.connections)
    with throwaway(durable=True) as servers, ExitStack() as stack:
        ours = prepared(servers, stack, "this", CHECKOUT, load)
        theirs = prepared(servers, stack, "other", options.other.resolve(), load)
        names = [name for name in ours if name in theirs and (not only or name in only)]
        found: dict[str, dict[str, list[Row]]] = {name: {"ours": [], "theirs": []} for name in names}
        for number in range(options.rounds):
            say(f"Round {number + 1} of {options.rounds} ...")
            # The other way round each time: the one that comes first may find the machine in another state.
            sides = [("ours", ours), ("theirs", theirs)]
            for name in names:
                for side, measured in sides if number % 2 == 0 else reversed(sides):
                    found[name][side].append(measured[name]())
    show(
        f"This checkout (ours) and {options.other} (theirs): medians, and the median of the rounds' ratios",
        {name: compared(**rows) for name, rows in found.items()},
    )


def prepared(servers: Pair, stack: ExitStack, name: str, checkout: Path, load: Load) -> Measured:
    """Fill a database for a checkout and serve it."""
    with psycopg.connect(servers.owner_database_url(), autocommit=True) as session:
        session.execute(f"CREATE DATABASE compare_{name}".encode())
    environment = serving.environment_on(servers, f"compare_{name}", 2 + (name == "this"))
    # A checkout from before has one role for both.
    environment["DATABASE_URL"] = environment["OWNER_DATABASE_URL"]
    say(f"Filling the database of {checkout} ...")
    sample = serving.fill(checkout, environment, serving.AMOUNTS)
    web = stack.enter_context(process(environment, serving.web(checkout=checkout), checkout))
    sockets = stack.enter_context(process(environment, serving.one_port(checkout), checkout))
    places = chat_load.seats(environment["DATABASE_URL"], sockets.port, sample["password"])
    calls = http_load.calls_of(web.port, sample)

    def of_call(call: http_load.Call) -> Callable[[], Row]:
        return lambda: load.measure(web.port, web.pid, call)

    measured: Measured = {name: of_call(call) for name, call in calls.items()}
    return measured | {CHAT: lambda: chat_of(sockets, places, load.seconds)}


def chat_of(server: serving.Served, places: list[Seat], seconds: float) -> Row:
    return chat_load.measure([server.port], [server.pid], places, CHAT_RATE, seconds)


if __name__ == "__main__":
    main()
