"""Infloo as in production, on servers for one run: web, sockets and worker as processes of their own, each server
behind a proxy that can break, and all of it watched and started again as an orchestrator does."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import http_load, serving
from benchmarks.chaos.mail import MailServer
from benchmarks.chaos.proxy import Proxy
from devtools.embedded.ownership import Unavailable
from devtools.embedded.pair import Pair
from devtools.paths import CHECKOUT, VAR

LOG = VAR / "chaos.log"
AMOUNTS = {"users": 300, "events": 20, "stories": 20, "messages": 600, "documents": 600, "connections-per-user": 3}
OFFICER, PASSWORD = "officer", "infloo-demo"
WATCH_EVERY = 0.25
STOP_TIMEOUT = 20


class Process:
    """A command of manage.py and what it starts."""

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str]) -> None:
        self.name, self.arguments, self.environment = name, arguments, environment
        self.start()

    def start(self) -> None:
        with LOG.open("a") as log:
            self._process = subprocess.Popen(
                [serving.python_of(CHECKOUT), *self.arguments],
                cwd=CHECKOUT, env=self.environment, stdout=log, stderr=log, start_new_session=True,
                stdin=subprocess.PIPE,  # closes when this run ends, even killed: they end too
            )  # fmt: skip

    def signal(self, number: int) -> None:
        """To all of it."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def is_dead(self) -> bool:
        return self._process.poll() is not None

    def end(self) -> None:
        self.signal(signal.SIGCONT)
        with suppress(ProcessLookupError):
            self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_TIMEOUT)
        self.signal(signal.SIGKILL)
        self._process.wait()


class Stack:
    """What faults break and the load calls."""

    def __init__(self, pair: Pair, mail: MailServer, proxies: dict[str, Proxy], more: dict[str, str]) -> None:
        self.pair, self.mail, self.proxies, self.more = pair, mail, proxies, more
        self.left_alone: set[str] = set()
        """What is not started again when it is dead: `servers`, or the name of a process."""
        self.ports = {"web": free_port(), "sockets": free_port()}
        self.environment = self._environment()
        self.processes: dict[str, Process] = {}
        self._is_over = threading.Event()
        self._watching = threading.Thread(target=self._watch)

    def _environment(self) -> dict[str, str]:
        where = {name: f"127.0.0.1:{proxy.port}" for name, proxy in self.proxies.items()}
        return (
            serving.environment_on(self.pair)
            | {
                "DEBUG": "off",
                "ENV_FILE": os.devnull,
                "SECRET_KEY": "chaos-secret-key-of-runs-on-this-machine-alone",
                "JWT_SIGNING_KEY": "chaos-signing-key-of-runs-on-this-machine-alone",
                "ALLOWED_HOSTS": "127.0.0.1",
                "SSL_REDIRECT": "off",
                "DATABASE_URL": f"postgresql://infloo_app@{where['database']}/infloo",
                "REDIS_URL": f"redis://{where['valkey']}/0",
                "EMAIL_URL": f"smtp://{where['mail']}",
                **({"AWS_S3_ENDPOINT_URL": f"http://{where['bucket']}"} if "bucket" in where else {}),
                "SUPERVISED": "1",
                "DRAIN_SECONDS": "0",
                "STOP_SECONDS": "5",
                "PYTHONUNBUFFERED": "1",
            }
            | self.more
        )

    def prepare(self) -> dict[str, Any]:
        """Migrate, fill and start. Returns what `seed` says of it."""
        serving.manage(self.environment, "migrate", "--verbosity", "0")
        options = (f"--{name}={count}" for name, count in AMOUNTS.items())
        sample: dict[str, Any] = json.loads(serving.manage(self.environment, "seed", "--yes-really", *options))
        names = {"USERNAME": OFFICER, "EMAIL": "officer@infloo.example", "PASSWORD": PASSWORD}
        superuser = {f"DJANGO_SUPERUSER_{name}": value for name, value in names.items()}
        serving.manage(self.environment | superuser, "createsuperuser", "--noinput")
        serving.manage(self.environment, "collectstatic", "--noinput", "--verbosity", "0")
        return sample

    def start(self) -> None:
        for name in ("web", "sockets", "worker"):
            self.start_process(name)
        for port in self.ports.values():
            http_load.wait_until_ready(port)
        self._watching.start()

    def start_process(self, name: str, **environment: str) -> None:
        """In place of the one of that name that may run."""
        self.left_alone.add(name)
        if name in self.processes:
            self.processes[name].end()
        command = {"web": "web", "sockets": "serve", "worker": "worker"}[name]
        where = ["--port", str(self.ports[name])] if name in self.ports else []
        arguments = ["manage.py", command, *where]
        self.processes[name] = Process(name, arguments, self.environment | environment)
        self.left_alone.discard(name)

    def end(self) -> None:
        self._is_over.set()
        if self._watching.is_alive():
            self._watching.join()
        with ExitStack() as ending:  # all of them, also where the run is told to end meanwhile
            for process in self.processes.values():
                ending.callback(process.end)

    def _watch(self) -> None:
        while not self._is_over.wait(WATCH_EVERY):
            if "servers" not in self.left_alone:
                with suppress(Unavailable):  # tried again: it may not be able to start yet
                    self.pair.heal()
            for name, process in list(self.processes.items()):
                if name not in self.left_alone and process.is_dead():
                    process.start()

    def database(self) -> psycopg.Connection[Any]:
        """As the superuser, past the proxy."""
        return psycopg.connect(host=str(self.pair.home), user="postgres", dbname="infloo", autocommit=True)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def running(pair: Pair, more: dict[str, str], bucket_port: int | None = None) -> Iterator[tuple[Stack, dict[str, Any]]]:
    """The stack, filled and serving, and what it was filled with."""
    LOG.parent.mkdir(exist_ok=True)
    LOG.write_text("")
    mail = MailServer()
    targets: dict[str, int | Path] = {
        "database": pair.postgres.socket_file,
        "valkey": pair.valkey.socket_file,
        "mail": mail.port,
    }
    if bucket_port is not None:
        targets["bucket"] = bucket_port
    proxies = {name: Proxy(target) for name, target in targets.items()}
    try:
        for proxy in proxies.values():
            proxy.__enter__()
        stack = Stack(pair, mail, proxies, more)
        sample = stack.prepare()
        try:
            stack.start()
            yield stack, sample
        finally:
            stack.end()
    finally:
        for proxy in proxies.values():
            proxy.__exit__(None, None, None)
        mail.end()
