"""`make bench`: what the platform carries on this machine, clients included, on servers that keep what they are given.

Prints tables, keeps the figures in var/bench, and compares them with the last run of the same kind.
"""

from __future__ import annotations

import argparse
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import document, growth, http_load, kept, serving, suite
from benchmarks.serving import say
from devtools.embedded.throwaway import throwaway
from devtools.paths import CHECKOUT


def main() -> None:
    # The servers of this run end with it, also where it is told to end.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    options = parsed()
    kind = "growth" if options.large else "quick" if options.quick else "bench"
    head = {
        "kind": kind,
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "commit": serving.commit_of(),
        "machine": serving.machine(),
        "load_generator": http_load.generator(),
    }
    extent = suite.QUICK if options.quick else suite.Extent(options.seconds, options.connections)
    with throwaway(durable=True) as servers:
        if options.large:
            figures = head | growth.measure(servers, options.rows)
            growth.show(figures)
        else:
            figures = head | suite.measure(servers, extent, options.peer)
    say("")
    for line in kept.report(figures, kept.last(kind)):
        say(line)
    say(f"\nFigures: {kept.keep(figures).relative_to(CHECKOUT)}")
    if options.document:
        written(figures)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3, help="for each call (default 3)")
    parser.add_argument("--connections", type=int, default=16, help="at a time (default 16)")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument(
        "--large", action="store_true", help="instead, each list and table on 10,000 rows and a million"
    )
    parser.add_argument("--rows", type=int, default=growth.LARGE, help="with --large, in place of a million")
    parser.add_argument("--peer", type=Path, help="the folder of another build of the product, measured beside this")
    parser.add_argument("--document", action="store_true", help="write the figures into docs/performance.*")
    return parser.parse_args()


def written(figures: dict[str, Any]) -> None:
    document.write(document.merged(document.kept_figures(), figures))
    say("Written: docs/performance.json, docs/performance.svg and the tables of docs/performance.md")


if __name__ == "__main__":
    main()
