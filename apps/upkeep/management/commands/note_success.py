"""Note that work outside of the platform was done, such as a backup by a script."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.errors import Invalid
from apps.upkeep.services import note_success


class Command(BaseCommand):
    help = "Note that work was done, so that /metrics shows when: note_success backup."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what was done: lower-case letters and underscores")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        try:
            note_success(name)
        except Invalid as error:
            raise CommandError(str(error)) from None
