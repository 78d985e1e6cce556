from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError

from apps.errors import DomainError
from apps.privacy.audit_retention import purge_entries
from apps.upkeep.services import note_success


class Command(BaseCommand):
    help = "Deletes audit entries whose retention is over, by OWNER_DATABASE_URL. To be run each night."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            purged = purge_entries()
        except DomainError as error:
            raise CommandError(str(error)) from None
        except ProgrammingError:
            raise CommandError("The role of DATABASE_URL deletes no audit entry: set OWNER_DATABASE_URL.") from None
        note_success("purge")
        self.stdout.write(f"{purged} audit entries deleted.")
