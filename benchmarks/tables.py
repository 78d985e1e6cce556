"""`python -m benchmarks.tables`: what pages of a table of the console take that has ten million rows.

Fills the messages, opens pages of their table through the view, middleware and templates included, and prints the time
that half and 95 of 100 stay within, that time in CPU of the web process, which other work on the machine does not
lengthen as much, and the mean CPU of the database. No page but the first is opened twice. Writes the figures to
var/bench-tables.json.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import date, timedelta
from html import unescape
from random import Random
from typing import Any

import psutil
import psycopg

from benchmarks import kept
from benchmarks.figures import Row, summary
from benchmarks.serving import machine, manage, say
from devtools.embedded.throwaway import throwaway

type Taken = tuple[float, float]
"""Seconds, and seconds of CPU of the web process."""

USERS = 1000
DAYS = 1000
"""The messages are spread evenly over so many days; those of one minute have the same time."""
TABLE = "/admin/chat/message/"
SEEDED = ("events", "stories", "documents", "reports", "connections-per-user", "notifications-per-user", "messages")
SEEDED_ROWS = {"connections-per-user": 2, "messages": 2000}

FILL = """
    WITH rooms AS (SELECT array_agg(id ORDER BY id) AS ids FROM chat_room),
         senders AS (SELECT array_agg(id ORDER BY id) AS ids FROM users_user WHERE NOT is_staff)
    INSERT INTO chat_message
        (room_id, seq, sender_id, text, client_id, sent_at, removed_at, removed_by_id, removal_reason)
    SELECT rooms.ids[1 + n %% cardinality(rooms.ids)], 1000000 + n,
           senders.ids[1 + (n * 7) %% cardinality(senders.ids)], 'See you at the harbour', '',
           date_trunc('minute', now() - (%(rows)s - n) * (interval '%(days)s days' / %(rows)s)),
           CASE WHEN n %% 500 = 0 THEN now() END, NULL, ''
    FROM generate_series(1, %(rows)s::bigint) AS n, rooms, senders
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the table (default 10,000,000)")
    parser.add_argument("--pages", type=int, default=60, help="of each kind (default 60)")
    options = parser.parse_args()
    with throwaway() as servers:
        environment = {
            "PATH": os.environ["PATH"],
            "DEBUG": "1",
            "ALLOWED_HOSTS": "testserver",
            "LIMITS_SCALE": "100000",
            "DATABASE_URL": servers.database_url(),
            "OWNER_DATABASE_URL": servers.owner_database_url(),
            "REDIS_URL": servers.redis_url(),
        }
        manage(environment, "migrate", "--verbosity", "0")
        amounts = {name: SEEDED_ROWS.get(name, 0) for name in SEEDED} | {"users": USERS}
        manage(environment, "seed", *(f"--{name}={count}" for name, count in amounts.items()))
        say(f"Writing {options.rows:,} messages ...")
        seconds = fill(servers.owner_database_url(), options.rows)
        os.environ.update(environment, DJANGO_SETTINGS_MODULE="config.settings")
        figures: dict[str, Any] = {"machine": machine(), "rows": options.rows, "filled_in_seconds": round(seconds)}
        figures["pages"] = measure(options.pages)
    say(f"\nPages of a table of {options.rows:,} rows")
    width = max(map(len, figures["pages"]))
    for name, row in figures["pages"].items():
        say(f"  {name:<{width}}  " + "  ".join(f"{key} {value:>8,.1f}" for key, value in row.items()))
    kept.write_as("bench-tables.json", figures)


def fill(address: str, rows: int) -> float:
    """Seconds. Indexes and foreign keys are made anew afterwards, which is quicker."""
    began = time.perf_counter()
    with closing(psycopg.connect(address, autocommit=True)) as database:
        indexes = database.execute(
            "SELECT indexname, indexdef FROM pg_indexes"
            " WHERE tablename = 'chat_message' AND indexdef NOT LIKE '%UNIQUE%'"
        ).fetchall()
        references = database.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = 'chat_message'::regclass AND contype = 'f'"
        ).fetchall()
        database.execute("SET maintenance_work_mem = '512MB'")
        for name, _ in references:
            database.execute(f'ALTER TABLE chat_message DROP CONSTRAINT "{name}"')
        for name, _ in indexes:
            database.execute(f'DROP INDEX "{name}"')
        database.execute(FILL % {"rows": rows, "days": DAYS})
        for _, definition in indexes:
            database.execute(definition)
        for name, definition in references:
            database.execute(f'ALTER TABLE chat_message ADD CONSTRAINT "{name}" {definition}')
        database.execute("VACUUM ANALYZE chat_message")
    return time.perf_counter() - began


