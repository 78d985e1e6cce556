"""Gives each request its id and origin, and the console its second factor."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from django_otp.middleware import OTPMiddleware

from apps.audit.context import coming_from
from apps.infra.client_address import client_address, is_trusted_proxy

logger = logging.getLogger(__name__)


@cache
def _warn_of_unlisted(header: str) -> None:
    logger.warning("%s came from an address that is not in TRUSTED_PROXIES, and does not count.", header)


class RequestOrigin:
    """Names each request: its id goes into logs, history and audit, and back to the client."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = str(uuid4())
        request.META["HTTP_X_REQUEST_ID"] = request_id
        self._read_forwarded(request)
        with coming_from(request_id, client_address(request.META)):
            response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response

    def _read_forwarded(self, request: HttpRequest) -> None:
        """Take the scheme that a trusted proxy was asked by; say once where one is not trusted that ought to be."""
        if not is_trusted_proxy(request.META.get("REMOTE_ADDR")):
            for header in ("X-Forwarded-Proto", "X-Forwarded-For"):
                if header in request.headers:
                    _warn_of_unlisted(header)
            return
        # Of several proxies the first one wrote what the client used.
        scheme = request.META.get("HTTP_X_FORWARDED_PROTO", "").partition(",")[0].strip().strip('"').lower()
        if scheme == "https":
            request.META["wsgi.url_scheme"] = "https"


def is_of_api(request: HttpRequest) -> bool:
    """Whether the request is a call, which brings a token: cookies and sessions count for nothing there."""
    return request.path_info.startswith("/api/")


class ConsoleOTPMiddleware(OTPMiddleware):
    """django-otp's, for all but the API: that knows no sessions, and says itself who calls."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_of_api(request):
            return self.get_response(request)
        return super().__call__(request)
