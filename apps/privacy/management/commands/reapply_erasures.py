from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from apps.privacy.reapply import reapply


class Command(BaseCommand):
    help = "After a restore, and before anything is served: erases again what was erased since the backup was made."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{reapply()} erasures applied again.")
