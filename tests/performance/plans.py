"""What the database does for a page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

# Scans of tables and indexes; what other nodes pass on has been read by these.
SCANS = ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan")
OF_THE_CODE = ("auth_permission", "django_content_type")
"""Tables that hold as many rows as the code has permissions and models: all of them may be read."""


def selects(captured: CaptureQueriesContext) -> list[str]:
    return [query["sql"] for query in captured.captured_queries if query["sql"].startswith("SELECT")]


def is_count(sql: str) -> bool:
    return sql.startswith(("SELECT COUNT(*)", "SELECT COALESCE(SUM(term), 0)"))


def page_of(sql: str) -> str:
    """The part that reads a page, of a query that counts all rows along with it."""
    return sql.partition(" AS counted LEFT JOIN (")[2].removesuffix(") AS page ON true") or sql


def rows_read(sql: str) -> int:
    """How many rows the query reads from tables and indexes that grow, those that it passes over included."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}")
        [plan] = cursor.fetchone()
    [top] = json.loads(plan) if isinstance(plan, str) else plan
    return sum(
        _read_by(node)
        for node in _nodes(top["Plan"])
        if node["Node Type"] in SCANS and node["Relation Name"] not in OF_THE_CODE
    )


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _read_by(node: dict[str, Any]) -> int:
    passed_over = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + passed_over) * node["Actual Loops"])
