"""Run background jobs until asked to stop."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ConnectorException
from procrastinate.psycopg_connector import PsycopgConnector
from prometheus_client import start_http_server

from apps.infra.jobs import IS_STOPPING
from config import silence, tracing
from ops.job_origin import resume_origin
from ops.running_jobs import RunningJobs
from ops.web import end_with_supervisor

logger = logging.getLogger(__name__)

# Seconds before the worker begins anew after it lost the database; longer each time, up to the last.
WAITS = (1, 2, 5, 10, 30)
STEADY = 60


class Command(BaseCommand):
    help = "Run background jobs until asked to stop; a job under way may finish."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--concurrency", type=int, default=4, help="jobs at a time")
        parser.add_argument("--metrics-host", default="127.0.0.1", help="the address at which /metrics is asked for")
        parser.add_argument("--metrics-port", type=int, help="its port; without one there are no metrics")

    def handle(self, *args: Any, concurrency: int, metrics_host: str, metrics_port: int | None, **options: Any) -> None:
        end_with_supervisor()
        tracing.start()
        if metrics_port is not None:
            try:
                start_http_server(metrics_port, metrics_host)
            except (OSError, OverflowError) as error:
                raise CommandError(f"Cannot listen on {metrics_host} port {metrics_port}: {error}") from None
        # As `DjangoConnector.get_worker_connector` has it, save that a silent database is found out.
        connector = PsycopgConnector(kwargs=connector_params(), connection_class=silence.AsyncConnection)
        with app.replace_connector(connector):
            asyncio.run(work_until_stopped(concurrency))


def leave_at_once() -> None:
    """End the process, whose end would wait for its threads: what they had begun is for another worker by now."""
    logging.shutdown()
    sys.stderr.flush()
    os._exit(0)


async def work_until_stopped(concurrency: int) -> None:
    """Work, and begin anew when the database or a pooler before it went away: procrastinate ends without an error."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    losses = 0
    while True:
        began = loop.time()
        await _work(concurrency, stop)
        if stop.is_set():
            return
        losses = 0 if loop.time() - began > STEADY else losses + 1
        wait = WAITS[min(losses, len(WAITS) - 1)]
        logger.warning("The worker has lost the database; it begins anew in %d s.", wait)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), wait)
            return


async def _work(concurrency: int, stop: asyncio.Event) -> None:
    """Run jobs until the database is lost, or `stop` is set and what is under way has ended.

    Jobs that take longer than STOP_SECONDS are handed back, and this process ends under them.
    """
    running = RunningJobs()
    with contextlib.suppress(ConnectorException, psycopg.Error):
        async with app.open_async():
            work = asyncio.create_task(
                app.run_worker_async(
                    concurrency=concurrency,
                    delete_jobs="successful",  # failed ones stay to be examined
                    # Never reached: after its own time limit procrastinate goes on waiting.
                    shutdown_graceful_timeout=2 * settings.STOP_SECONDS,
                    install_signal_handlers=False,
                    additional_context={IS_STOPPING: stop.is_set},
                    worker_middleware=[resume_origin, running.note],
                )
            )
            stopping = asyncio.create_task(stop.wait())
            try:
                await asyncio.wait((work, stopping), return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopping.cancel()
                work.cancel()
                done, _late = await asyncio.wait((work,), timeout=settings.STOP_SECONDS)
            if not done:
                await running.hand_back()
                leave_at_once()
            with contextlib.suppress(asyncio.CancelledError):
                await work
