"""Figures that are read when /metrics is asked for: of this process, and of what all processes share.

None reads more of the database as it grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, cast

import psycopg
from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg.rows import dict_row

from apps.infra import draining

# Seconds that the database may take to connect; milliseconds for each query.
CONNECT_TIMEOUT = 2
STATEMENT_TIMEOUT = 1000
# Jobs that wait are counted up to this number.
WAITING_MAX = 10_000
# The first by the order in which workers take them. Of a job without a time, its first event says since when it waits.
WAITING = """
    WITH todo AS MATERIALIZED (
        SELECT id, queue_name, scheduled_at FROM procrastinate_jobs WHERE status = 'todo'
        ORDER BY priority DESC, id LIMIT %(most)s
    ), queues AS (
        SELECT queue_name, count(*) AS jobs, min(scheduled_at) AS due, min(id) FILTER (WHERE scheduled_at IS NULL) AS id
        FROM todo WHERE scheduled_at IS NULL OR scheduled_at <= now() GROUP BY queue_name
    )
    SELECT queue_name, jobs, extract(epoch FROM now() - least(due, (
        SELECT min(at) FROM procrastinate_events e WHERE e.job_id = queues.id
    )))::float8 AS oldest FROM queues
"""
WORKERS = """
    SELECT count(*) AS workers, coalesce(extract(epoch FROM max(last_heartbeat)), 0)::float8 AS heartbeat
    FROM procrastinate_workers WHERE last_heartbeat > now() - interval '30 seconds'
"""
SUCCESSES = "SELECT name, extract(epoch FROM at)::float8 AS at FROM upkeep_lastsuccess"
ARCHIVED = "SELECT extract(epoch FROM last_archived_time)::float8 AS at FROM pg_stat_archiver WHERE archived_count > 0"
REHEARSED = "SELECT (finding <> '')::int AS failed FROM upkeep_rehearsal ORDER BY id DESC LIMIT 1"


class ProcessGauges(Collector):
    """Of this process: its pool of connections, and whether it drains."""

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "infloo_draining", "Whether this process is about to stop", value=float(draining.is_draining())
        )
        stats: dict[str, int] = {}
        # Asked for by `connection.pool`, it would be made.
        with suppress(KeyError):
            stats = cast(Any, DatabaseWrapper)._connection_pools["default"].get_stats()
        sizes = GaugeMetricFamily(
            "infloo_database_connections", "Connections of this process's pool, by their state", labels=["state"]
        )
        sizes.add_metric(["free"], stats.get("pool_available", 0))
        sizes.add_metric(["taken"], stats.get("pool_size", 0) - stats.get("pool_available", 0))
        sizes.add_metric(["most"], stats.get("pool_max", 0))
        yield sizes
        yield GaugeMetricFamily(
            "infloo_database_waiting", "Calls that wait for a connection now", value=stats.get("requests_waiting", 0)
        )
        yield _counter("infloo_database_waits", "Calls that had to wait for a connection", stats.get("requests_queued"))
        waited = stats.get("requests_wait_ms", 0) / 1000
        yield _counter("infloo_database_wait_seconds", "Time that calls waited for a connection", waited)
        failures = stats.get("requests_errors", 0) + stats.get("connections_errors", 0)
        yield _counter("infloo_database_failures", "Connections that were not to be had in time, or failed", failures)


class SharedGauges(Collector):
    """What every process reads alike: jobs that wait, workers, when what must be done again was last done."""

    def collect(self) -> Iterable[Metric]:
        families = list(_shared())
        yield GaugeMetricFamily("infloo_database_up", "Whether PostgreSQL answers", value=float(bool(families)))
        yield from families

    def describe(self) -> Iterable[Metric]:
        """None: to be registered asks no database."""
        return []


def _shared() -> Iterator[Metric]:
    try:
        yield from _read()
    except psycopg.Error:
        return


def _read() -> list[Metric]:
    # A connection of its own: the pool would wait for a free one.
    params: dict[str, Any] = connection.get_connection_params() | {"connect_timeout": CONNECT_TIMEOUT}
    with psycopg.connect(**params | {"cursor_factory": psycopg.Cursor, "row_factory": dict_row}) as session:
        session.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT}")
        waiting = GaugeMetricFamily(
            "infloo_jobs_waiting", f"Jobs that are due, among the first {WAITING_MAX:,}", labels=["queue"]
        )
        oldest = GaugeMetricFamily("infloo_jobs_oldest_seconds", "How long the oldest of them is due", labels=["queue"])
        for row in session.execute(WAITING, {"most": WAITING_MAX}):
            waiting.add_metric([row["queue_name"]], row["jobs"])
            oldest.add_metric([row["queue_name"]], max(0.0, row["oldest"] or 0.0))
        [workers] = session.execute(WORKERS)
        done = GaugeMetricFamily(
            "infloo_last_success_timestamp_seconds", "When work was last done, in Unix time", labels=["name"]
        )
        for row in session.execute(SUCCESSES):
            done.add_metric([row["name"]], row["at"])
        archived = GaugeMetricFamily(
            "infloo_wal_archived_timestamp_seconds", "When PostgreSQL last archived WAL, in Unix time", labels=[]
        )
        for row in session.execute(ARCHIVED):
            archived.add_metric([], row["at"])
        failed = GaugeMetricFamily(
            "infloo_rehearsal_failed", "Whether the last rehearsal of a restore failed", labels=[]
        )
        for row in session.execute(REHEARSED):
            failed.add_metric([], row["failed"])
    return [
        waiting,
        oldest,
        GaugeMetricFamily("infloo_workers", "Workers with a sign of life in 30 s", value=workers["workers"]),
        GaugeMetricFamily(
            "infloo_worker_heartbeat_timestamp_seconds",
            "The last sign of life, in Unix time",
            value=workers["heartbeat"],
        ),
        done,
        archived,
        failed,
    ]


def _counter(name: str, text: str, value: float | None) -> Metric:
    return CounterMetricFamily(name, text, value=value or 0)
