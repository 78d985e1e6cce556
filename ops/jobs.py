"""What keeps the background jobs themselves going."""

from __future__ import annotations

import logging

from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Status

logger = logging.getLogger(__name__)


@app.periodic(cron="* * * * *")
@app.task(name="ops.retry_stalled", queueing_lock="ops.retry_stalled", pass_context=True)
async def retry_stalled(context: JobContext, timestamp: int) -> None:
    """Run again what a worker had begun when it was killed; every job can be run twice without harm.

    A worker is taken for dead after 30 seconds without a sign of life. Each job is for itself: what stands in the way
    of one does not stop the others.
    """
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs():
        try:
            await manager.retry_job(job)
        except UniqueViolation:
            # One with the same queueing lock waits already, and does its work.
            await manager.finish_job(job, status=Status.ABORTED, delete_job=True)
        except ConnectorException:
            # Its worker lives after all and has just ended it; or else the next minute tries again.
            logger.warning("stalled job not retried", exc_info=True, extra={"job": job.id, "task": job.task_name})
