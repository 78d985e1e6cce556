from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from apps.users.models import User
from apps.users.name_fields import KEYS
from apps.users.name_keys import renew_keys, report


class Command(BaseCommand):
    help = "Bring what is stored beside user names and mail addresses up to date: after a deployment, after a new ICU."

    def handle(self, *args: Any, **options: Any) -> None:
        for key in KEYS:
            clashes = renew_keys(User.objects.all(), key)
            if options["verbosity"]:
                for line in report(clashes, key):
                    self.stdout.write(line)
