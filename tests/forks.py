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
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from apps.infra.files import child_process
from devtools.paths import CHECKOUT

SERVER = Path(__file__).with_name("fork_server.py")


# Those of the server of each kind of program, which what is read by libraries as they are loaded must stand in.
STARTS: dict[str, tuple[list[str], dict[str, str]]] = {
    # A library that computes with several threads would start them when it is loaded.
    "programs": ([], {"PATH": os.defpath, "OPENBLAS_NUM_THREADS": "1"}),
    "children": (["-I"], child_process.ENVIRONMENT),
}
_starting = threading.Lock()


@cache
def _server(kind: str) -> socket.socket:
    """What this process asks its own server of that kind by, which ends with it."""
    ours, its = socket.socketpair()
    options, environment = STARTS[kind]
    command = [sys.executable, *options, SERVER, str(its.fileno()), kind]
    server = subprocess.Popen(command, cwd=CHECKOUT, env=environment, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL)
    its.close()

    def end() -> None:
        ours.close()
        server.terminate()
        server.wait()

    atexit.register(end)
    return ours


class Fork:
    """`python *command`, of a file, of `-m` and a module or of `-c` and code, as subprocess.Popen has a process.

    Without `out` and `err`, what it writes to stdout and stderr is read by `communicate`. One that `leaves` does not
    take apart at its end what was loaded, which takes most of the time of a short program.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: dict[str, str],
        cwd: Path = CHECKOUT,
        given: int | None = None,
        out: int | None = None,
        err: int | None = None,
        pass_fds: Sequence[int] = (),
        kind: str = "programs",
        leaves: bool = False,
    ) -> None:
        self.returncode: int | None = None
        self._channel, its = socket.socketpair()
        self._out, self._err = TemporaryFile(), TemporaryFile()  # noqa: SIM115  # read once it has ended
        numbers = [0, 1, 2, *pass_fds]
        asked = {"command": command, "environment": env, "folder": str(cwd), "numbers": numbers, "leaves": leaves}
        with its, Path(os.devnull).open("rb") as nothing:
            files = [
                nothing.fileno() if given is None else given,
                self._out.fileno() if out is None else out,
                self._err.fileno() if err is None else err,
                *pass_fds,
            ]
            with _starting:
                server = _server(kind)
            socket.send_fds(server, [b"1"], [its.fileno(), *files])
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


def run_child(
    child: str, content: bytes, order: Mapping[str, object], *, seconds: int, memory: int
) -> subprocess.CompletedProcess[bytes]:
    """As that of `apps.infra.files.child_process`, by a fork."""
    command = child_process.command(child, {**order, "seconds": seconds, "memory": memory})
    deadline = time.monotonic() + seconds + child_process.STARTING
    # A child may write into no file, so that it gets pipes.
    (reading, out), (reading_errors, err) = os.pipe(), os.pipe()
    written = {reading: b"", reading_errors: b""}
    try:
        with TemporaryFile() as given:
            given.write(content)
            given.seek(0)
            env = child_process.ENVIRONMENT
            fork = Fork(command[2:], env=env, given=given.fileno(), out=out, err=err, kind="children")
        os.close(out)
        os.close(err)
        open_pipes = set(written)
        while open_pipes:
            ready = select.select(open_pipes, [], [], max(0, deadline - time.monotonic()))[0]
            if not ready:
                fork.kill()
                raise subprocess.TimeoutExpired(command, seconds + child_process.STARTING)
            for pipe in ready:
                part = os.read(pipe, 1 << 16)
                written[pipe] += part
                if not part:
                    open_pipes.remove(pipe)
    finally:
        os.close(reading)
        os.close(reading_errors)
    return subprocess.CompletedProcess(command, fork.wait(), written[reading], written[reading_errors])


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
