"""Requests that two servers in a row could read differently, or that never end: refused, and the connection closed."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from ops.web import HEAD_MAX

HOST = "Host: localhost\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
REFUSED = {
    "no host": "GET /healthz HTTP/1.1\r\n\r\n",
    "two hosts": f"GET /healthz HTTP/1.1\r\n{HOST}Host: elsewhere.example\r\n\r\n",
    "two lengths": f"POST /healthz HTTP/1.1\r\n{HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\n12",
    "a list of lengths": f"POST /healthz HTTP/1.1\r\n{HOST}Content-Length: 1, 1\r\n\r\n1",
    "a length and chunks": f"POST /healthz HTTP/1.1\r\n{HOST}Content-Length: 4\r\n{CHUNKED}\r\n0\r\n\r\n",
    "chunks and a length": f"POST /healthz HTTP/1.1\r\n{HOST}{CHUNKED}Content-Length: 4\r\n\r\n0\r\n\r\n",
    "a signed length": f"POST /healthz HTTP/1.1\r\n{HOST}Content-Length: +1\r\n\r\n1",
    "a hexadecimal length": f"POST /healthz HTTP/1.1\r\n{HOST}Content-Length: 0x1\r\n\r\n1",
    "an encoding after chunks": f"POST /healthz HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "an unknown encoding": f"POST /healthz HTTP/1.1\r\n{HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a chunk without a size": f"POST /healthz HTTP/1.1\r\n{HOST}{CHUNKED}\r\nz\r\n1\r\n0\r\n\r\n",
    "a chunk longer than it says": f"POST /healthz HTTP/1.1\r\n{HOST}{CHUNKED}\r\n1\r\n12\r\n0\r\n\r\n",
    "a blank before the colon": f"GET /healthz HTTP/1.1\r\n{HOST}X-Name : 1\r\n\r\n",
    "a header that begins with a blank": f"GET /healthz HTTP/1.1\r\n X-Name: 1\r\n{HOST}\r\n",
    "a header in two lines": f"GET /healthz HTTP/1.1\r\n{HOST}X-Name: 1\r\n 2\r\n\r\n",
    "a header without a name": f"GET /healthz HTTP/1.1\r\n{HOST}: 1\r\n\r\n",
    "a NUL": f"GET /healthz HTTP/1.1\r\n{HOST}X-Name: 1\x002\r\n\r\n",
    "a lone carriage return": f"GET /healthz HTTP/1.1\r\n{HOST}X-Name: 1\rX-Other: 2\r\n\r\n",
    "lines without carriage returns": "GET /healthz HTTP/1.1\nHost: localhost\n\n",
    "another version": f"GET /healthz HTTP/3.0\r\n{HOST}\r\n",
    "no version": "GET /healthz\r\n\r\n",
    "a head in one piece": f"GET /healthz HTTP/1.1\r\n{HOST}Cookie: {'a' * HEAD_MAX}\r\n\r\n",
    "many headers": f"GET /healthz HTTP/1.1\r\n{HOST}{'X: 1\r\n' * (HEAD_MAX // 4)}\r\n",
    "a long address": f"GET /healthz?{'a' * HEAD_MAX} HTTP/1.1\r\n{HOST}\r\n",
}


def exchange(url: str, request: str) -> bytes:
    """All that the server says until it hangs up."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), 10) as connection:
        connection.sendall(request.encode("latin-1"))
        try:
            return b"".join(iter(lambda: connection.recv(65536), b""))
        except ConnectionResetError:  # it had not read all
            return b"HTTP/1.1 400 "


@pytest.mark.parametrize("request_text", REFUSED.values(), ids=REFUSED)
def test_ambiguous_requests_are_refused(stack_url: str, request_text: str) -> None:
    answers = exchange(stack_url, request_text)
    assert answers.startswith(b"HTTP/1.1 400 ")
    assert answers.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("begun", ["0\r\nX-Name: ", "1;"], ids=["a trailer", "an extension of a chunk"])
def test_endless_trailers_and_extensions_of_chunks_are_not_kept(stack_url: str, begun: str) -> None:
    """More than one read brings, of which the last may hold the rest of the body before it."""
    endless = f"POST /healthz HTTP/1.1\r\n{HOST}{CHUNKED}\r\n1\r\n1\r\n{begun}{'a' * 16 * HEAD_MAX}"
    assert exchange(stack_url, endless) in (b"", b"HTTP/1.1 400 ")


def test_trailers_are_no_headers(stack_url: str, settings: object) -> None:
    """A proxy looks at headers only."""
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    body = f"{CHUNKED}\r\n1\r\n1\r\n0\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"
    answers = exchange(stack_url, f"GET /metrics HTTP/1.1\r\n{HOST}Connection: close\r\n{body}")
    assert answers.startswith(b"HTTP/1.1 200 ")


def test_requests_in_a_row_are_answered_in_their_order(stack_url: str) -> None:
    first = f"POST /nowhere HTTP/1.1\r\n{HOST}Content-Length: 2\r\n\r\n{{}}"
    second = f"GET /healthz HTTP/1.1\r\n{HOST}\r\n"
    last = f"GET /api/nowhere HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n"
    statuses = [answer[:3] for answer in exchange(stack_url, first + second + last).split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"404", b"200", b"404"]
