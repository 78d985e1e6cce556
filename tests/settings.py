"""The settings of the tests, on a throwaway PostgreSQL and Valkey that the first process of a run starts.

Workers of the run inherit where the servers are. What the developer's shell or .env says of other
servers does not count here.
"""

import atexit
import os
import re
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from devtools.embedded.ownership import Unavailable
from devtools.embedded.pair import Pair
from devtools.embedded.throwaway import throwaway
from devtools.paths import CHECKOUT


def _servers() -> Pair:
    if home := os.environ.get("TEST_SERVERS"):
        return Pair(Path(home), durable=False)
    stack = ExitStack()
    atexit.register(stack.close)
    # As Ctrl-C does, so that the servers are stopped when only make is ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        pair = stack.enter_context(throwaway())
    except Unavailable as error:
        sys.exit(str(error))
    os.environ["TEST_SERVERS"] = str(pair.home)
    return pair


servers = _servers()
# "master" without xdist, else "gw0", "gw1" ...
worker = os.environ.get("PYTEST_XDIST_WORKER", "master")
number = 0 if worker == "master" else 1 + int(worker.removeprefix("gw"))

# Compiled once, not by each of the processes that tests start; kept out of the repository by .gitignore.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

for name in re.findall(r"^([A-Z0-9_]+)=", (CHECKOUT / ".env.example").read_text(), re.MULTILINE):
    os.environ.pop(name, None)
os.environ |= {
    "ENV_FILE": os.devnull,
    "DEBUG": "1",
    "DATABASE_URL": servers.database_url(),
    "OWNER_DATABASE_URL": servers.owner_database_url(),
    "REDIS_URL": servers.redis_url(number),
    "EMAIL_URL": "memorymail://",
    "LOG_FOLDER": str(servers.home / f"log-{worker}"),
    "STOP_SECONDS": "3",
}

from config.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MEDIA_ROOT = servers.home / f"media-{worker}"
LOG_KEY_FILE = servers.home / f"log-key-{worker}"
# Static files straight from the apps, found when asked for: no collectstatic, no scan for every test client.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
# A browser asks for them once a test, not with every page.
WHITENOISE_MAX_AGE = 3600
