#!/usr/bin/env python
"""Django's commands, with the embedded servers behind them where the settings name no others."""

import os
import signal
import sys
from contextlib import AbstractContextManager, nullcontext

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from ops import embedded


def servers() -> AbstractContextManager[None]:
    """The embedded servers for as long as the command runs, if it uses them."""
    used = {settings.DATABASE_URL, settings.REDIS_URL}
    if settings.DEBUG and used & {embedded.database_url(), embedded.redis_url()}:
        # The default would end us without a word to the servers.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        return embedded.checkout().running()
    return nullcontext()


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        with servers():
            execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, embedded.Unavailable) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
