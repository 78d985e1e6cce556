"""A PostgreSQL and a Valkey that any number of processes share."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from devtools.embedded.ownership import Unavailable, hand_over, is_root, name_of
from devtools.embedded.postgres import APPLICATION, OWNER, Postgres
from devtools.embedded.server import STOP_TIMEOUT, Server
from devtools.embedded.valkey import USER, Valkey

if TYPE_CHECKING:
    import psutil


class Pair:
    """A PostgreSQL and a Valkey with their data and sockets in `home`, a folder of ours."""

    def __init__(self, home: Path, *, durable: bool = True, settings: Mapping[str, str] | None = None) -> None:
        """`durable=False` trades every promise to keep data for speed; `settings` are further ones of PostgreSQL."""
        self.home = home
        self.postgres = Postgres(home, durable=durable, settings=settings)
        self.valkey = Valkey(home, durable=durable)
        self._servers: tuple[Server, ...] = (self.postgres, self.valkey)
        self._members: int | None = None
        self._seen: list[psutil.Process | None] = []

    def database_url(self, name: str = "infloo", *, role: str = APPLICATION) -> str:
        return f"postgresql://{role}@/{name}?host={quote(str(self.home))}"

    def owner_database_url(self, name: str = "infloo") -> str:
        """By the role that owns the tables and may make databases."""
        return self.database_url(name, role=OWNER)

    def redis_url(self, number: int = 0, *, user: str = USER) -> str:
        """By the user that may do what Infloo does, or as `default`, who may do everything."""
        return f"unix://{user}@{quote(str(self.valkey.socket_file))}?db={number}"

    def join(self) -> None:
        """Count this process among the users of the pair, and start what does not run yet. Raises `Unavailable`."""
        with self._turn():
            self._members = self._open("members")
            fcntl.flock(self._members, fcntl.LOCK_SH)
            try:
                self._start()
            except BaseException:
                self._leave()
                raise
            self._seen = self._processes()

    def leave(self) -> None:
        """End this process's use of the pair; the last one out stops it."""
        with self._turn():
            self._leave()

    def heal(self) -> bool:
        """Start again what has died since the last time; says whether anything had.

        Another process that joined meanwhile may have started it already: that it is another one now is what counts.
        """
        before, self._seen = self._seen, self._processes()
        if None in self._seen:
            with self._turn():
                self._start()
            self._seen = self._processes()
        return before != self._seen

    @contextmanager
    def running(self) -> Iterator[None]:
        self.join()
        try:
            yield
        finally:
            self.leave()

    def stop(self) -> None:
        """Stop both, whichever processes use them."""
        import psutil

        running = [(server, process) for server in self._servers for process in server.processes()]
        for server, process in running:
            process.send_signal(server.stop_signal)
        _, alive = psutil.wait_procs([process for _, process in running], timeout=STOP_TIMEOUT)
        for server, process in running:
            if process in alive:
                process.send_signal(server.kill_signal)
        for server in self._servers:
            server.reap()

    def _processes(self) -> list[psutil.Process | None]:
        return [server.process() for server in self._servers]

    def _open(self, name: str) -> int:
        try:
            return os.open(self.home / name, os.O_RDWR | os.O_CREAT, 0o600)
        except PermissionError:
            uid = self.home.stat().st_uid
            owner = name_of(uid) or f"user {uid}"
            raise Unavailable(f"{self.home} belongs to {owner}: run as {owner}, or move it away.") from None

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One process at a time starts or stops the servers."""
        turn = self._open("turn")
        try:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield
        finally:
            os.close(turn)

    def _leave(self) -> None:
        if self._members is None:
            return
        try:
            fcntl.flock(self._members, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass  # others still use it
        else:
            self.stop()
        finally:
            os.close(self._members)
            self._members = None

    def _start(self) -> None:
        absent = [server for server in self._servers if not server.answers()]
        if not absent:
            return
        if is_root():
            hand_over(self.home)
        if any(server.pid_file.exists() for server in absent):
            print("The embedded servers were killed; their data is being recovered.", file=sys.stderr)
        for server in absent:
            server.clear_remains()
        for server in absent:
            server.start()
