"""`make run`, whole: from nothing to an answer, through kills, to nothing left behind.

Where what the migrations left is kept (`tests.database`), as it is in a whole run, all but one of them are applied
before the first start.
"""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from devtools.paths import CHECKOUT

# The first start makes a database and the demo, on a machine that may be busy with other tests.
# One process runs these in their order: they share a run.
pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("stack")]
PATIENCE = 240.0
# Seconds within which it is up where the data is there already.
UP_AGAIN = 10.0

TAKE_BACK = b"""
    DROP TABLE public.tables_transfer;
    DELETE FROM public.django_migrations WHERE app = 'tables';
"""
"""The migration that is left to the first start: no other one rests on it."""
IN_ITS_DATABASE = """
import sys
from devtools.embedded.checkout import checkout_home
from devtools.embedded.pair import Pair
from devtools.embedded.programs import path_of, run
pair = Pair(checkout_home(), durable=False)  # nothing is waited for to be on the disk
with pair.running():
    options = [f"--host={pair.home}", "--username=infloo", "--no-psqlrc", "--set=ON_ERROR_STOP=1"]
    run(pair.home, [path_of(pair.home, "psql"), *options], sys.stdin.buffer.read())
"""


class Run:
    """One `make run` on a copy of the checkout, with what it said so far."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        # A shell that runs the tests in the background makes them ignore interrupts, and make would inherit that; a
        # handler is not inherited.
        heard = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.process = subprocess.Popen(
            ["make", "run", f"PORT={port}"],
            cwd=folder,
            env={"PATH": os.environ["PATH"]},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        signal.signal(signal.SIGINT, heard)
        self.said: list[str] = []
        self.ended = False
        self.news = threading.Condition()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self.news:
                self.said.append(line)
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def wait_for(self, text: str, times: int = 1) -> None:
        def is_said() -> bool:
            return sum(text in line for line in self.said) >= times

        with self.news:
            self.news.wait_for(lambda: is_said() or self.ended, timeout=PATIENCE)
            assert is_said(), "".join(self.said)

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def named(self, text: str) -> psutil.Process:
        deadline = time.monotonic() + UP_AGAIN
        while time.monotonic() < deadline:  # for a moment after its start, a process has no command line
            for process in self.descendants():
                with contextlib.suppress(psutil.Error):  # one that was killed has none any more
                    if text in " ".join(process.cmdline()):
                        return process
        raise AssertionError(f"{text} does not run. " + "".join(self.said))

    def ready(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", "/readyz")
            return connection.getresponse().status

    def wait_until_ready(self) -> None:
        """A machine busy with other tests may not answer the probe in its time at the first asking."""
        deadline = time.monotonic() + PATIENCE
        while (status := self.ready()) != 200:
            assert status == 503
            assert time.monotonic() < deadline, "".join(self.said)

    def terminate(self) -> None:
        self.process.terminate()

    def interrupt(self) -> None:
        """As a terminal's Ctrl-C does it."""
        os.killpg(self.process.pid, signal.SIGINT)

    def stop(self, send: Callable[[], None]) -> None:
        """Stops it in the given way and sees that nothing is left."""
        processes = self.descendants()
        send()
        self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        assert not [process for process in processes if is_alive(process)], "".join(self.said)
        assert "Traceback" not in "".join(self.said), "".join(self.said)


def is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, kept_schema: bytes | None) -> Iterator[Path]:
    """A copy of the checkout without its data, or with an empty database, and with the same packages."""
    copy = tmp_path_factory.mktemp("stack") / "infloo"
    left_out = shutil.ignore_patterns("var", ".*", "tests", "node_modules", "*.pyc.*")  # the last is being written
    shutil.copytree(CHECKOUT, copy, ignore=left_out)
    (copy / ".venv").symlink_to(CHECKOUT / ".venv")
    if kept_schema:
        command = [sys.executable, "-c", IN_ITS_DATABASE]
        subprocess.run(command, cwd=copy, input=kept_schema + TAKE_BACK, env={"PATH": os.environ["PATH"]}, check=True)
    yield copy
    shutil.rmtree((copy / "var" / "embedded").resolve(), ignore_errors=True)


@pytest.fixture(scope="module")
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def took() -> list[float]:
    """Seconds of each start on data that was there already, until it was up."""
    return []


@pytest.fixture(scope="module")
def run(folder: Path, port: int) -> Iterator[Run]:
    running = Run(folder, port)
    try:
        running.wait_for("Infloo is up")
        yield running
    finally:
        if running.process.poll() is None:
            running.stop(running.terminate)


