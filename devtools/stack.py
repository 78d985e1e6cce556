"""All of Infloo on this machine, as `make run` starts it: servers, web process, worker.

Each is watched and started again when it dies. Ctrl-C or SIGTERM stops them all.
"""

import contextlib
import fcntl
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Never

from config.loading import load
from devtools.embedded import checkout
from devtools.embedded.ownership import Unavailable
from devtools.embedded.pair import Pair
from devtools.paths import CHECKOUT, VAR
from ops.web import listen

HOST = "127.0.0.1"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds.
READY_TIMEOUT = 60.0
STOP_TIMEOUT = 15.0
STEADY = 60.0
# A process that dies this often in a row without a steady minute will not get better by itself.
DEATHS_MAX = 8

STAFF = ("admin", "compliance", "community", "access", "support")
USERS = ("brand1", "influencer1", "entrepreneur1", "newcomer1")


class Child:
    """A `manage.py` command that is started again when it dies, each time later."""

    def __init__(self, *command: str, pass_fds: tuple[int, ...] = ()) -> None:
        self.command = command
        self.pass_fds = pass_fds
        self.deaths = 0
        self.start()

    def start(self) -> None:
        self.started = time.monotonic()
        self.again_at: float | None = None
        # Its input closes when we end, even killed: it ends too. In a session of its own it gets no Ctrl-C.
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", *self.command],
            stdin=subprocess.PIPE,
            start_new_session=True,
            pass_fds=self.pass_fds,
            env=os.environ | {"SUPERVISED": "1", "PYTHONUNBUFFERED": "1"},
        )

    def watch(self) -> None:
        if self.process.poll() is None:
            return
        now = time.monotonic()
        if self.again_at is None:
            self.deaths = 1 if now - self.started > STEADY else self.deaths + 1
            said = f"{self.command[0]} died (code {self.process.returncode})"
            if self.deaths > DEATHS_MAX:
                sys.exit(f"{said}, again and again; its last lines are above.")
            say(f"{said}; starting it again.")
            self.again_at = now + (0 if self.deaths == 1 else 2 ** (self.deaths - 2) / 2)
        if now >= self.again_at:
            self.start()
            say(f"{self.command[0]} runs again.")

    def stop(self, deadline: float) -> None:
        try:
            self.process.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Make:
    """The make that runs us. It hands on no SIGINT unless the terminal does: it waits for our end."""

    def __init__(self) -> None:
        self.pid = os.getppid()
        self.listens = self._catches_interrupts()

    def was_stopped(self) -> bool:
        if "MAKELEVEL" not in os.environ:
            return False
        # Once interrupted, make goes back to the default way of taking the signal.
        return os.getppid() != self.pid or (self.listens and not self._catches_interrupts())

    def _catches_interrupts(self) -> bool:
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:  # no Linux
            return False
        caught = re.search(r"^SigCgt:\s*(\w+)", status, re.MULTILINE)
        return caught is not None and bool(int(caught[1], 16) >> (signal.SIGINT - 1) & 1)


def main() -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, stop)
    make = Make()
    os.chdir(CHECKOUT)
    os.environ.setdefault("DEBUG", "1")
    os.environ.setdefault("DEMO", "1")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    port = read_port()
    os.environ["PORT"] = str(port)  # cookies are named by it
    try:
        with the_only_run() as was_killed, bound(port, patient=was_killed) as listener, servers() as pair:
            prepare(embedded_data=pair is not None)
            with children(listener) as running:
                collect_static_files()
                wait_until_ready(port, running)
                announce(port, demo=pair is not None)
                healed = False
                while True:
                    if make.was_stopped():
                        stop()
                    healed = bool(pair and pair.heal()) or healed
                    # Not before a user who reads it could use it again.
                    if healed and ask_ready(port) == "":
                        healed = False
                        say("An embedded server died; it runs again.")
                    for child in running:
                        child.watch()
                    time.sleep(0.25)
    except Unavailable as error:
        sys.exit(str(error))


def stop(*_: object) -> Never:
    for each in STOP_SIGNALS:  # a second one must not interrupt the stopping
        signal.signal(each, signal.SIG_IGN)
    os.write(1, b"\nStopping ...\n")  # it may have interrupted a print, in which no other may begin
    sys.exit(0)


