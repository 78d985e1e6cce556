from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from apps.users.models import User
from apps.users.names import renew_keys, report


class Command(BaseCommand):
    help = "Bring what is stored of user names that look alike up to date: after a deployment, and after a new ICU."

    def handle(self, *args: Any, **options: Any) -> None:
        clashes = renew_keys(User.objects.all())
        if options["verbosity"]:
            for line in report(clashes):
                self.stdout.write(line)