@pytest.fixture
def stopped(run: Run) -> Path:
    """The folder of the run, after it was asked to stop."""
    if run.process.poll() is None:
        run.stop(run.terminate)
    return run.folder


def test_stack_prints_its_address_and_accounts(run: Run) -> None:
    text = "".join(run.said)
    assert "Bringing the database up to date" in text
    assert "Loading the demo" in text
    assert f"http://127.0.0.1:{run.port}/admin/" in text
    assert "infloo-demo" in text
    for name in ("admin", "compliance", "brand1", "newcomer1"):
        assert name in text
    run.wait_until_ready()


def test_stack_listens_on_loopback_alone(run: Run) -> None:
    listening = set()
    for process in run.descendants():
        # The servers' user may forbid a container's root to read it; and what draws a document lives for a moment only.
        with contextlib.suppress(psutil.AccessDenied, psutil.NoSuchProcess):
            listening |= {
                connection.laddr.ip
                for connection in process.net_connections("inet")
                if connection.status == psutil.CONN_LISTEN
            }
    assert listening == {"127.0.0.1"}


def test_interrupts_of_the_terminal_reach_no_process_that_is_watched(run: Run) -> None:
    """It stops them in its own way."""
    for text in ("manage.py serve", "manage.py worker", "valkey-server", "postgres -D"):
        assert os.getpgid(run.named(text).pid) != run.process.pid
    assert os.getpgid(run.named("devtools.stack").pid) == run.process.pid


def test_a_second_run_says_that_there_is_one(run: Run, folder: Path) -> None:
    second = Run(folder, run.port)
    assert second.process.wait(PATIENCE) != 0
    second.wait_for("Infloo already runs from this folder")
    run.wait_until_ready()


@pytest.mark.parametrize(
    ("text", "news"),
    [
        ("manage.py serve", "serve runs again"),
        ("manage.py worker", "worker runs again"),
        ("valkey-server", "An embedded server died; it runs again."),
        ("postgres -D", "An embedded server died; it runs again."),
    ],
)
def test_killed_processes_are_restarted(run: Run, text: str, news: str) -> None:
    heard = sum(news in line for line in run.said)
    run.named(text).kill()
    run.wait_for(news, heard + 1)
    assert run.named(text).is_running()
    run.wait_until_ready()


def test_a_killed_run_takes_its_processes_along_and_the_next_picks_up(
    run: Run, folder: Path, port: int, took: list[float]
) -> None:
    processes = run.descendants()
    run.named("devtools.stack").kill()
    again = start_again(folder, port, took)
    assert "The last run was killed" in "".join(again.said)
    again.wait_until_ready()
    web_and_worker = [process for process in processes if process not in again.descendants()]
    # Elsewhere make keeps to itself that it alone was interrupted.
    alone = signal.SIGINT if Path("/proc").exists() else signal.SIGTERM
    again.stop(lambda: again.process.send_signal(alone))
    psutil.wait_procs(web_and_worker, timeout=PATIENCE)
    assert not [process for process in processes if is_alive(process)]
    run.reader.join(PATIENCE)


def test_stack_restarts_on_the_same_data(stopped: Path, port: int, took: list[float]) -> None:
    assert (stopped / "var" / "run.pid").read_text() == ""
    # On a machine that is busy with other tests one start says little, such as that after the kill: the best counts.
    while len(took) < 3 and min(took, default=UP_AGAIN) >= UP_AGAIN:
        again = start_again(stopped, port, took)
        assert "was killed" not in "".join(again.said)
        again.stop(again.interrupt)
    assert min(took) < UP_AGAIN, took


def start_again(folder: Path, port: int, took: list[float]) -> Run:
    began = time.monotonic()
    again = Run(folder, port)
    again.wait_for("Infloo is up")
    took.append(time.monotonic() - began)
    assert "Loading the demo" not in "".join(again.said)
    return again


@pytest.mark.parametrize("send", [Run.terminate, Run.interrupt], ids=["terminated", "Ctrl-C"])
def test_a_run_that_is_stopped_before_it_is_up_leaves_nothing_behind(
    stopped: Path, port: int, send: Callable[[Run], None]
) -> None:
    early = Run(stopped, port)
    early.named("postgres -D")
    early.stop(lambda: send(early))
    assert "Infloo is up" not in "".join(early.said)


def test_a_port_in_use_is_named(stopped: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = Run(stopped, port)
        assert refused.process.wait(PATIENCE) != 0
        refused.reader.join(PATIENCE)
    assert [line for line in refused.said if not line.startswith("make:")] == [
        f"Port {port} cannot be used (Address already in use); PORT= chooses another.\n"
    ]
