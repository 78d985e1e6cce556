"""What comes in on the one port."""

import http.client
import re
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from devtools.paths import CHECKOUT
from tests.ops.processes import free_port
from tests.ops.production import PRODUCTION


def test_a_header_written_otherwise_does_not_pass_for_a_trusted_one(stack_url: str, settings: object) -> None:
    """WSGI writes both X-Forwarded-For and X_Forwarded_For the same way."""
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    for name, status in (("X-Forwarded-For", 403), ("X_Forwarded_For", 200)):
        connection = http.client.HTTPConnection(urlsplit(stack_url).netloc)
        connection.request("GET", "/metrics", headers={name: "203.0.113.9"})
        assert connection.getresponse().status == status
        connection.close()


def test_a_browser_sees_the_console(page: Page) -> None:
    page.goto("/admin/login/")
    expect(page.get_by_label("Password")).to_be_visible()


def test_the_web_process_of_production_serves(tmp_path: Path) -> None:
    port = free_port()
    procfile = (CHECKOUT / "deploy" / "Procfile").read_text()
    line = re.search(r"^web: python (.*)$", procfile, re.MULTILINE)
    assert line
    arguments = line[1].replace("--host 0.0.0.0", "--host 127.0.0.1").replace("8000", str(port)).split()
    log = tmp_path / "log"
    with log.open("wb") as output:
        web = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=CHECKOUT,
            env=PRODUCTION | {"DRAIN_SECONDS": "0"},
            stdout=output,
            stderr=output,
        )
    try:
        wait_for_port(port)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/readyz", headers={"Host": "infloo.example"})
        response = connection.getresponse()
        assert response.status == 200, log.read_text()
        connection.close()
        connection.request("GET", "/admin/", headers={"Host": "infloo.example"})
        assert connection.getresponse().getheader("Location") == "https://infloo.example/admin/"
        connection.close()
        # Of a length and chunks the chunks count, and nothing that follows is a request.
        with socket.create_connection(("127.0.0.1", port), timeout=30) as both:
            both.sendall(
                b"POST /healthz HTTP/1.1\r\nHost: infloo.example\r\nContent-Length: 4\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            )
            answers = b"".join(iter(lambda: both.recv(65536), b""))
        assert answers.count(b"HTTP/1.1 ") == 1
    finally:
        web.terminate()
        # granian may fail to stop its worker, and ends it after 30 seconds.
        assert web.wait(60) == 0, log.read_text()


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            select.select([], [], [], 0.05)
