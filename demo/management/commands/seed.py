from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from dataclasses import fields
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from demo.seed import AlreadySeeded, seed
from demo.seeding.amounts import Amounts


class Command(BaseCommand):
    help = (
        "Fills the database in bulk: users user000000, user000001 …, all verified, with the password “infloo-demo”, "
        "and what they have. The same amounts give the same data. Prints a sample of it as JSON."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        for field in fields(Amounts):
            option = "--" + field.name.replace("_", "-")
            parser.add_argument(
                option,
                type=int,
                metavar="N",
                default=field.default,
                help=f"{2 if field.default is None else field.default} by default",
            )
        parser.add_argument("--yes-really", action="store_true", help="without DEBUG too")

    def handle(self, *, yes_really: bool, **options: Any) -> None:
        if not (settings.DEBUG or yes_really):
            raise CommandError("This makes accounts with a known password. Without DEBUG it wants --yes-really.")
        began = time.monotonic()
        try:
            sample = seed(Amounts(**{field.name: options[field.name] for field in fields(Amounts)}))
        except (ValueError, AlreadySeeded) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(sample | {"seconds": round(time.monotonic() - began, 1)}))
