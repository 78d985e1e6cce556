"""Processes of the platform on the data of a test, as an orchestrator starts and stops them."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import time
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import connection

from tests.forks import Fork
from tests.settings import servers

# Seconds.
PATIENCE = 60


def environment(**more: str) -> dict[str, str]:
    """Of a process on the database of the test. Its secrets are the test's, so that tokens are good in both."""
    return {
        "PATH": os.defpath,
        "ENV_FILE": os.devnull,
        "DEBUG": "1",
        "DATABASE_URL": servers.database_url(str(connection.settings_dict["NAME"])),
        "REDIS_URL": settings.REDIS_URL,
        "LOG_FOLDER": settings.LOG_FOLDER,
        "EMAIL_URL": "consolemail://",
    } | more


class Command:
    """A command of manage.py: started at once, ended at the latest with the block."""

    def __init__(self, *command: str, **environ: str) -> None:
        self.process = Fork(["manage.py", *command], env=environment(**environ))

    def ask_to_stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def end(self) -> tuple[int, str]:
        """Its exit code and what it wrote, once it has ended by itself."""
        _out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.wait(), err

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.communicate()


class HttpCommand(Command):
    """One that serves on a port of this machine."""

    def __init__(self, command: str, port: int = 0, **environ: str) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__(command, "--port", str(self.port), **environ)

    def is_ready(self) -> bool:
        """Whether it asks for calls."""
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Status and text of the answer over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def post(self, path: str, body: object, headers: dict[str, str]) -> int:
        """Status of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", path, json.dumps(body), headers | {"Content-Type": "application/json"})
            return connection.getresponse().status
        finally:
            connection.close()

    def wait_until(self, *, ready: bool) -> Self:
        deadline = time.monotonic() + PATIENCE
        while self.is_ready() is not ready:
            assert self.process.poll() is None, self.end()
            assert time.monotonic() < deadline
            pause()
        return self


def pause(seconds: float = 0.05) -> None:
    select.select([], [], [], seconds)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
