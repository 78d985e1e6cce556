"""The proxy that is shipped, in front of a real server. Only where nginx and openssl are on PATH."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from api.main import api
from devtools.paths import CHECKOUT
from tests import people
from tests.api.realtime.client import UPGRADE
from tests.factories import make_event
from tests.races import at_once

NGINX, OPENSSL = shutil.which("nginx"), shutil.which("openssl")
needs_nginx = pytest.mark.skipif(not (NGINX and OPENSSL), reason="no nginx or openssl on PATH")


@pytest.fixture
def ports(stack_url: str, tmp_path: Path, settings: Any) -> Iterator[tuple[int, int]]:
    """Where nginx takes plain HTTP and TLS."""
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    with nginx_before(urlsplit(stack_url).netloc, tmp_path) as taken:
        yield taken


@contextmanager
def nginx_before(upstream: str, tmp_path: Path, *changes: tuple[str, str]) -> Iterator[tuple[int, int]]:
    """The ports for plain HTTP and TLS of one that leads to `upstream`, with `changes` in its file."""
    assert NGINX
    assert OPENSSL
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        plain, tls = first.getsockname()[1], second.getsockname()[1]
    making = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost"
    files = [
        "-days",
        "2",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-keyout",
        str(tmp_path / "privkey.pem"),
        "-out",
        str(tmp_path / "fullchain.pem"),
    ]
    subprocess.run([OPENSSL, *making.split(), *files], check=True, capture_output=True)
    conf = (CHECKOUT / "deploy" / "nginx.conf").read_text()
    # Only what names other machines, and what older versions than the shipped one do not know.
    for found, there in (
        (r"server (web:8000|sockets:8001) resolve;", f"server {upstream};"),
        (r"http2 on;", ""),
        (r"listen 80 default_server;", f"listen 127.0.0.1:{plain};"),
        (r"listen 443 ssl default_server;", f"listen 127.0.0.1:{tls} ssl;"),
        (r"/etc/nginx/tls/", f"{tmp_path}/"),
        *changes,
        (r'map "" \$tls_port \{ default ""; \}', f'map "" $tls_port {{ default ":{tls}"; }}'),
    ):
        conf, count = re.subn(found, lambda _, there=there: there, conf)
        assert count, found
    kept = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    conf = conf.replace("http {", f"http {{ {kept}", 1)
    (tmp_path / "nginx.conf").write_text(f"daemon off; user root; pid {tmp_path}/pid; error_log stderr;\n{conf}")
    nginx = subprocess.Popen([NGINX, "-p", str(tmp_path), "-c", "nginx.conf"], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", tls)).close()
            break
        except ConnectionRefusedError:
            assert nginx.poll() is None, (nginx.stderr or Path()).read()
            assert time.monotonic() < deadline
    yield plain, tls
    nginx.terminate()
    nginx.wait()


@needs_nginx
def test_nginx_configuration_works_on_any_port(ports: tuple[int, int], tmp_path: Path) -> None:
    plain, tls = ports
    trust = ssl.create_default_context(cafile=str(tmp_path / "fullchain.pem"))
    officer, host = people.compliance(), people.alice()
    for number in range(11):
        make_event(host, title=f"Event {number}")
    origin = f"https://localhost:{tls}"

    def ask(method: str, path: str, body: str | None = None, port: int = tls, **headers: str) -> Any:
        to: Any = http.client.HTTPSConnection("localhost", port, context=trust, timeout=20)
        to.request(method, path, body, headers)
        return to.getresponse()

    page = ask("GET", "/admin/login/")
    cookie = page.getheader("Set-Cookie").partition(";")[0]
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())
    assert token
    form = {"csrfmiddlewaretoken": token[1], "username": officer.username, "password": people.PASSWORD}
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    for sent in ({"Origin": origin}, {"Referer": f"{origin}/admin/login/"}):
        answer = ask("POST", "/admin/login/?next=/admin/", urlencode(form), **kind, **sent)
        assert answer.status == 302, answer.read()
    assert ask("GET", "/ws/notifications/", **UPGRADE).status == 101
    assert json.load(ask("GET", "/api/events"))["next"].startswith(f"{origin}/api/events?")
    for port in (plain, tls):
        for path, status, place in (
            ("/admin/?a=1", 301, f"{origin}/admin/?a=1"),
            ("/api/events", 403, None),
            ("/ws/notifications/", 403, None),
        ):
            asked = http.client.HTTPConnection("localhost", port, timeout=20)
            asked.request("GET", path)
            led = asked.getresponse()
            assert (led.status, led.getheader("Location")) == (status, place)
    own, ours = ask("GET", "/metrics"), ask("GET", "/admin/login/")
    assert own.status == 404
    assert "'none'" in own.getheader("Content-Security-Policy")
    assert own.getheader("Strict-Transport-Security") == "max-age=31536000; includeSubDomains; preload"
    for answer in (own, ours):
        names = [name.lower() for name, _value in answer.getheaders()]
        for name in ("content-security-policy", "strict-transport-security", "x-content-type-options"):
            assert names.count(name) == 1, name


@needs_nginx
def test_callers_of_a_stopped_process_are_told_in_time_what_is_the_matter(tmp_path: Path) -> None:
    waits = (
        (r"proxy_read_timeout 30s;", "proxy_read_timeout 2s;"),
        (r"proxy_read_timeout 10s;", "proxy_read_timeout 1s;"),
        (r"proxy_read_timeout 4s;", "proxy_read_timeout 1s;"),
    )
    # It takes connections, as the system does for a process that is stopped, and answers nothing.
    with (
        socket.create_server(("127.0.0.1", 0)) as stopped,
        nginx_before(f"127.0.0.1:{stopped.getsockname()[1]}", tmp_path, *waits) as (_plain, tls),
    ):
        trust = ssl.create_default_context(cafile=str(tmp_path / "fullchain.pem"))

        def ask(method: str, path: str, kind: str, least: int) -> None:
            started = time.monotonic()
            asked = http.client.HTTPSConnection("localhost", tls, context=trust, timeout=20)
            asked.request(method, path, "{}" if method == "POST" else None, UPGRADE if path.startswith("/ws/") else {})
            answer = asked.getresponse()
            told = answer.status, answer.headers.get_content_type(), answer.getheader("Retry-After")
            assert told == (503, kind, "5"), path
            assert b"try again shortly" in answer.read().lower()
            # Not begun again elsewhere after it had been waited for.
            assert least <= time.monotonic() - started < least + 1, path

        at_once(
            [
                partial(ask, "GET", "/api/events", "application/problem+json", 1),
                partial(ask, "POST", "/api/chat", "application/problem+json", 1),
                partial(ask, "POST", "/api/stories", "application/problem+json", 2),
                partial(ask, "GET", "/admin/", "text/html", 2),
                partial(ask, "GET", "/ws/notifications/", "application/problem+json", 1),
            ]
        )


def test_calls_that_take_files_have_the_time_that_is_needed_to_examine_them() -> None:
    conf = (CHECKOUT / "deploy" / "nginx.conf").read_text()
    [found] = re.findall(r"location ~ (\S+) {\n", conf)
    for path, calls in api.get_openapi_schema()["paths"].items():
        takes_file = any(
            "multipart/form-data" in call.get("requestBody", {}).get("content", {}) for call in calls.values()
        )
        assert bool(re.search(found, path)) == takes_file, path
