"""One of the two servers, as the file system shows it: running or not, whichever process started it."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from devtools.embedded.ownership import Unavailable, as_owner

# Comes with the embedded servers; a checkout that runs on other servers may lack it.
if TYPE_CHECKING:
    import psutil

# Seconds. Recovery after a kill replays the log of changes, hence the long one.
START_TIMEOUT = 120.0
STOP_TIMEOUT = 30.0
POLL = 0.01


class Server(ABC):
    """A server with its data and its socket in `home`."""

    name: ClassVar[str]
    program: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]
    kill_signal: ClassVar[signal.Signals]
    data: Path
    log: Path
    pid_file: Path
    socket_file: Path
    marks: tuple[str, ...]
    """Parts of the command line of each of its processes, and of no other server's."""

    def __init__(self, home: Path, *, durable: bool) -> None:
        """`durable=False` trades every promise to keep data for speed."""
        self.home = home
        self.durable = durable
        self._children: list[subprocess.Popen[bytes]] = []

    @abstractmethod
    def prepare(self) -> None:
        """Make its data where there is none."""

    @abstractmethod
    def command(self) -> list[str]:
        """The program and its arguments."""

    @abstractmethod
    def is_ready(self, connection: socket.socket) -> bool:
        """Whether it works on what comes through a connection that it has accepted."""

    def answers(self) -> bool:
        """Whether it takes connections and commands."""
        # The kernel may close the socket of a killed server after all else of it is gone: until then it lets us in.
        if self.process() is None:
            return False
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            try:
                connection.connect(str(self.socket_file))
                return self.is_ready(connection)
            except OSError:
                return False

    def process(self) -> psutil.Process | None:
        """The process of the pid file, unless that is dead and its number belongs to another by now."""
        import psutil

        pid = self.pid_lines()[:1]
        try:
            process = psutil.Process(int(pid[0]))
            return process if self._is_one(process) else None
        except (IndexError, ValueError, psutil.NoSuchProcess):
            return None

    def processes(self) -> list[psutil.Process]:
        """The process of the pid file, and those that were started here whatever that file says."""
        import psutil

        process = self.process()
        found = {process.pid: process} if process else {}
        for child in self._children:
            if child.poll() is None and child.pid not in found:
                found[child.pid] = psutil.Process(child.pid)
        return [*found.values()]

    def remains(self) -> list[psutil.Process]:
        """Every process at work on the data, sessions that outlived a killed PostgreSQL included."""
        import psutil

        return [process for process in psutil.process_iter() if self._is_one(process)]

    def clear_remains(self) -> None:
        """Wait until nothing of a killed server works on the data, then remove the files that claim it does.

        They stop the next start as soon as the number in them belongs to another process. Raises `Unavailable` where
        a process goes on.
        """
        claims = (self.pid_file, self.socket_file.with_name(f"{self.socket_file.name}.lock"))
        if not any(file.exists() for file in claims):
            return
        if alive := self.wait_until_gone(self.remains()):
            raise Unavailable(f"{self.name} (process {alive[0].pid}) does not answer: end it first.")
        for file in claims:
            file.unlink(missing_ok=True)

    def wait_until_gone(self, processes: list[psutil.Process]) -> list[psutil.Process]:
        """Those of them that still work on the data when the time is over.

        One that ended is gone, though the process that should ask how may be seconds late.
        """
        deadline = time.monotonic() + STOP_TIMEOUT
        while (alive := [process for process in processes if self._is_one(process)]) and time.monotonic() < deadline:
            time.sleep(POLL)
        return alive

    def start(self) -> None:
        """Start it and wait until it answers. Raises `Unavailable` where it does not."""
        self.prepare()
        self._children = [child for child in self._children if child.poll() is None]
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is not for it
                **as_owner(self.home),
            )
        self._children.append(child)
        deadline = time.monotonic() + START_TIMEOUT
        while not self.answers():
            if child.poll() is not None or time.monotonic() > deadline:
                raise Unavailable(f"{self.name} does not start, see {self.log}: {_last_line(self.log)}")
            time.sleep(POLL)

    def reap(self) -> None:
        """Wait for the end of the processes that were started here."""
        for child in self._children:
            child.wait()
        self._children = []

    def pid_lines(self) -> list[str]:
        try:
            return [line.strip() for line in self.pid_file.read_text().splitlines()]
        except FileNotFoundError:
            return []

    def _is_one(self, process: psutil.Process) -> bool:
        """By its name and command line alone: in a container, root may not read more of others' processes."""
        import psutil

        try:
            if process.name() != self.program or process.status() == psutil.STATUS_ZOMBIE:
                return False
            line = " ".join(process.cmdline())
        except psutil.Error:
            return False
        return any(mark in line for mark in self.marks)


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it wrote nothing"
