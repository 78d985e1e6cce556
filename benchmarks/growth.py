"""The same pages on ten thousand rows of each kind and on a million: how many times longer each takes."""

from __future__ import annotations

import re
from typing import Any

import psycopg

from benchmarks import large, serving, skew
from benchmarks.figures import ratio
from benchmarks.serving import say
from devtools.embedded.pair import Pair
from devtools.paths import CHECKOUT

SMALL, LARGE = 10_000, 1_000_000
MOST = 1.3
"""Times: from here on a page grows with its table."""
TOO_SHORT = 2.0
"""Milliseconds more than this must lie between the two: below it the clock decides."""


def amounts_of(rows: int) -> dict[str, int]:
    return {
        "users": rows,
        "events": rows,
        "stories": rows,
        "messages": rows,
        "documents": rows,
        "connections-per-user": 1,
        "notifications-per-user": 1,
        "reports": rows,
    }


def measure(servers: Pair, most: int = LARGE) -> dict[str, Any]:
    """Milliseconds of each page on both, and the ratio; the user with very many connections on the large one."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    figures: dict[str, Any] = {"rows": [SMALL, most], "seeded_in_seconds": []}
    for number, rows in enumerate((SMALL, most)):
        database = f"growth_{rows}"
        with psycopg.connect(servers.owner_database_url(), autocommit=True) as session:
            session.execute(f"CREATE DATABASE {database}".encode())
        environment = serving.environment_on(servers, database, number + 2)
        say(f"Filling a database with {rows:,} rows of each kind ...")
        sample = serving.fill(CHECKOUT, environment, amounts_of(rows))
        say(f"  in {sample['seconds']} seconds.")
        figures["seeded_in_seconds"].append(sample["seconds"])
        environment["DJANGO_SUPERUSER_PASSWORD"] = sample["password"]
        staff = ["createsuperuser", "--noinput", f"--username={large.STAFF}", "--email=bench@example.com"]
        serving.manage(environment, *staff)
        with serving.process(environment, serving.one_port()) as server:
            found[database] = large.measure(server.port, sample)
            if rows == most:
                figures["skew"] = skew.measure(servers, database, server, sample)
    small, big = found.values()
    for part in ("api", "console"):
        figures[part] = growth(small[part], big[part])
    return figures


def growth(small: dict[str, float], big: dict[str, float]) -> dict[str, dict[str, float]]:
    """By address without its numbers: milliseconds on both, and the ratio; the worst first."""
    at = {"small_ms": _by_shape(small), "large_ms": _by_shape(big)}
    rows = {}
    for shape in at["small_ms"].keys() & at["large_ms"].keys():
        row = {name: of[shape] for name, of in at.items()}
        rows[shape] = row | {"ratio": ratio(row["large_ms"], row["small_ms"]) or 0.0}
    return dict(sorted(rows.items(), key=lambda item: -item[1]["ratio"]))


def grown(rows: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Those that grow with their table."""
    return {
        shape: row
        for shape, row in rows.items()
        if row["ratio"] > MOST and row["large_ms"] - row["small_ms"] > TOO_SHORT
    }


def _by_shape(times: dict[str, float]) -> dict[str, float]:
    """Ids and pages differ between the two: the slowest of the addresses that are alike but for numbers."""
    found: dict[str, float] = {}
    for address, milliseconds in times.items():
        shape = re.sub(r"\d+", "#", address)
        found[shape] = max(found.get(shape, 0.0), milliseconds)
    return found


def show(figures: dict[str, Any], most: int = 15) -> None:
    for part in ("api", "console"):
        rows = figures[part]
        over = grown(rows)
        say(f"\n{part}: {len(rows)} kinds of pages, {len(over)} grow by more than {MOST} times. The worst:")
        for shape, row in list(rows.items())[:most]:
            mark = "GROWS" if shape in over else ""
            say(f"  {row['small_ms']:>8,.1f} ms {row['large_ms']:>8,.1f} ms {row['ratio']:>6.2f} {mark:<5} {shape}")
    skew.show(figures["skew"])
