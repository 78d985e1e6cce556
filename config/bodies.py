"""Bodies of requests: whole and measured before anything works on them.

Django goes by the length that is announced, and holds a thread for as long as a body takes to arrive. So a body sent in
chunks is given its length, and the event loop waits for what is slow, at the cost of a connection, not of a thread.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from uuid import uuid4

import structlog
from django.conf import settings
from django.utils.translation import gettext as _

from api.errors import problem
from apps.audit.context import coming_from
from apps.infra.client_address import believed_address
from apps.infra.files.uploads import MIB, VIDEO_SIZE

logger = structlog.get_logger(__name__)

# Seconds that a client may be silent within a body, or may not take any more of an answer; and for a whole body.
PATIENCE = 30.0
LONGEST = 1800.0
# Bytes: of a form with files; of a body that is kept in memory, not on disk; of a part that is passed on.
FORM_SIZE = VIDEO_SIZE + 5 * MIB
IN_MEMORY = MIB // 4
PART = MIB // 4

type Scope = dict[str, Any]


class Gone(Exception):
    """The client ended the connection before the body had come."""


class WholeBodies:
    """The ASGI face of `call`, which has the body of its request whole, and which no slow client holds up."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if not {b"content-length", b"transfer-encoding"} & {name for name, _value in scope["headers"]}:
            await self._call(scope, BytesIO(), _patient(send))
            return
        with SpooledTemporaryFile(IN_MEMORY) as body:
            try:
                async with asyncio.timeout(LONGEST):
                    length = await _read(scope, receive, body)
            except TimeoutError:
                await _refuse_as_slow(scope, send)
                return
            except Gone:
                _log(scope, 499)
                return
            said = (b"transfer-encoding", b"content-length")
            headers = [(name, value) for name, value in scope["headers"] if name not in said]
            headers.append((b"content-length", str(length).encode()))
            body.seek(0)
            await self._call(scope | {"headers": headers}, body, _patient(send))


async def _read(scope: Scope, receive: Any, body: IO[bytes]) -> int:
    """The length of the body, which is put into `body`; of one that is too long, nothing, and a length that says so.

    Raises `Gone`, and `TimeoutError` for a client that is silent for too long.
    """
    headers = dict(scope["headers"])
    limit = _limit(headers.get(b"content-type", b"").decode("latin-1"))
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced) > limit and b"transfer-encoding" not in headers:
        return int(announced)
    length, more = 0, True
    while more:
        async with asyncio.timeout(PATIENCE):
            message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        length += len(message.get("body", b""))
        if length > limit:
            body.seek(0)
            body.truncate()
            break
        body.write(message.get("body", b""))
        more = message.get("more_body", False)
    return length


def _patient(send: Any) -> Any:
    """`send`, which drops the rest of an answer once its client takes no more, so that its thread comes free."""
    gone = False

    async def send_in_time(message: dict[str, Any]) -> None:
        nonlocal gone
        if gone:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await send(message)
        except TimeoutError:
            gone = True

    return send_in_time


async def _refuse_as_slow(scope: Scope, send: Any) -> None:
    request_id = _log(scope, 408)
    with coming_from(request_id, None):
        answer = problem(408, "too-slow", _("The request did not arrive in time. Send it again."))
    answer["X-Request-ID"], answer["Connection"] = request_id, "close"
    answer["Content-Length"] = str(len(answer.content))
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.items()]
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await send({"type": "http.response.start", "status": 408, "headers": headers})
            await send({"type": "http.response.body", "body": answer.content})


def _log(scope: Scope, code: int) -> str:
    """The line of a request that Django never saw, as Django's have it; the id that names it."""
    request_id = str(uuid4())
    forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
    logger.warning(
        "request_finished",
        code=code,
        request=f"{scope['method']} {scope['path']}",
        ip=believed_address((scope.get("client") or [None])[0], forwarded),
        request_id=request_id,
    )
    return request_id


def measured(application: Any) -> Any:
    """A WSGI application that learns the length of a body sent in chunks."""

    def call(environ: dict[str, Any], start_response: Any) -> Any:
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            _measure(environ)
        return application(environ, start_response)

    return call


def _measure(environ: dict[str, Any]) -> None:
    source, limit, length = environ["wsgi.input"], _limit(environ.get("CONTENT_TYPE", "")), 0
    body = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # it goes with the request
    while part := source.read(PART):
        length += len(part)
        if length > limit:
            body.seek(0)
            body.truncate()
            break
        body.write(part)
    body.seek(0)
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = body, str(length)


def _limit(content_type: str) -> int:
    """How many bytes of such a body are read. A longer one Django refuses."""
    is_form_with_files = content_type.lower().startswith("multipart/")
    return FORM_SIZE if is_form_with_files else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
