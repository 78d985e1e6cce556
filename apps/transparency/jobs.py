"""The jobs that keep the log and verify it."""

from __future__ import annotations

import logging

from procrastinate.contrib.django import app

from apps.errors import Conflict
from apps.transparency import checkpoints, publishing
from apps.transparency.models import Checkpoint
from apps.transparency.sequencing import sequence
from apps.transparency.verifying import verify
from apps.upkeep.services import note_success

logger = logging.getLogger(__name__)


@app.periodic(cron="* * * * *")
@app.task(name="transparency.checkpoint", queueing_lock="transparency.checkpoint")
def checkpoint(timestamp: int = 0) -> Checkpoint | None:
    """Bring the log up to date, sign it, and write it outside the database."""
    sequence()
    try:
        made = checkpoints.make()
    except Conflict as error:
        if error.code != "log-key-missing":  # which `check --deploy` and the console say
            logger.error("The log is not signed: %s", error)
        return None
    places = publishing.publish(made)
    if places and not any(place.error for place in places):
        note_success("checkpoint")
    return made


@app.periodic(cron="20 3 * * *")
@app.task(name="transparency.verify", queueing_lock="transparency.verify")
def verify_log(timestamp: int = 0) -> None:
    """Verify the whole log once a night."""
    if result := verify().finding:
        logger.error("The log is not in order: %s", result)
    else:
        note_success("verification")
