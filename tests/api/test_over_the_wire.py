"""What only a real server shows: the documentation in a browser, and bodies that never end."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from apps.infra.files.uploads import MIB
from apps.users.authentication.api_sessions import begin
from tests.people import newton

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_the_docs_work_under_the_content_security_policy(page: Page, stack_url: str) -> None:
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/api/docs")
    page.get_by_text("/api/users/auth/login").wait_for()
    assert complaints == []
    assert all(address.startswith((stack_url, "data:")) for address in asked)


@pytest.fixture
def server(stack_url: str) -> str:
    return urlsplit(stack_url).netloc


def uploads_in_progress() -> set[Path]:
    return set(Path(settings.FILE_UPLOAD_TEMP_DIR or "/tmp").glob("*.upload*"))


def test_an_endless_upload_is_refused_before_it_is_sent(server: str) -> None:
    token = begin(newton()).access
    host, port = server.split(":")
    before = uploads_in_progress()
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            f"POST /api/users/verify HTTP/1.1\r\nHost: {server}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {10**12}\r\n\r\n".encode()
        )
        connection.sendall(b'--x\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' + bytes(50_000))
        assert connection.recv(1000).startswith(b"HTTP/1.1 413")
    assert uploads_in_progress() == before


def test_an_upload_over_the_limit_hears_so_when_sent_whole(server: str) -> None:
    token = begin(newton()).access
    connection = http.client.HTTPConnection(server, timeout=20)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "multipart/form-data; boundary=x"}
    body: Any = bytes(60 * MIB)
    connection.request("POST", "/api/users/verify", body, headers)
    assert connection.getresponse().status == 413
    connection.close()
