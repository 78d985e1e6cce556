"""Lines of the log on a server elsewhere, which may be slow, away or full."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest

from apps.infra import metrics
from config import log_server
from config.log_server import LogServer
from tests.ops.processes import free_port, pause
from tests.ops.production import PRODUCTION, start_loaded

FRAME = re.compile(rb"(\d+) <(\d+)>1 (\S+) (\S+) infloo (\d+) - - (.*)", re.DOTALL)


class Receiver:
    """Reads frames (RFC 6587, by their length) of one client after the other."""

    def __init__(self, port: int, certificate: Path | None = None) -> None:
        self.data = b""
        self._listener = socket.create_server(("127.0.0.1", port))
        self._tls = None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate)
        self._open: socket.socket | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                self._open, _address = self._listener.accept()
                if self._tls:
                    self._open = self._tls.wrap_socket(self._open, server_side=True)
                while part := self._open.recv(65536):
                    self.data += part

    def messages(self, count: int) -> list[bytes]:
        """The first `count` messages, once they have come."""
        deadline = time.monotonic() + 20
        while len(found := list(self._messages())) < count:
            assert time.monotonic() < deadline, self.data
            pause(0.02)
        return found

    def _messages(self) -> Iterator[bytes]:
        rest = self.data
        while b" " in rest:
            size, _, rest = rest.partition(b" ")
            message, rest = rest[: int(size)], rest[int(size) :]
            if len(message) == int(size):
                yield message

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._open is not None:
            with suppress(OSError):
                self._open.shutdown(socket.SHUT_RDWR)
            self._open.close()
        self._thread.join(5)


@contextmanager
def receiver(port: int, certificate: Path | None = None) -> Iterator[Receiver]:
    there = Receiver(port, certificate)
    try:
        yield there
    finally:
        there.close()


LINES = """
import logging, logging.config, structlog
from config.settings import LOGGING
logging.config.dictConfig(LOGGING)
structlog.get_logger("config.logs").info("request_finished", text="caf\\u00e9")
logging.getLogger("api").error("went wrong")
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 127.0.0.1, with its key, good for a day."""
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    key = file.with_name("key.pem")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=log -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*command.split(), "-keyout", key, "-out", file], check=True, capture_output=True)
    file.write_text(key.read_text() + file.read_text())
    return file


@pytest.mark.parametrize("scheme", ["syslog+tls", "syslog+tcp"])
def test_every_line_of_production_reaches_the_log_server(certificate: Path, scheme: str) -> None:
    port = free_port()
    with receiver(port, certificate if scheme == "syslog+tls" else None) as there:
        url = {"LOG_SERVER": f"{scheme}://127.0.0.1:{port}", "LOG_SERVER_CA": str(certificate)}
        done = start_loaded(PRODUCTION | url, "-c", LINES)
        received = [found for message in there.messages(2) if (found := FRAME.fullmatch(b"0 " + message))]
    assert [int(found[2]) % 8 for found in received] == [6, 3]
    lines = [json.loads(found[6]) for found in received]
    for line, written in zip(lines, done.stderr.splitlines(), strict=True):
        assert line == json.loads(written) | {"timestamp": line["timestamp"]}
    assert (lines[0]["event"], lines[0]["text"], lines[1]["event"]) == ("request_finished", "café", "went wrong")


def test_a_server_that_is_not_whom_it_should_be_gets_nothing(certificate: Path) -> None:
    port = free_port()
    with receiver(port, certificate) as there:
        done = start_loaded(PRODUCTION | {"LOG_SERVER": f"syslog+tls://127.0.0.1:{port}"}, "-c", LINES)
        assert there.data == b""
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    [said] = [line for line in lines if line["event"].startswith("The log server takes no lines")]
    assert "CERTIFICATE_VERIFY_FAILED" in said["event"]
    assert len(lines) == 3


def test_a_log_server_that_is_away_holds_nothing_up_and_what_is_dropped_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_server, "WAITING", 100)
    dropped = metrics.LOG_LINES_DROPPED.labels("full")
    before, port = dropped._value.get(), free_port()
    server = LogServer(f"syslog+tcp://127.0.0.1:{port}")
    started = time.monotonic()
    for number in range(1000):
        server.put(b"line %d" % number)
    assert time.monotonic() - started < 1
    assert 899 <= dropped._value.get() - before <= 900
    with receiver(port) as there:
        kept = there.messages(100)
        assert kept[0].endswith(b"line 0")
    pause(0.1)
    with receiver(port) as there:  # it was restarted
        server.put(b"after the restart")
        assert there.messages(1)[0].endswith(b"after the restart")
