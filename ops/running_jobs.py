"""Jobs that have begun, and those that another worker must begin anew."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from procrastinate import App, JobContext
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status

from apps.infra import metrics

logger = logging.getLogger(__name__)


class RunningJobs:
    """Those of one worker."""

    def __init__(self) -> None:
        self._running: dict[int | None, JobContext] = {}

    async def note(self, call: Callable[[], Awaitable[Any]], context: JobContext, worker: object) -> Any:
        """As middleware of the worker: run one job, and know of it meanwhile."""
        self._running[context.job.id] = context
        started, outcome = time.monotonic(), "succeeded"
        try:
            return await call()
        except BaseException as error:
            task = context.app.tasks.get(context.job.task_name)
            outcome = "retried" if task and task.get_retry_exception(error, context.job) else "failed"
            raise
        finally:
            del self._running[context.job.id]
            metrics.JOBS.labels(context.job.task_name, outcome).observe(time.monotonic() - started)

    async def hand_back(self) -> None:
        """Let other workers begin anew what has begun here. The caller ends the process right after."""
        for context in list(self._running.values()):
            logger.warning("A job did not end in time and is handed back.", extra={"task": context.job.task_name})
            await hand_back(context.app, context.job)


async def hand_back(app: App, job: Job) -> None:
    """Let a worker begin a job anew. Every job can be run twice without harm."""
    try:
        await app.job_manager.retry_job(job)
    except UniqueViolation:
        # One with the same queueing lock waits already, and does its work.
        await app.job_manager.finish_job(job, status=Status.ABORTED, delete_job=True)
    except ConnectorException:
        # It has just ended, or the database is away: `ops.retry_stalled` of another worker tries again.
        logger.warning("A job was not handed back.", exc_info=True, extra={"task": job.task_name})
