"""The console's background jobs."""

from __future__ import annotations

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from admin_dashboards.tables.background import carry_out
from apps.tables.services import MAX_ATTEMPTS


# Storage or the database may be unavailable for a moment, and a user waits for the result.
@app.task(name="tables.run", queue="tables", retry=RetryStrategy(max_attempts=MAX_ATTEMPTS, wait=20))
def run(*, key: str) -> None:
    """Do the current step of an import or export."""
    carry_out(key)
