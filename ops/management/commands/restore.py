"""Lay out a backup as a folder that PostgreSQL recovers when it starts on it."""

from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.infra.instants import instant
from ops.recovery.production import archive_of_settings
from ops.recovery.programs import Failed, installed
from ops.recovery.restore import prepare


class Command(BaseCommand):
    help = "Lay out the newest backup of BACKUP_FOLDER in an empty folder for PostgreSQL: see docs/restore.md."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="the data folder of PostgreSQL, empty or absent")
        parser.add_argument("--at", type=instant, help="restore up to this time; up to the last archived change if not")

    def handle(self, *args: Any, folder: Path, at: datetime | None, **options: Any) -> None:
        try:
            base = prepare(archive_of_settings(), installed(), folder.absolute(), at)
        except Failed as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"The base backup of {base.completed_at:%Y-%m-%d %H:%M:%S} UTC lies in {folder}.")
        self.stdout.write("Start PostgreSQL: it recovers from the archive, then takes connections.")