def say(text: str) -> None:
    print(text, flush=True)


def read_port() -> int:
    text = os.environ.get("PORT") or "8000"
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        sys.exit(f"PORT must be a number from 1 to 65535, not “{text}”.")
    return int(text)


@contextlib.contextmanager
def the_only_run() -> Iterator[bool]:
    """Be the one run of this checkout. Yields whether the last one was killed."""
    VAR.mkdir(exist_ok=True)
    with (VAR / "run.pid").open("a+") as file:
        file.seek(0)
        former = file.read()
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"Infloo already runs from this folder (process {former}).")
        if former:
            say("The last run was killed; this one picks up its data.")
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield bool(former)
        finally:
            file.truncate(0)


@contextlib.contextmanager
def bound(port: int, *, patient: bool) -> Iterator[socket.socket]:
    """The port, kept open here, so that clients wait rather than fail while the web process starts again.

    The web process of a killed run may take a moment to let go of it.
    """
    deadline = time.monotonic() + (STOP_TIMEOUT if patient else 0)
    while True:
        try:
            listener = listen(HOST, port)
            break
        except OSError as error:
            if time.monotonic() >= deadline:
                sys.exit(f"Port {port} cannot be used ({os.strerror(error.errno or 0)}); PORT= chooses another.")
            time.sleep(0.1)
    with listener:
        yield listener


@contextlib.contextmanager
def servers() -> Iterator[Pair | None]:
    """The embedded servers where the settings name no others. Broken settings end us here, with their sentence."""
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    checkout.offer()
    try:
        settings.INSTALLED_APPS  # noqa: B018
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    with checkout.when_used() as pair:
        yield pair


def prepare(*, embedded_data: bool) -> None:
    """Bring the database up to date, and fill a new embedded one with the demo."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.db import connections
    from django.db.backends.postgresql.base import DatabaseWrapper
    from django.db.migrations.executor import MigrationExecutor

    load()
    connection = connections["default"]
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        say("Bringing the database up to date ...")
        call_command("migrate", verbosity=0, interactive=False)
    call_command("close_media")
    if embedded_data and not get_user_model().objects.exists():
        say("Loading the demo ...")
        call_command("demo")
    connection.close()
    assert isinstance(connection, DatabaseWrapper)
    connection.close_pool()


@contextlib.contextmanager
def children(listener: socket.socket) -> Iterator[list[Child]]:
    running: list[Child] = []
    try:
        fd = listener.fileno()
        running.append(Child("serve", "--fd", str(fd), pass_fds=(fd,)))
        running.append(Child("worker"))
        yield running
    finally:
        deadline = time.monotonic() + STOP_TIMEOUT
        for child in running:
            child.process.terminate()
        for child in running:
            child.stop(deadline)


def collect_static_files() -> None:
    from django.core.management import call_command

    call_command("collectstatic", verbosity=0, interactive=False)


def wait_until_ready(port: int, running: list[Child]) -> None:
    deadline = time.monotonic() + READY_TIMEOUT
    while (said := ask_ready(port)) != "":
        if time.monotonic() > deadline:
            sys.exit(f"Infloo did not get ready within {READY_TIMEOUT:.0f} seconds: {said}")
        for child in running:
            child.watch()
        time.sleep(0.05)


def ask_ready(port: int) -> str:
    """Empty when ready, else what is amiss."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        return "" if response.status == 200 else response.read().decode(errors="replace")[:500]
    except OSError as error:
        return str(error)
    finally:
        connection.close()


def announce(port: int, *, demo: bool) -> None:
    lines = [
        "Infloo is up. Ctrl-C stops it.",
        "",
        f"  Console   http://{HOST}:{port}/admin/",
        f"  API       http://{HOST}:{port}/api/docs",
        f"  Sockets   ws://{HOST}:{port}/ws/",
    ]
    if demo:
        lines += [
            "",
            "  Demo accounts, password infloo-demo:",
            f"    staff   {', '.join(STAFF)}",
            f"    users   {', '.join(USERS)}",
        ]
    say("\n".join(["", *lines, ""]))


if __name__ == "__main__":
    main()
