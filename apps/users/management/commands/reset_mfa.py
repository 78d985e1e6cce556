from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.errors import DomainError
from apps.users.authentication.mfa_resets import reset_from_machine


class Command(BaseCommand):
    help = "Remove a user's second factor and end their sessions, where no officer is left who could confirm a reset."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        try:
            reset_from_machine(username)
        except DomainError as error:
            raise CommandError(str(error)) from error
        if options["verbosity"]:
            self.stdout.write(f"{username} signs in with the password alone now.")
