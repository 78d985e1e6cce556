"""Restore the newest backup into a server of its own, check it, and note the result."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ops.recovery.production import archive_of_settings, rehearse
from ops.recovery.programs import Failed


class Command(BaseCommand):
    help = "Rehearse a restore from BACKUP_FOLDER, beside the database that serves: see docs/restore.md."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--scratch", type=Path, help="a folder with room for the database; the system's one if not")

    def handle(self, *args: Any, scratch: Path | None, **options: Any) -> None:
        try:
            result = rehearse(archive_of_settings(), scratch=scratch)
        except Failed as error:
            raise CommandError(str(error)) from None
        for name, seconds in result.steps.items():
            self.stdout.write(f"{seconds:8.1f} s  {name}")
        self.stdout.write(f"{result.seconds:8.1f} s  in all; {result.rows} rows, {result.size / 1e6:.0f} MB")
        if result.finding:
            raise CommandError(result.finding)
        self.stdout.write(f"A crash would have cost {result.lost_seconds:.0f} s. All is there.")
