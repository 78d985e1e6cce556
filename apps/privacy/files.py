"""Files that have to go: by a job that commits with the row that no longer names them."""

from __future__ import annotations

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.types import JSONDict

from apps.infra.files import renditions


# The waits add up to some sixteen days: a file of which nothing is left but this job must go at last.
@app.task(name="privacy.delete_file", queue="files", retry=RetryStrategy(max_attempts=10, exponential_wait=4))
def delete_file(*, name: str) -> None:
    """Delete a file, and what was drawn of it, that no row names any more; one that is missing is ignored."""
    renditions.delete_file(name)


def delete_later(*names: str) -> None:
    """Delete these files once the present transaction is committed; empty names are ignored."""
    jobs: list[JSONDict] = [{"name": name} for name in names if name]
    if jobs:
        delete_file.batch_defer(*jobs)
