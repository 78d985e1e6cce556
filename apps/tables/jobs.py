"""What keeps imports and exports from staying for ever."""

from __future__ import annotations

from procrastinate.contrib.django import app

from apps.tables import services


@app.periodic(cron="*/5 * * * *")
@app.task(name="tables.purge", queue="files", queueing_lock="tables.purge")
def purge(timestamp: int) -> None:
    """Delete what has expired, files too, and end what no worker goes on with."""
    services.fail_silent()
    services.purge()
