"""Make a base backup of the database, once or every night."""

import logging
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from django.utils import timezone

from ops.recovery.production import archive_of_settings, back_up
from ops.recovery.programs import Failed

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Make a base backup in BACKUP_FOLDER and delete those whose time is over: see docs/restore.md."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--nightly", metavar="HH:MM", type=clock, help="go on, and rehearse after each, at this time"
        )

        parser.add_argument("--scratch", help="with --nightly, a folder with room for the database")

    def handle(self, *args: Any, nightly: datetime | None, scratch: str | None, **options: Any) -> None:
        if nightly is None:
            self.back_up()
            return
        while True:
            time.sleep(seconds_until(nightly, timezone.localtime()))
            for name, given in (("backup", {}), ("rehearse", {"scratch": scratch and Path(scratch)})):
                try:
                    call_command(name, **given)
                except (CommandError, DatabaseError, OSError) as error:
                    logger.error("%s: %s", name, error)
                connection.close()

    def back_up(self) -> None:
        began = time.monotonic()
        try:
            base, gone = back_up(archive_of_settings())
        except Failed as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"{base.folder}: {base.size / 1e6:.0f} MB in {time.monotonic() - began:.0f} s; {gone} deleted"
        )


def clock(text: str) -> datetime:
    """A time of day."""
    return datetime.strptime(text, "%H:%M")  # noqa: DTZ007 - of whichever day comes


def seconds_until(clock: datetime, now: datetime) -> float:
    """Until it is next this time of day."""
    then = now.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)
    if then <= now:
        then += timedelta(days=1)
    return (then - now).total_seconds()
