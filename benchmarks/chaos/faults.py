"""What is broken, one part after the other, and how it is mended."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

from benchmarks import http_load
from benchmarks.chaos import disks
from benchmarks.chaos.stack import Stack
from devtools.embedded.server import Server
from devtools.paths import VAR

SLOW = 0.15
"""Seconds by which each piece that goes through a proxy is late."""


@dataclass(frozen=True)
class Fault:
    """`broken` is the part while it is broken."""

    part: str
    what: str
    broken: Callable[[Stack], AbstractContextManager[None]]
    seconds: float = 8.0
    """For which it stays broken."""
    gives_no_answer: bool = False
    """Whether what answers calls is itself stopped: the proxy in front of it speaks, which is not run here."""
    ready: Callable[[Stack], AbstractContextManager[None]] = lambda _stack: contextlib.nullcontext()
    """What has to be otherwise than usual before anything can break, and after all is counted."""
    needs: Callable[[Stack], str] = lambda _stack: ""
    """Why it cannot be tried on this machine."""

    @property
    def name(self) -> str:
        return f"{self.part}: {self.what}"


def _server(stack: Stack, part: str) -> Server:
    return stack.pair.postgres if part == "PostgreSQL" else stack.pair.valkey


def _proxy_of(part: str) -> str:
    return {"PostgreSQL": "database", "Valkey": "valkey", "mail server": "mail", "bucket": "bucket"}[part]


def killed(part: str) -> Fault:
    @contextmanager
    def broken(stack: Stack) -> Iterator[None]:
        process = _server(stack, part).process()
        assert process
        process.kill()  # whoever watches it starts it again
        yield

    return Fault(part, "kill -9, started again", broken, seconds=2)


def stopped(part: str) -> Fault:
    @contextmanager
    def broken(stack: Stack) -> Iterator[None]:
        processes = _server(stack, part).remains()
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                with contextlib.suppress(Exception):
                    process.resume()

    return Fault(part, "stopped (SIGSTOP) for 15 s", broken, seconds=15)


def slow(part: str) -> Fault:
    @contextmanager
    def broken(stack: Stack) -> Iterator[None]:
        proxy = stack.proxies[_proxy_of(part)]
        proxy.delay = SLOW
        yield
        proxy.mend()

    return Fault(part, f"slow: {SLOW * 1000:.0f} ms later each way", broken)


def silent(part: str) -> Fault:
    @contextmanager
    def broken(stack: Stack) -> Iterator[None]:
        proxy = stack.proxies[_proxy_of(part)]
        proxy.is_silent = True
        yield
        proxy.mend()

    return Fault(part, "cut off: takes connections, answers nothing, for 15 s", broken, seconds=15)


def away(part: str) -> Fault:
    @contextmanager
    def broken(stack: Stack) -> Iterator[None]:
        proxy = stack.proxies[_proxy_of(part)]
        proxy.close()
        yield
        proxy.mend()

    return Fault(part, "away: connections end, new ones are refused", broken)


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


@contextmanager
def _connections_taken(stack: Stack) -> Iterator[None]:
    """Others take each connection that is free or becomes free; those of the platform are ended."""
    taken: list[psycopg.Connection[object]] = []
    place = f"host={stack.pair.home} user=infloo_app dbname=infloo application_name=other"

    def take() -> None:
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                taken.append(psycopg.connect(place, autocommit=True))

    with stack.database() as session:
        take()
        for _ in range(20):
            session.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = 'infloo_app' AND application_name <> 'other'"
            )
            take()
            time.sleep(0.1)
    try:
        yield
    finally:
        for each in taken:
            each.close()


@contextmanager
def _disk_full(stack: Stack) -> Iterator[None]:
    with disks.filled(stack.pair.home):
        yield


# --- Valkey -----------------------------------------------------------------------------------------------------------


def _valkey(stack: Stack) -> redis.Redis:
    return redis.Redis.from_url(stack.pair.redis_url(user="default"), socket_timeout=5)


@contextmanager
def _read_only(stack: Stack) -> Iterator[None]:
    """A replica of nothing."""
    with _valkey(stack) as client:
        client.execute_command("REPLICAOF", "127.0.0.1", "9")
        try:
            yield
        finally:
            client.execute_command("REPLICAOF", "NO", "ONE")


@contextmanager
def _full(stack: Stack) -> Iterator[None]:
    with _valkey(stack) as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")
        try:
            yield
        finally:
            client.config_set("maxmemory", "0")


# --- Storage and mail -------------------------------------------------------------------------------------------------


@contextmanager
def _media_full(_stack: Stack) -> Iterator[None]:
    with disks.filled(disks.MEDIA):
        yield


@contextmanager
def _media_unwritable(_stack: Stack) -> Iterator[None]:
    with disks.read_only(disks.MEDIA):
        yield


@contextmanager
def _mail_dead(stack: Stack) -> Iterator[None]:
    stack.mail.stop()
    yield
    stack.mail.start()


# --- Our own processes ------------------------------------------------------------------------------------------------


def process_killed(name: str) -> Fault:
    @contextmanager
    def broken(stack: Stack) -> Iterator[None]:
        stack.processes[name].signal(signal.SIGKILL)
        yield

    return Fault(name, "kill -9, started again", broken, seconds=2)


def process_stopped(name: str) -> Fault:
    @contextmanager
    def broken(stack: Stack) -> Iterator[None]:
        stack.processes[name].signal(signal.SIGSTOP)
        try:
            yield
        finally:
            stack.processes[name].signal(signal.SIGCONT)

    return Fault(name, "stopped (SIGSTOP) for 8 s", broken, gives_no_answer=name != "worker")


def skewed(name: str, seconds: int) -> Fault:
    """The clock of a process moves while it works; nothing is stopped for that."""
    clock = VAR / f"clock-of-{name}"

    def shift(by: int) -> None:
        clock.with_suffix(".new").write_text(f"{by:+d}")
        clock.with_suffix(".new").replace(clock)  # it is read all the time

    def restart(stack: Stack, **environment: str) -> None:
        stack.start_process(name, **environment)
        if name in stack.ports:
            http_load.wait_until_ready(stack.ports[name])

    @contextmanager
    def movable(stack: Stack) -> Iterator[None]:
        shift(0)
        restart(
            stack,
            LD_PRELOAD=str(_libfaketime()),
            FAKETIME_TIMESTAMP_FILE=str(clock),
            FAKETIME_CACHE_DURATION="1",  # seconds
            FAKETIME_DONT_FAKE_MONOTONIC="1",
        )
        yield
        restart(stack)
        clock.unlink()

    @contextmanager
    def broken(_stack: Stack) -> Iterator[None]:
        shift(seconds)
        yield
        shift(0)

    how = "ahead" if seconds > 0 else "behind"
    return Fault(name, f"clock {abs(seconds)} s {how}", broken, seconds=12, ready=movable, needs=_needs_libfaketime)


def _libfaketime() -> Path | None:
    found = importlib.util.find_spec("libfaketime")
    if found is None or found.origin is None:
        return None
    return next(Path(found.origin).parent.rglob("libfaketime.so.1"), None)


def _needs_libfaketime(_stack: Stack) -> str:
    return "" if os.name == "posix" and _libfaketime() else "no libfaketime for this system"


def _needs_disks(_stack: Stack) -> str:
    return disks.why_not


SERVERS: tuple[Fault, ...] = (
    *(make("PostgreSQL") for make in (killed, stopped, slow, silent, away)),
    Fault("PostgreSQL", "all connections taken by others", _connections_taken),
    Fault("PostgreSQL", "disk full", _disk_full, needs=_needs_disks),
    *(make("Valkey") for make in (killed, stopped, slow, silent, away)),
    Fault("Valkey", "read-only", _read_only),
    Fault("Valkey", "full", _full),
    Fault("files", "disk full", _media_full, needs=_needs_disks),
    Fault("files", "read-only", _media_unwritable, needs=_needs_disks),
    Fault("mail server", "ended, started again", _mail_dead),
    *(make("mail server") for make in (slow, silent)),
    process_killed("worker"),
    process_stopped("worker"),
    process_killed("web"),
    process_stopped("web"),
    process_killed("sockets"),
    process_stopped("sockets"),
    skewed("web", 120),
    skewed("web", -120),
    skewed("worker", 120),
)
BUCKET: tuple[Fault, ...] = tuple(make("bucket") for make in (slow, silent, away))
