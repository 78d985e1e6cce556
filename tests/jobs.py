"""The background jobs that a test asked for, run by hand."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob


def waiting(task_name: str) -> list[ProcrastinateJob]:
    return list(ProcrastinateJob.objects.filter(task_name=task_name).order_by("id"))


def forget(task_name: str) -> None:
    """Take back the jobs of a kind that a test does not mean."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs WHERE task_name = %s", [task_name])


@contextmanager
def worker_here() -> Iterator[None]:
    """Let this process be a worker; its answers to signals are afterwards what they were."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with app.replace_connector(app.connector.get_worker_connector()):
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
            app.tasks[job.task_name](**job.args)
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [job.pk])
            ran += 1
    return ran
