"""What is measured: a filled database, and servers of a checkout on free ports."""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import http_load
from devtools.embedded.pair import Pair
from devtools.paths import CHECKOUT, VAR

AMOUNTS = {
    "users": 10_000,
    "events": 20_000,
    "stories": 50_000,
    "messages": 200_000,
    "connections-per-user": 20,
    "notifications-per-user": 20,
}


LOG = VAR / "bench" / "servers.log"


@dataclass(frozen=True)
class Served:
    """A server that answers."""

    port: int
    pid: int
    ready_after: float
    """Seconds from its start to the first answer of /readyz."""


def say(text: str) -> None:
    print(text, flush=True)


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def environment_on(servers: Pair, database: str = "infloo", number: int = 0) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "DEBUG": "1",
        "DATABASE_URL": servers.database_url(database),
        "OWNER_DATABASE_URL": servers.owner_database_url(database),
        "REDIS_URL": servers.redis_url(number),
        "LOG_FOLDER": str(servers.home / "log"),
        "LIMITS_SCALE": "100000",
        "STAFF_MFA": "optional",
    }


def python_of(checkout: Path) -> str:
    return str(checkout / ".venv" / "bin" / "python")


def manage(environment: dict[str, str], *command: str, folder: Path = CHECKOUT) -> str:
    """Run a command. Returns the last line that it prints."""
    done = subprocess.run(
        [python_of(folder), "manage.py", *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


def fill(checkout: Path, environment: dict[str, str], amounts: dict[str, int]) -> dict[str, Any]:
    """Migrate and seed. Returns what `seed` says of it."""
    manage(environment, "migrate", "--verbosity", "0", folder=checkout)
    options = (f"--{name}={count}" for name, count in amounts.items())
    sample: dict[str, Any] = json.loads(manage(environment, "seed", *options, folder=checkout))
    return sample


@contextmanager
def process(
    environment: dict[str, str], command: list[str], folder: Path = CHECKOUT, ready: str = "/readyz"
) -> Iterator[Served]:
    """Runs a server on a free port, given as its last argument, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    began = time.perf_counter()
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("a") as log:
        server = subprocess.Popen([*command, str(port)], cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        http_load.wait_until_ready(port, ready)
        yield Served(port, server.pid, round(time.perf_counter() - began, 2))
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def one_port(checkout: Path = CHECKOUT) -> list[str]:
    """HTTP and sockets in one process, as `make run` has it, and as production has it for sockets."""
    return [python_of(checkout), "manage.py", "serve", "--port"]


def granian(application: str, *, workers: int = 1, checkout: Path = CHECKOUT) -> list[str]:
    """A WSGI application under granian as `manage.py web` starts it, on this machine alone."""
    arguments = ["--interface", "wsgi", "--no-ws", "--blocking-threads", "16", "--workers-kill-timeout", "30"]
    fixed = ["--log-level", "error", "--workers", str(workers), "--host", "127.0.0.1"]
    return [python_of(checkout), "-m", "granian", *arguments, application, *fixed, "--port"]


def web(*, workers: int = 1, checkout: Path = CHECKOUT) -> list[str]:
    """The web process of production."""
    return granian("config.wsgi:application", workers=workers, checkout=checkout)


def commit_of(checkout: Path = CHECKOUT) -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short=10", "HEAD"], cwd=checkout, stdout=subprocess.PIPE, text=True, check=False
    )
    return done.stdout.strip() or "unknown"
