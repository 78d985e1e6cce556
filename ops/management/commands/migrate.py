"""Django's migrate, by the role that owns the tables, and with patience in place of locks that others wait behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connection

from apps.infra.owner import as_owner, has_own_role
from ops import grants

LOCK_TIMEOUT = 500
"""Milliseconds. A change of a table that waits for its readers holds up all who come after it: no longer than this."""
WAITS = (1, 1, 2, 2, 5, 5, 10, 10, 30, 30)
"""Seconds before each new try."""


class Command(migrate.Command):
    help = f"{migrate.Command.help} Goes by OWNER_DATABASE_URL, and says what the role of DATABASE_URL may do."

    def handle(self, *args: Any, **options: Any) -> None:
        with as_owner():
            if options["plan"] or options["check_unapplied"]:
                super().handle(*args, **options)
                return
            self._patiently(self._apply_grants)
            self._patiently(partial(super().handle, *args, **options))
            self._patiently(self._apply_grants)

    def _patiently(self, step: Callable[[], object]) -> None:
        """Each step, and each migration, is undone by its failure, or goes on where it ended: a new try repeats it."""
        for wait in (*WAITS, None):
            with connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = {LOCK_TIMEOUT}")
            try:
                step()
            except OperationalError as error:
                if wait is None or not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                    raise
                self.stderr.write(f"A table is in use for more than {LOCK_TIMEOUT} ms; trying again in {wait} s.")
                time.sleep(wait)
            else:
                return

    @staticmethod
    def _apply_grants() -> None:
        if has_own_role():
            try:
                grants.apply()
            except grants.NoRole as error:
                raise CommandError(str(error)) from None
