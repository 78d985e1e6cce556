from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.errors import DomainError
from apps.users.staff.builtin_roles import setup_roles


class Command(BaseCommand):
    help = "Create the built-in groups, or give them back the permissions that fixtures/roles.json lists."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            changed = setup_roles()
        except DomainError as error:
            raise CommandError(str(error)) from error
        if options["verbosity"]:
            self.stdout.write(f"Set up: {', '.join(changed)}." if changed else "All roles are as they should be.")
