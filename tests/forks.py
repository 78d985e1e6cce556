"""Programs of ours, started as forks of a process that has loaded the libraries, which take most of a start."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from devtools.paths import CHECKOUT

SERVER = Path(__file__).with_name("fork_server.py")


@cache
def _server() -> socket.socket:
    """What this process asks its own server by, which ends with it."""
    ours, its = socket.socketpair()
    # A library that computes with several threads would start them when it is loaded.
    environment = {"PATH": os.defpath, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, SERVER, str(its.fileno())]
    server = subprocess.Popen(command, cwd=CHECKOUT, env=environment, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL)
    its.close()

    def end() -> None:
        ours.close()
        server.terminate()
        server.wait()

    atexit.register(end)
    return ours


class Fork:
    """`python *command`, of a file or of `-m` and a module, as subprocess.Popen has a process.

    Without `err`, what it writes to stderr is read by `communicate`.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: dict[str, str],
        cwd: Path = CHECKOUT,
        err: int | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.returncode: int | None = None
        self._channel, its = socket.socketpair()
        self._out, self._err = TemporaryFile(), TemporaryFile()  # noqa: SIM115  # read once it has ended
        asked = {"command": command, "environment": env, "folder": str(cwd), "numbers": [0, 1, 2, *pass_fds]}
        with its, Path(os.devnull).open("rb") as nothing:
            files = [nothing.fileno(), self._out.fileno(), self._err.fileno() if err is None else err, *pass_fds]
            socket.send_fds(_server(), [b"1"], [its.fileno(), *files])
        self._channel.sendall(json.dumps(asked).encode() + b"\n")
        self.pid = int.from_bytes(self._channel.recv(4))
        assert self.pid, "The server of forks did not start."

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._channel], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self.returncode = int.from_bytes(self._channel.recv(4), signed=True)
            self._channel.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it wrote to stdout and stderr, once it has ended."""
        self.wait(timeout)
        return _text(self._out), _text(self._err)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
