"""WSGI under ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from threading import get_ident
from typing import Any

import pytest

from config.bridge import IN_ONE_PIECE, Bridge, environ

SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "path": "/ä",
    "query_string": b"q=\xe4",
    "http_version": "1.1",
    "scheme": "http",
    "server": ("127.0.0.1", 8000),
    "client": ("203.0.113.9", 5),
    "headers": [
        (b"content-type", b"text/plain"),
        (b"content-length", b"2"),
        (b"x-list", b"a"),
        (b"x-list", b"b"),
        (b"x_forwarded_for", b"1.1.1.1"),
    ],
}


def answer_of(parts: Callable[[], Iterable[bytes]]) -> list[dict[str, Any]]:
    def application(_environ: dict[str, Any], begin: Any) -> Iterable[bytes]:
        begin("201 Created", [("X-Name", "é")])
        return parts()

    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(Bridge(application, threads=1)(SCOPE, BytesIO(b"{}"), send))
    return sent


@pytest.mark.parametrize("parts", [[], [b"one"], [b"one", b"", b"two"]])
def test_a_short_answer_is_one_piece(parts: list[bytes]) -> None:
    head, body = answer_of(lambda: parts)
    assert head == {"type": "http.response.start", "status": 201, "headers": [(b"x-name", b"\xe9")]}
    assert body["body"] == b"".join(parts)
    assert not body.get("more_body")


@pytest.mark.parametrize("rest", [0, 1])
def test_a_long_answer_comes_in_pieces_while_it_is_made(rest: int) -> None:
    made: list[int] = []

    def parts() -> Iterator[bytes]:
        for number in range(8 * 4 + rest):
            made.append(number)
            yield bytes([number]) * (IN_ONE_PIECE // 8)

    _head, *bodies = answer_of(parts)
    assert b"".join(body["body"] for body in bodies) == b"".join(bytes([n]) * (IN_ONE_PIECE // 8) for n in made)
    assert len(bodies) == 5
    assert [body.get("more_body", False) for body in bodies] == [True] * 4 + [False]


def test_an_answer_is_closed_in_its_thread_and_a_failure_is_told() -> None:
    closed: list[int] = []

    class Failing:
        def __iter__(self) -> Iterator[bytes]:
            yield b"begun"
            raise ZeroDivisionError

        def close(self) -> None:
            closed.append(get_ident())

    with pytest.raises(ZeroDivisionError):
        answer_of(Failing)
    assert closed
    assert closed[0] != get_ident()


def test_the_request_is_as_wsgi_has_it() -> None:
    given = environ(SCOPE, BytesIO())
    assert given["PATH_INFO"].encode("latin-1").decode() == "/ä"
    assert (given["QUERY_STRING"], given["REMOTE_ADDR"], given["SERVER_PORT"]) == ("q=ä", "203.0.113.9", "8000")
    assert (given["CONTENT_TYPE"], given["CONTENT_LENGTH"], given["HTTP_X_LIST"]) == ("text/plain", "2", "a,b")
    assert "HTTP_X_FORWARDED_FOR" not in given
