"""Bodies however they are sent: in chunks, slowly, never to their end."""

from __future__ import annotations

import http.client
import json
import logging
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest

from apps.users.authentication.api_sessions import begin
from apps.users.models import Document
from config import bodies
from config.wsgi import application as wsgi
from ops import web
from tests.drawn import png
from tests.people import PASSWORD, admin, alice

BOUNDARY = "x"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def server(stack_url: str) -> str:
    return urlsplit(stack_url).netloc


def post(server: str, path: str, body: bytes, headers: dict[str, str]) -> http.client.HTTPResponse:
    """Send a body in chunks, without its length."""
    connection = http.client.HTTPConnection(server, timeout=20)
    chunks = (body[start : start + 65536] for start in range(0, len(body), 65536))
    connection.request("POST", path, chunks, headers, encode_chunked=True)
    return connection.getresponse()


def form(file: bytes, **fields: str) -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="me.png"\r\n\r\n'
    return "".join([*parts, head]).encode() + file + f"\r\n--{BOUNDARY}--\r\n".encode()


def test_a_call_in_chunks_is_read(server: str) -> None:
    person = alice()
    answer = post(
        server, "/api/users/auth/login", json.dumps({"username": person.username, "password": PASSWORD}).encode(), JSON
    )
    assert (answer.status, set(json.load(answer))) == (200, {"access", "refresh"})


def test_a_file_in_chunks_is_stored(server: str) -> None:
    person = alice()
    headers = FORM | {"Authorization": f"Bearer {begin(person).access}"}
    answer = post(server, "/api/users/verify", form(png(), doc_type="identity"), headers)
    assert answer.status == 201, answer.read()
    assert Document.objects.get().owner == person


def test_a_console_form_in_chunks_is_read(server: str) -> None:
    officer = admin()
    connection = http.client.HTTPConnection(server, timeout=20)
    connection.request("GET", "/admin/login/")
    page = connection.getresponse()
    cookie = (page.getheader("Set-Cookie") or "").partition(";")[0]
    token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.read())
    assert token
    body = f"csrfmiddlewaretoken={token[1].decode()}&username={officer.username}&password={PASSWORD}&next=/admin/"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    answer = post(server, "/admin/login/", body.encode(), headers)
    assert (answer.status, answer.getheader("Location")) == (302, "/admin/")


def test_limits_count_what_is_read(server: str, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100_000
    answer = post(server, "/api/users/auth/login", b" " * 150_000, JSON)
    assert (answer.status, json.load(answer)["type"]) == (413, "too-large")
    headers = FORM | {"Authorization": f"Bearer {begin(alice()).access}"}
    answer = post(server, "/api/users/verify", form(bytes(11 * 1024 * 1024)), headers)
    assert (answer.status, json.load(answer)["type"]) == (413, "too-large")


@pytest.fixture
def slow(server: str) -> Iterator[list[socket.socket]]:
    """More clients than there are threads, each with a body that never comes to its end."""
    host, _colon, port = server.partition(":")
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection((host, int(port)), timeout=10)) for _ in range(36)]
        for number, client in enumerate(clients):
            length = "Content-Length: 100" if number % 2 else "Transfer-Encoding: chunked"
            client.sendall(
                f"POST /api/users/auth/login HTTP/1.1\r\nHost: {server}\r\nContent-Type: application/json\r\n"
                f"{length}\r\n\r\n".encode()
            )
            client.sendall(b"1" if number % 2 else b"1\r\n1\r\n")
        yield clients


def test_slow_clients_block_no_other(server: str, slow: list[socket.socket]) -> None:
    for path in ("/healthz", "/api/events"):
        connection = http.client.HTTPConnection(server, timeout=5)
        connection.request("GET", path)
        assert connection.getresponse().status == 200


def test_slow_clients_are_not_waited_for(
    server: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bodies, "PATIENCE", 0.05)
    host, _colon, port = server.partition(":")
    with caplog.at_level(logging.WARNING), socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(b"POST /api/events?q=secret HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1")
        head, _, body = b"".join(iter(lambda: client.recv(4096), b"")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body)["type"] == "too-slow"
    [line] = [record.msg for record in caplog.records if "request_finished" in record.getMessage()]
    assert (line["code"], line["request"], line["ip"]) == (408, "POST /api/events", "127.0.0.1")  # type: ignore[index]


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"])
def test_the_head_of_a_request_is_not_waited_for_either(
    server: str, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(web, "HEAD_PATIENCE", 0.05)
    host, _colon, port = server.partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(sent)
        assert client.recv(100) == b""


def test_unread_answers_occupy_no_thread(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(bodies, "PATIENCE", 0.05)
    large = tmp_path / "large.jpg"
    with large.open("wb") as file:
        file.truncate(12 * 1024 * 1024)
    monkeypatch.setattr("api.routes.files.DEFAULT_PICTURE", large)
    host, _colon, port = server.partition(":")
    with ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect((host, int(port)))
            client.sendall(b"GET /media/default.jpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection = http.client.HTTPConnection(server, timeout=10)
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200


@pytest.mark.django_db  # a call begins by looking after its connection
@pytest.mark.parametrize(("body", "status"), [(b"{}", "422"), (b" " * 3_000_000, "413")])
def test_a_server_without_sockets_reads_chunks_too(body: bytes, status: str) -> None:
    """granian gives the body of such a request without a length."""
    begun: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/api/users/auth/login",
        "CONTENT_TYPE": "application/json",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
    }
    wsgi(environ, lambda line, headers: begun.append(line))
    assert begun[0][:3] == status
