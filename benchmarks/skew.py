"""One user with a hundred thousand connections beside an average one, with plans of the average and of their own.

A prepared statement may get one plan for all users from its sixth run on, unless PostgreSQL is told to plan each call.
"""

from __future__ import annotations

import json
from typing import Any

import psycopg

from benchmarks import http_load, serving
from benchmarks.figures import Row
from benchmarks.http_load import Call, Load
from benchmarks.serving import Served, say
from devtools.embedded.pair import Pair

CONNECTIONS = 100_000
PATHS = ("/api/connections", "/api/stories")
PLANS = ("auto", "force_custom_plan")

# Pairs are unique whichever way round; the user's own are left as they are.
CONNECT = b"""
INSERT INTO connections_connection (sender_id, receiver_id, status, created_at, responded_at)
SELECT %(user)s, id, 'accepted', now(), now() FROM users_user
WHERE id <> %(user)s AND NOT is_staff ORDER BY id DESC LIMIT %(count)s ON CONFLICT DO NOTHING
"""


def measure(servers: Pair, database: str, server: Served, sample: dict[str, Any]) -> dict[str, Any]:
    """Figures by user and path: with the server as it is, then with a plan for each call."""
    popular, average = sample["usernames"][:2]
    url = servers.database_url(database)
    with psycopg.connect(servers.owner_database_url(database), autocommit=True) as session:
        session.execute(CONNECT, {"user": sample["users"][0], "count": CONNECTIONS})
        session.execute("VACUUM (ANALYZE) connections_connection")
    figures: dict[str, Any] = {"auto": _both(server, sample, popular, average)}
    environment = serving.environment_on(servers, database, 4)
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("ALTER ROLE CURRENT_USER SET plan_cache_mode = force_custom_plan")
    try:
        with serving.process(environment, serving.one_port()) as anew:
            figures["force_custom_plan"] = _both(anew, sample, popular, average)
    finally:
        with psycopg.connect(url, autocommit=True) as session:
            session.execute("ALTER ROLE CURRENT_USER RESET plan_cache_mode")
    return figures


def _both(server: Served, sample: dict[str, Any], popular: str, average: str) -> dict[str, dict[str, Row]]:
    load = Load(seconds=2, connections=4)
    figures: dict[str, dict[str, Row]] = {}
    for kind, username in (("popular", popular), ("average", average)):
        token = {"Authorization": f"Bearer {http_load.sign_in(server.port, username, sample['password'])}"}
        figures[kind] = {
            path: load.measure(server.port, server.pid, Call("GET", path, headers=token)) for path in PATHS
        }
        answer = http_load.Client(server.port).call(Call("GET", PATHS[0], headers=token))[1]
        figures[kind][PATHS[0]]["count"] = json.loads(answer)["count"]
    return figures


def show(figures: dict[str, Any]) -> None:
    say(
        f"\nA user with about {CONNECTIONS:,} connections beside an average one, one plan for all and one for each call"
    )
    for plan in PLANS:
        for kind, rows in figures.get(plan, {}).items():
            for path, row in rows.items():
                say(f"  {plan:<18} {kind:<8} {path:<18} p50 {row['p50_ms']:>8,.1f} ms  p99 {row['p99_ms']:>8,.1f} ms")
