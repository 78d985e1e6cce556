"""One line a request: who, what, how it went. Never what was searched for, nor signatures: no query strings."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.functional import empty
from django_structlog.middlewares import RequestMiddleware
from django_structlog.middlewares.request import logger
from structlog.contextvars import bind_contextvars, clear_contextvars

from apps.audit.context import origin

SIGNED = "/media/"


def loggable(path: str) -> str:
    """The path without what opens a file to anyone who reads it: a signed address is as good as a token."""
    return f"{SIGNED}…" if path.startswith(SIGNED) else path


class RequestLog(RequestMiddleware):
    """django-structlog's line, without what costs more than the line: its signals, and a line at the beginning."""

    def prepare(self, request: HttpRequest) -> None:
        known = origin()
        _version, trace_id, span_id, _flags = known.traceparent.split("-")
        bind_contextvars(request_id=known.request_id, ip=known.address, trace_id=trace_id, span_id=span_id)

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        if response.streaming or hasattr(request, "_raised_exception"):
            super().handle_response(request, response)
            return
        level = self._log_level_for_status_code(response.status_code)
        line = {"code": response.status_code, "request": self.format_request(request), **self._user_id(request)}
        logger.log(level, "request_finished", **line)
        clear_contextvars()

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {loggable(request.path)}"

    @classmethod
    def bind_user_id(cls, request: HttpRequest) -> None:
        bind_contextvars(**cls._user_id(request))

    @staticmethod
    def _user_id(request: HttpRequest) -> dict[str, Any]:
        """The user whom the answer was for; none is read from the database only to be logged."""
        user: Any = getattr(request, "user", None)
        return {} if user is None or getattr(user, "_wrapped", user) is empty else {"user_id": user.pk}