def measure(most: int) -> dict[str, Row]:
    import django

    django.setup()
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client

    users: Any = get_user_model()
    staff = users.objects.create_superuser("bench-admin", "bench@example.com", None)
    client = Client(headers={"accept-language": "en"})
    client.force_login(staff, backend="apps.users.backends.Accounts")
    name = users.objects.exclude(pk=staff.pk).order_by("pk").values_list("username", flat=True)[0]

    def get(query: str) -> tuple[Taken, str]:
        began, cpu = time.perf_counter(), time.thread_time()
        response = client.get(f"{TABLE}{query}")
        took = time.perf_counter() - began, time.thread_time() - cpu
        assert response.status_code == 200, (query, response.status_code)
        return took, response.content.decode()

    for query in ("", "?before=end", f"?day={_day(DAYS // 2)}"):  # imports, templates
        get(query)
    by_kind: dict[str, Callable[[], Iterator[Taken]]] = {
        "first page": lambda: (get("")[0] for _ in range(most)),
        "next, after the middle": lambda: _turns(get, f"?day={_day(DAYS // 2)}", "next", most),
        "back, before the middle": lambda: _turns(get, f"?day={_day(DAYS // 2 + 1)}", "prev", most),
        "last page, and back from it": lambda: _turns(get, "?before=end", "prev", most, first=True),
        "jump to a date": lambda: (get(f"?day={_day(day)}")[0] for day in Random(1).sample(range(2, DAYS), most)),
        "oldest first, next after the middle": lambda: _turns(get, f"?o=6&day={_day(DAYS // 2)}", "next", most),
        "removed ones (1 in 500), next": lambda: _turns(get, f"?removed=yes&day={_day(DAYS // 3)}", "next", most),
        "not removed, next": lambda: _turns(get, f"?removed=no&day={_day(DAYS // 3)}", "next", most),
        "of one user, next": lambda: _turns(get, f"?q={name}&day={_day(DAYS // 3)}", "next", most),
        "in one month, next": lambda: _turns(
            get, f"?sent_at_from={_day(430)}&sent_at_to={_day(400)}&day={_day(415)}", "next", most
        ),
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        database = psutil.Process(cursor.fetchone()[0])
    found = {}
    for kind, pages in by_kind.items():
        before = sum(database.cpu_times()[:2])
        taken = list(pages())
        spent = (sum(database.cpu_times()[:2]) - before) / len(taken)
        found[kind] = row_of(taken) | {"database_cpu_ms": round(spent * 1000, 1)}
        say(f"  {kind}: {found[kind]}")
    return found


def row_of(taken: Sequence[Taken]) -> Row:
    """The times that half and 95 of 100 pages stay within, and those of the web process's CPU."""
    wall, cpu = (summary(seconds, sum(seconds)) for seconds in zip(*taken, strict=True))
    names = ("p50_ms", "p95_ms")
    return {name: wall[name] for name in names} | {f"cpu_{name}": cpu[name] for name in names}


def _day(ago: int) -> str:
    return (date.today() - timedelta(days=ago)).isoformat()  # noqa: DTZ011  # a day is enough


def _turns(
    get: Callable[[str], tuple[Taken, str]], query: str, way: str, most: int, *, first: bool = False
) -> Iterator[Taken]:
    """What each page on the way took; the one that it begins at only where `first`."""
    took, page = get(query)
    if first:
        yield took
    for _ in range(most):
        found = re.search(rf'href="([^"]+)" rel="{way}"', page)
        if not found:  # a small table
            return
        took, page = get(unescape(found[1]))
        yield took


if __name__ == "__main__":
    main()
