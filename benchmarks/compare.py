"""This checkout beside another of the same project, in one run on one PostgreSQL and one Valkey: ratios, not seconds.

    python -m benchmarks.compare ../other-checkout [--rounds 4] [--seconds 3]

Each checkout migrates and fills a database of its own and serves it on one port; both are measured in turn, so that
what else the machine does hits both. The other checkout needs a `.venv` of its own, made by `make run`.
"""

import argparse
import os
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from benchmarks import http_load, socket_load
from benchmarks.__main__ import AMOUNTS, fill, process, python_of, say
from devtools.embedded.throwaway import throwaway
from devtools.paths import CHECKOUT

type Figures = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("other", type=Path, help="the other checkout")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=3, help="for each address in each round (default 3)")
    parser.add_argument("--connections", type=int, default=16, help="at a time (default 16)")
    options = parser.parse_args()
    checkouts = {"this": CHECKOUT, "other": options.other.resolve()}
    with throwaway(durable=True) as servers, ExitStack() as stack:
        served: dict[str, tuple[int, dict[str, Any]]] = {}
        for number, (name, checkout) in enumerate(checkouts.items()):
            environment = {
                "PATH": os.environ["PATH"],
                "DEBUG": "1",
                "DATABASE_URL": servers.database_url(f"compare_{name}"),
                "REDIS_URL": servers.redis_url(number),
                "LIMITS_SCALE": "100000",
            }
            with psycopg.connect(servers.database_url(), autocommit=True) as session:
                session.execute(f"CREATE DATABASE compare_{name}")
            say(f"Filling the database of {checkout} ...")
            sample = fill(checkout, environment, AMOUNTS)
            serve = [python_of(checkout), "manage.py", "serve", "--port"]
            port = stack.enter_context(process(environment, serve, checkout))
            http_load.wait_until_ready(port)
            served[name] = port, sample
        figures: dict[str, Figures] = {name: {} for name in served}
        for number in range(options.rounds):
            say(f"Round {number + 1} of {options.rounds} ...")
            # The other way round each time: whichever comes first may find the machine in another state.
            for name in sorted(served, reverse=number % 2 == 1):
                port, sample = served[name]
                found = http_load.measure(port, sample, options.seconds, options.connections)
                talk = socket_load.measure(port, sample, options.seconds)
                for operation, row in (found | {f"messages, {rooms}": row for rooms, row in talk.items()}).items():
                    figures[name].setdefault(operation, []).append(row["per_second"])
    say("\nA second, median of the rounds; the ratio is this to the other, median of the rounds' ratios")
    for operation, ours in figures["this"].items():
        theirs = figures["other"][operation]
        ratio = median(one / other for one, other in zip(ours, theirs, strict=True))
        say(f"  {operation:<26} this {median(ours):>8,.1f}  other {median(theirs):>8,.1f}  ratio {ratio:5.2f}")


if __name__ == "__main__":
    main()
