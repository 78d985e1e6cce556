"""Production's lines of structlog: straight to stderr as JSON, past `logging`, which takes several times as long."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import Any

import orjson
import structlog
from structlog.typing import Processor

from config.log_server import LogServer
from config.tracebacks import traceback_as_text


class Lines(structlog.BytesLogger):
    """As a handler of `logging`, it lets no request fail because its line could not be written."""

    def __init__(self, server: LogServer | None, name: str) -> None:
        super().__init__(sys.stderr.buffer, name=name)
        self._server = server

    def msg(self, message: bytes) -> None:
        with suppress(OSError, ValueError):
            super().msg(message)
        if self._server is not None:
            self._server.put(message)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


def as_json(line: Any, **options: Any) -> bytes:
    try:
        return orjson.dumps(line, **options)
    except TypeError:  # half of a surrogate pair, as strangers may send
        return json.dumps(line, **options).encode()


def lines(level: int, server: LogServer | None) -> dict[str, Any]:
    """Options of `structlog.configure`. Lines go to `server` as well, if there is one."""
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        traceback_as_text,
        structlog.processors.JSONRenderer(serializer=as_json),
    ]
    return {
        "processors": processors,
        "wrapper_class": structlog.make_filtering_bound_logger(level),
        "logger_factory": lambda name: Lines(server, name),
        "cache_logger_on_first_use": True,
    }
