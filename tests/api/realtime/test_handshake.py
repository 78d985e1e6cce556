"""What a socket is opened with: taken and refused as a call to the same port is, and always answered."""

from __future__ import annotations

import gc
import socket
import tracemalloc
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from ops.web import HEAD_MAX
from tests.api.realtime.client import UPGRADE
from tests.client import api
from tests.people import alice

PATIENCE = 5

# One long cookie, many cookies, many headers, a long address.
TAKEN: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "a cookie of 9 KiB": ("", [("Cookie", "a" * 9 * 1024)]),
    "a cookie of 60 KiB": ("", [("Cookie", "a" * 60 * 1024)]),
    "many cookies": ("", [("Cookie", "; ".join(f"other{n}={'a' * 200}" for n in range(200)))]),
    "cookies in lines of their own": ("", [("Cookie", f"other{n}={'a' * 200}") for n in range(200)]),
    "1000 headers": ("", [(f"X-Header-{n}", "a") for n in range(1000)]),
    "an address of 20 KiB": ("?other=" + "a" * 20 * 1024, []),
}


def ask(url: str, head: bytes) -> int:
    """The status of the answer to a request that consists of this head; fails where there is none."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), PATIENCE) as connection:
        connection.sendall(head)
        answer = connection.recv(65536)
        status = int(answer.split(b" ", 2)[1])
        if status >= 400:
            while connection.recv(65536):
                pass  # until the server hangs up
    return status


def head(path: str, headers: list[tuple[str, str]], method: str = "GET") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize(("query", "headers"), TAKEN.values(), ids=TAKEN)
def test_handshakes_accept_the_headers_that_calls_may_have(
    stack_url: str, query: str, headers: list[tuple[str, str]]
) -> None:
    assert ask(stack_url, head(f"/healthz{query}", headers)) == 200
    assert ask(stack_url, head(f"/ws/notifications/{query}", [*headers, *UPGRADE.items()])) == 101


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", []),
        ("GET", [("Transfer-Encoding", "chunked")]),
        ("GET", [("Content-Length", "5")]),
        ("GET", [("Sec-WebSocket-Version", "12")]),
        ("GET", [("Sec-WebSocket-Key", "short")]),
    ],
)
def test_a_handshake_that_is_none_is_answered_at_once(
    stack_url: str, method: str, headers: list[tuple[str, str]]
) -> None:
    given = UPGRADE | dict(headers)
    assert ask(stack_url, head("/ws/notifications/", list(given.items()), method)) in (400, 426)


def test_a_head_over_the_limit_is_refused_by_both_servers(stack_url: str) -> None:
    # Without its end, as it arrives in parts: otherwise what one read brings is taken whole.
    for headers in ([], list(UPGRADE.items())):
        part = head("/ws/notifications/", [*headers, ("Cookie", "a" * HEAD_MAX)])[: HEAD_MAX + 1]
        assert ask(stack_url, part) == 400


def test_open_sockets_keep_nothing_of_their_handshakes(stack_url: str) -> None:
    address, long = urlsplit(stack_url), 50 * 1024
    own = [*UPGRADE.items(), *api(alice()).headers.items(), ("Cookie", "a" * long)]
    with ExitStack() as stack:

        def opened() -> int:
            """Bytes in use once a few more sockets are open."""
            for _ in range(5):
                connection = stack.enter_context(socket.create_connection((address.hostname, address.port), PATIENCE))
                connection.sendall(head("/ws/notifications/", own))
                assert b" 101 " in connection.recv(65536)
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        first = opened()
        assert opened() - first < 5 * long


def test_limits_of_the_library_would_be_answered_too(stack_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("websockets.http11.MAX_NUM_HEADERS", 8)
    headers = [*UPGRADE.items(), *((f"X-Header-{n}", "a") for n in range(8))]
    assert ask(stack_url, head("/ws/notifications/", headers)) == 431
