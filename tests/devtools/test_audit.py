"""Locked packages are audited, wherever the advisories answer."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from devtools import audit

FOUND = {
    "id": "GHSA-test",
    "summary": "a hole",
    "affected": [
        {
            "package": {"name": "django", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
        }
    ],
}


class Advisories(BaseHTTPRequestHandler):
    """Knows of one vulnerability, in Django."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {"vulns": [FOUND]} if asked["package"]["name"] == "django" else {}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_args: object) -> None: ...


@pytest.fixture
def advisories() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Advisories) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_known_vulnerabilities_fail_the_check(
    advisories: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(audit.locked()) > 100
    assert "django==6.1.3" in audit.locked()
    monkeypatch.setattr(audit, "locked", lambda: ["attrs==26.1.0", "django==6.1.3"])
    assert audit.main(advisories) == 1
    assert capsys.readouterr().out.strip() == "django 6.1.3: GHSA-test, fixed in 99.1"
    monkeypatch.setattr(audit, "locked", lambda: ["attrs==26.1.0"])
    assert audit.main(advisories) == 0


def test_a_silent_source_fails_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, monkeypatch.context() as patch:
        patch.setattr(audit, "PATIENCE", 1)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert audit.main(address) == 0
    assert audit.main(address) == 0, "and where nothing listens"
    assert capsys.readouterr().out.startswith("skipped: ")
