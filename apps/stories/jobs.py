"""What happens to stories in the background."""

from __future__ import annotations

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from apps.infra.files import renditions
from apps.stories import services


@app.periodic(cron="*/5 * * * *")
@app.task(name="stories.free_expired", queue="files", queueing_lock="stories.free_expired")
def free_expired(timestamp: int) -> None:
    """Free storage of what has expired, until nothing is left or nothing more can be freed now."""
    while services.free_expired() == services.FREED_AT_ONCE:
        pass


# The waits add up to some sixteen days: a file of which nothing is left but this job must go at last.
@app.task(name="stories.delete_file", queue="files", retry=RetryStrategy(max_attempts=10, exponential_wait=4))
def delete_file(*, name: str) -> None:
    """Delete a file that nothing refers to any more. One that is gone already is no trouble."""
    renditions.delete_file(name)
