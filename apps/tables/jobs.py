"""The job that cleans up imports and exports."""

from __future__ import annotations

from procrastinate.contrib.django import app

from apps.tables import cleanup


@app.periodic(cron="*/5 * * * *")
@app.task(name="tables.purge", queue="files", queueing_lock="tables.purge")
def purge(timestamp: int) -> None:
    """Delete what has expired, files too, and end what no worker goes on with."""
    cleanup.fail_silent()
    cleanup.purge()
