"""Jobs that delete the files of stories."""

from __future__ import annotations

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from apps.infra.files import renditions
from apps.stories import services


@app.periodic(cron="*/5 * * * *")
@app.task(name="stories.free_expired", queue="files", queueing_lock="stories.free_expired")
def free_expired(timestamp: int) -> None:
    """Delete the files of expired stories until none is left, or none more can be deleted now."""
    while services.free_expired() == services.FREED_AT_ONCE:
        pass


# The waits add up to some sixteen days: a file of which nothing is left but this job must go at last.
@app.task(name="stories.delete_file", queue="files", retry=RetryStrategy(max_attempts=10, exponential_wait=4))
def delete_file(*, name: str) -> None:
    """Delete a file that no story refers to any more; one that is missing is ignored."""
    renditions.delete_file(name)
