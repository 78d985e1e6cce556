"""The background jobs that a test asked for, run by hand."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest import mock

from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.periodic import PeriodicDeferrer

from apps.infra.jobs import ORIGIN
from ops.job_origin import resume_origin


def waiting(task_name: str) -> list[ProcrastinateJob]:
    return list(ProcrastinateJob.objects.filter(task_name=task_name).order_by("id"))


def arguments(job: ProcrastinateJob) -> dict[str, Any]:
    """What its function is called with."""
    return {name: value for name, value in job.args.items() if name != ORIGIN}


def forget(task_name: str) -> None:
    """Take back the jobs of a kind that a test does not mean."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs WHERE task_name = %s", [task_name])


@contextmanager
def worker_here() -> Iterator[None]:
    """Let this process be a worker of the jobs that a test asked for, none of those that the clock asks for.

    Its answers to signals are afterwards what they were.
    """
    connector: Any = app.connector
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with (
            mock.patch.object(PeriodicDeferrer, "get_previous_tasks", return_value=()),
            app.replace_connector(connector.get_worker_connector()),
        ):
            yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def run_jobs(*, later: timedelta = timedelta()) -> int:
    """Run what is due `later` from now, and what that asks for in turn; how many ran."""
    ran = 0
    due = timezone.now() + later
    while jobs := [
        job for job in ProcrastinateJob.objects.order_by("id") if job.scheduled_at is None or job.scheduled_at <= due
    ]:
        for job in jobs:
            app.tasks[job.task_name](**arguments(job))
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [job.pk])
            ran += 1
    return ran


def abandon_jobs() -> None:
    """Mark all waiting jobs as begun by a worker that has died since."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT procrastinate_register_worker_v1()")
        [worker] = cursor.fetchone()
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s", [worker])
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = NOW() - INTERVAL '2 minutes'")


def run_worker() -> None:
    """Run the jobs that are due by a real worker, once."""
    with worker_here():
        app.run_worker(
            wait=False,
            install_signal_handlers=False,
            listen_notify=False,
            delete_jobs="successful",
            worker_middleware=[resume_origin],
        )
