"""`make rehearse`: destroy a PostgreSQL, restore it from its archive, and compare all that was in it.

On servers of its own, with the demo's data or as many rows as are asked for, by the code that production's backups and
nightly rehearsals go by. Exit code 1 with the reason where anything differs.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devtools.embedded.archiving import ARCHIVE, TIMEOUT, archiving
from devtools.embedded.ownership import Unavailable
from devtools.embedded.pair import Pair
from devtools.embedded.throwaway import throwaway


def main() -> None:
    # The servers of this run end with it, also where it is told to end.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    parser = argparse.ArgumentParser(prog="make rehearse", description=__doc__)
    parser.add_argument("--users", type=int, help="in bulk, in place of the demo")
    parser.add_argument("--messages", type=int, default=0, help="in bulk, with --users")
    parser.add_argument("--archive-timeout", type=int, default=TIMEOUT, help="seconds (default 30, as in production)")
    options = parser.parse_args()
    try:
        with throwaway(durable=True, settings=archiving(options.archive_timeout)) as servers:
            set_up(servers)
            with step("load the data"):
                load(options.users, options.messages)
            rehearse(servers)
    except Unavailable as error:
        sys.exit(str(error))


def set_up(servers: Pair) -> None:
    """Let this process be one of the platform, on these servers and on files beside them."""
    os.environ |= {
        "DEBUG": "1",
        "ENV_FILE": os.devnull,
        "DATABASE_URL": servers.database_url(),
        "OWNER_DATABASE_URL": servers.owner_database_url(),
        "REDIS_URL": servers.redis_url(),
        "LOG_FOLDER": str(servers.home / "log"),
        "BACKUP_FOLDER": str(servers.home / ARCHIVE),
        "BACKUP_DATABASE_URL": servers.database_url("postgres", role="postgres"),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    import django
    from django.conf import settings

    settings.MEDIA_ROOT = servers.home / "media"
    settings.LOG_KEY_FILE = servers.home / "log-key"
    django.setup()


def load(users: int | None, messages: int) -> None:
    from django.core.management import call_command

    with Path(os.devnull).open("w") as nowhere:
        call_command("migrate", verbosity=0)
        if users is None:
            call_command("demo", stdout=nowhere)
        else:
            amounts = {"users": users, "messages": messages, "documents": max(20, users // 20), "stories": users // 20}
            call_command("seed", *(f"--{name}={many}" for name, many in amounts.items()), stdout=nowhere)


def rehearse(servers: Pair) -> None:
    """Raises `SystemExit` with the reason where anything differs."""
    from devtools.drill import Drill
    from ops.recovery.programs import Failed

    drill, lines = Drill(servers.postgres), 0
    try:
        with step("make the base backup"):
            base = drill.back_up()
        with step("change, erase, and write until it is archived"):
            drill.write()
        with step("kill -9 and delete"):
            drill.destroy()
        for name, restore in (("the last change", drill.restore_latest), ("a chosen time", drill.restore_earlier)):
            with step(f"restore to {name}"):
                restored = restore()
            lines = max(lines, restored.lines)
            for part, seconds in restored.steps.items():
                print(f"{'':14}{seconds:6.1f} s  {part}")
    except Failed as error:
        sys.exit(f"FAILED: {error}")
    print(
        f"\n{sum(restored.counts.values()):,} rows in {len(restored.counts)} tables, {restored.size / 1e6:,.0f} MB;"
        f" base backup {base.size / 1e6:,.0f} MB, compressed; log of {lines:,} lines in order\n"
        f"{len(drill.written)} acknowledged writes, {drill.lost} lost, the oldest {drill.lost_seconds:.1f} s before the"
        f" crash (at most {drill.LOST_MOST} s)\n"
        f"{len(drill.erased)} erasures kept or applied again; all files there; every table as it was"
    )


@contextmanager
def step(name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{time.monotonic() - began:12.1f} s  {name}", flush=True)


if __name__ == "__main__":
    main()
