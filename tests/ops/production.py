"""The environment of a complete production, and commands started in an environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from devtools.paths import CHECKOUT
from tests.forks import Fork
from tests.settings import servers

PRODUCTION = {
    "PATH": os.defpath,
    "ENV_FILE": os.devnull,
    "SECRET_KEY": "an0ther-l0ng-and-rand0m-l00king-key-of-the-tests-alone",
    "JWT_SIGNING_KEY": "j" * 50,
    "DATABASE_URL": servers.database_url(),
    "OWNER_DATABASE_URL": servers.owner_database_url(),
    "REDIS_URL": servers.redis_url(),
    "ALLOWED_HOSTS": "infloo.example",
    "EMAIL_URL": "consolemail://",
}


def start_each(environments: Sequence[dict[str, str]], *command: str) -> list[subprocess.CompletedProcess[str]]:
    """As `start` in each of these. Libraries, which take most of a start, load once."""
    return [start_loaded(environment, *command) for environment in environments]


def start_loaded(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    """As `start`, by a process that has loaded the libraries."""
    forked = Fork(command, env=environment, leaves=True)
    out, err = forked.communicate()
    return subprocess.CompletedProcess(list(command), forked.wait(), out, err)


def start(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
    )
