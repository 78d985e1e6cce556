"""The environment of a complete production, and commands started in an environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from devtools.paths import CHECKOUT
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


FORKING = """
import json, os, runpy, sys, tempfile
import django.core.management, environ, orjson, psutil, psycopg_pool, redis.asyncio, structlog
environments, command = json.loads(sys.argv[1])
sys.path[0] = os.getcwd()
for environment in environments:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        if not (child := os.fork()):
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os.environ.clear()
            os.environ.update(environment)
            sys.argv = command
            runpy.run_path(command[0], run_name="__main__")
            sys.exit()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        written = [file.seek(0) or file.read().decode() for file in (out, err)]
    print(json.dumps([code, *written]), flush=True)
"""
"""A process that has loaded the libraries, none of ours, and forks for each environment."""


def start_each(environments: Sequence[dict[str, str]], *command: str) -> list[subprocess.CompletedProcess[str]]:
    """As `start` in each of these, of a file that is a program. Libraries, which take most of a start, load once."""
    done = start(PRODUCTION, "-c", FORKING, json.dumps([environments, command]))
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return [subprocess.CompletedProcess(list(command), *answer) for answer in answers]


def start(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
    )
