"""What keeps the background jobs themselves going."""

from __future__ import annotations

from procrastinate import JobContext
from procrastinate.contrib.django import app

from ops.running_jobs import hand_back


@app.periodic(cron="* * * * *")
@app.task(name="ops.retry_stalled", queueing_lock="ops.retry_stalled", pass_context=True)
async def retry_stalled(context: JobContext, timestamp: int) -> None:
    """Run again what a worker had begun when it was killed; every job can be run twice without harm.

    A worker is taken for dead after 30 seconds without a sign of life. Each job is for itself: what stands in the way
    of one does not stop the others.
    """
    for job in await context.app.job_manager.get_stalled_jobs():
        await hand_back(context.app, job)
