"""Gives each request its id and origin, and answers calls of the API past the middleware of the console."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache, cached_property
from io import BytesIO
from typing import Any, cast
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.csp import ContentSecurityPolicyMiddleware
from django.middleware.security import SecurityMiddleware
from django.urls import resolve

from apps.audit.context import coming_from
from apps.infra import replica, tracing
from apps.infra.client_address import client_address, is_trusted_proxy
from config.health import METHODS

type GetResponse = Callable[[HttpRequest], HttpResponse]

logger = logging.getLogger(__name__)


@cache
def _warn_of_unlisted(header: str) -> None:
    logger.warning("%s came from an address that is not in TRUSTED_PROXIES, and does not count.", header)


class RequestOrigin:
    """Names each request: its id goes into logs, history and audit, and back to the client."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = str(uuid4())
        request.META["HTTP_X_REQUEST_ID"] = request_id
        traceparent = self._read_forwarded(request)
        with (
            tracing.span("server", "request", traceparent) as span,
            coming_from(request_id, client_address(request.META), span.traceparent),
        ):
            response = self.get_response(request)
            route = request.resolver_match.route if request.resolver_match else "none"
            about: dict[str, Any] = {
                "http.route": route,
                "http.response.status_code": response.status_code,
                "request_id": request_id,
            }
            # A client may make up methods.
            span.name(f"{request.method if request.method in METHODS else 'other'} {route}", **about)
        response["X-Request-ID"] = request_id
        return response

    def _read_forwarded(self, request: HttpRequest) -> str:
        """Take the scheme that a trusted proxy was asked by; say once where one is not trusted that ought to be.

        Returns the trace that a trusted proxy has begun.
        """
        if not is_trusted_proxy(request.META.get("REMOTE_ADDR")):
            for header in ("X-Forwarded-Proto", "X-Forwarded-For"):
                if header in request.headers:
                    _warn_of_unlisted(header)
            return ""
        # Of several proxies the first one wrote what the client used.
        scheme = request.META.get("HTTP_X_FORWARDED_PROTO", "").partition(",")[0].strip().strip('"').lower()
        if scheme == "https":
            request.META["wsgi.url_scheme"] = "https"
        return str(request.META.get("HTTP_TRACEPARENT", ""))


class BrowserRules:
    """Adds the headers of `settings.BROWSER_RULES`, where the answer has none of its own."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in settings.BROWSER_RULES.items():
            response.headers.setdefault(name, value)
        return response


class KnownMethods:
    """Refuses methods that no page knows, such as TRACE, which the console would answer as it does GET."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request) if request.method in METHODS else HttpResponseNotAllowed(sorted(METHODS))


class ApiRequests:
    """Answers calls by itself. They bring a token: sessions, forms and pages count for nothing there.

    All other requests go on to the middleware that follows, which is the console's. Of what that does, calls have the
    check of the host, the security headers and the length of the answer; plain HTTP is refused, not led to HTTPS.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        # An exception becomes the same answer as behind any other middleware.
        self._answer = cast(GetResponse, convert_exception_to_response(self._call))

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/api/"):
            return self.get_response(request)
        response = self._answer(request)
        for name, value in self._headers[request.is_secure()]:
            response.headers.setdefault(name, value)
        if not response.streaming:
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return response

    def _call(self, request: HttpRequest) -> HttpResponse:
        request.get_host()  # raises for a host that is not ours
        request.user = AnonymousUser()  # until the token is read
        request.resolver_match = match = resolve(request.path_info)
        if request.method in ("GET", "HEAD") and "HTTP_AUTHORIZATION" not in request.META:
            return replica.read(
                lambda: match.func(request, *match.args, **match.kwargs),
                has_failed=lambda answer: answer.status_code >= 500,
            )
        return match.func(request, *match.args, **match.kwargs)

    @cached_property
    def _headers(self) -> dict[bool, list[tuple[str, str]]]:
        """The headers that Django's middleware writes, over HTTPS and without."""
        return {is_secure: _security_headers(is_secure) for is_secure in (True, False)}


def _security_headers(is_secure: bool) -> list[tuple[str, str]]:
    def blank(request: HttpRequest) -> HttpResponse:
        response = HttpResponse()
        del response.headers["Content-Type"]
        return response

    scheme = "https" if is_secure else "http"
    request = WSGIRequest({"REQUEST_METHOD": "GET", "wsgi.url_scheme": scheme, "wsgi.input": BytesIO()})
    response = blank(request)
    for middleware in (XFrameOptionsMiddleware, ContentSecurityPolicyMiddleware, SecurityMiddleware):
        response = middleware(blank).process_response(request, response)
    return [*response.items(), *settings.BROWSER_RULES.items()]
