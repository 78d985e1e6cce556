#!/usr/bin/env python
"""Django's commands, with the embedded servers behind them where the settings name no others."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import connections

from config.loading import load


@contextmanager
def connections_closed_after() -> Iterator[None]:
    """The threads of a pool that is left to the interpreter's end cannot be stopped, yet are waited for."""
    try:
        yield
    finally:
        for connection in connections.all(initialized_only=True):
            connection.close()
            connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's own


@contextmanager
def embedded_servers() -> Iterator[None]:
    """Run the embedded servers, in a checkout whose settings name no others. An installation has none."""
    if not (Path(__file__).resolve().parent / "devtools").is_dir():
        yield
        return
    from devtools.embedded import checkout
    from devtools.embedded.ownership import Unavailable

    checkout.offer()
    settings.INSTALLED_APPS  # noqa: B018  # broken settings end the start before a server runs
    try:
        with checkout.when_used():
            yield
    except Unavailable as error:
        sys.exit(str(error))


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # The default would end us without a word to the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with embedded_servers(), connections_closed_after():
            load()
            execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
