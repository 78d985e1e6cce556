"""One line a request: who, what, how it went. Never what was searched for, nor signatures: no query strings."""

from __future__ import annotations

import structlog
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django_structlog.middlewares import RequestMiddleware

from config.middleware import client_address, is_of_api


class RequestLog(RequestMiddleware):
    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"

    @staticmethod
    def bind_user_id(request: HttpRequest) -> None:
        # The API knows no sessions and sets its caller itself; before it has, there is nobody to look up.
        if is_of_api(request) and type(request.user) is SimpleLazyObject:  # type: ignore[comparison-overlap]
            return
        RequestMiddleware.bind_user_id(request)

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        structlog.contextvars.bind_contextvars(ip=client_address(request))
