"""The job that keeps tallies short."""

from __future__ import annotations

from procrastinate.contrib.django import app

from apps.tallies import services


@app.periodic(cron="* * * * *")
@app.task(name="tallies.fold", queueing_lock="tallies.fold")
def fold(timestamp: int) -> None:
    """Move the parts of tallies together."""
    services.fold()
