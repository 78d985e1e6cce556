from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.users.authentication.lockout import release_lockout
from apps.users.models import User


class Command(BaseCommand):
    help = "Let a user who was locked out after wrong passwords try again at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        user = User.objects.named(username).first()
        if user is None:
            raise CommandError("There is no such person.")
        release_lockout(None, user)
        if options["verbosity"]:
            self.stdout.write(f"{user.username} may try again.")
