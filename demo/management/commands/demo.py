from __future__ import annotations

import ipaddress
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from demo.load import NotEmpty, load


class Command(BaseCommand):
    help = "Fills an empty database on this machine with the demo, whose accounts have the password “infloo-demo”."

    def handle(self, **_: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo makes accounts with a known password: it wants DEBUG.")
        if not _is_nearby(connection.settings_dict["HOST"]):
            raise CommandError(
                "The demo makes accounts with a known password: it goes into a database on this machine."
            )
        try:
            scenario = load()
        except NotEmpty as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{len(scenario.users)} people and what they have been up to.")


def _is_nearby(host: str) -> bool:
    """Whether a database's host is this machine: a socket in a folder, or a loopback address."""
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
