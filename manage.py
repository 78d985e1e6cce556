#!/usr/bin/env python
"""Django's commands, with the embedded servers behind them where the settings name no others."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import connections

from devtools import embedded


@contextmanager
def connections_closed_after() -> Iterator[None]:
    """The threads of a pool that is left to the interpreter's end cannot be stopped, yet are waited for."""
    try:
        yield
    finally:
        for connection in connections.all(initialized_only=True):
            connection.close()
            connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's own


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # The default would end us without a word to the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        settings.INSTALLED_APPS  # noqa: B018
        with embedded.when_used(), connections_closed_after():
            execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, embedded.Unavailable) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
