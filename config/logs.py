"""One line a request: who, what, how it went. Never what was searched for, nor signatures: no query strings."""

from __future__ import annotations

from typing import Any

import structlog
from django.http import HttpRequest
from django.utils.functional import empty
from django_structlog.middlewares import RequestMiddleware

from apps.infra.client_address import client_address


class RequestLog(RequestMiddleware):
    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"

    @staticmethod
    def bind_user_id(request: HttpRequest) -> None:
        """The user whom the answer was for; none is read from the database only to be logged."""
        user: Any = getattr(request, "user", None)
        if user is not None and getattr(user, "_wrapped", user) is not empty:
            structlog.contextvars.bind_contextvars(user_id=user.pk)

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        structlog.contextvars.bind_contextvars(ip=client_address(request.META))
