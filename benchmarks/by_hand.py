"""GET event and GET events written by hand: WSGI, psycopg and an encoder, under the same server, on the same rows.

Knows no sessions, limits, blocks, log, metrics or languages, so it is the floor under any framework here and no goal.
Run by granian, with DATABASE_URL:

    granian --interface wsgi benchmarks.by_hand:application
"""

from __future__ import annotations

import importlib
import json
import os
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import psycopg
from psycopg.abc import Query

FIELDS = b"""
SELECT event.id, event.title, event.description, event.date, event.ends_at, event.location, event.capacity,
  event.status, host.id, host.username, host.role, host.is_verified, profile.image,
  (SELECT count(*) FROM events_participation p WHERE p.event_id = event.id AND p.status = 'going'),
  (SELECT count(*) FROM events_participation p WHERE p.event_id = event.id AND p.status = 'interested')
FROM events_event event JOIN users_user host ON host.id = event.host_id
  JOIN users_profile profile ON profile.user_id = host.id
WHERE event.removed_at IS NULL AND host.is_active
"""
ONE = FIELDS + b" AND event.id = %s"
PAGE = FIELDS + b" ORDER BY event.date DESC, event.id DESC LIMIT 10"
COUNT = b"""
SELECT count(*) FROM events_event event JOIN users_user host ON host.id = event.host_id
WHERE event.removed_at IS NULL AND host.is_active
"""

_mine = threading.local()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    origin = f"http://{environ.get('HTTP_HOST', 'localhost')}"
    answer: Any
    if path == "/api/events":
        answer = {
            "count": _rows(COUNT)[0][0],
            "next": f"{origin}/api/events?page=2",
            "previous": None,
            "results": [_event(row, origin) for row in _rows(PAGE)],
        }
    elif path.startswith("/api/events/"):
        answer = _event(_rows(ONE, int(path.rpartition("/")[2]))[0], origin)
    else:
        answer = {}
    body = encode(answer)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def _rows(query: Query, *values: int) -> list[tuple[Any, ...]]:
    if not hasattr(_mine, "connection"):
        # One connection a thread, and each statement prepared at its second run.
        _mine.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, prepare_threshold=1)
    rows: list[tuple[Any, ...]] = _mine.connection.execute(query, values or None).fetchall()
    return rows


def _event(row: tuple[Any, ...], origin: str) -> dict[str, Any]:
    return {
        "id": row[0],
        "title": row[1],
        "description": row[2],
        "date": written(row[3]),
        "ends_at": written(row[4]),
        "location": row[5],
        "capacity": row[6],
        "status": row[7],
        "host": {
            "id": row[8],
            "username": row[9],
            "role": row[10],
            "is_verified": row[11],
            "image": f"{origin}/media/{row[12] or 'default.jpg'}",
        },
        "going": row[13],
        "interested": row[14],
        "my_status": None,
    }


def written(value: datetime) -> str:
    """As the API has it: to the millisecond, where there is any."""
    return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds").replace("+00:00", "Z")


def _encoder() -> Callable[[Any], bytes]:
    """orjson where it is installed."""
    try:
        orjson = importlib.import_module("orjson")
    except ImportError:
        return lambda answer: json.dumps(answer).encode()
    dumps: Callable[[Any], bytes] = orjson.dumps
    return dumps


encode = _encoder()
