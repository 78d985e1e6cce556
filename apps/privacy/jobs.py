"""Jobs that end personal data in time."""

from __future__ import annotations

from functools import partial

from procrastinate import JobContext
from procrastinate.contrib.django import app

from apps.infra.jobs import is_stopping
from apps.privacy import data_exports, erasures, retention, unowned_files


@app.periodic(cron="17 * * * *")
@app.task(name="privacy.erase_due", queue="files", queueing_lock="privacy.erase_due", pass_context=True)
def erase_due(context: JobContext, timestamp: int) -> None:
    """Carry out the erasures whose waiting time is over."""
    erasures.erase_due(partial(is_stopping, context))


@app.periodic(cron="40 3 * * *")
@app.task(name="privacy.purge_due", queue="files", queueing_lock="privacy.purge_due", pass_context=True)
def purge_due(context: JobContext, timestamp: int) -> None:
    """Purge what the retention schedule says."""
    retention.purge_due(partial(is_stopping, context))
    data_exports.expire_due()


@app.periodic(cron="50 4 * * 0")
@app.task(name="privacy.delete_unowned", queue="files", queueing_lock="privacy.delete_unowned", pass_context=True)
def delete_unowned(context: JobContext, timestamp: int) -> None:
    """Once a week, since it lists the whole storage: delete the files that no row names."""
    unowned_files.delete_unowned(partial(is_stopping, context))
