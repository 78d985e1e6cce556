"""Who is asking, from where: read once, for limits, logs, history and audit."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from ipaddress import IPv6Address, ip_address, ip_network
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django_otp.middleware import OTPMiddleware

from apps.audit.context import coming_from


@cache
def _trusted(proxies: tuple[str, ...]) -> list:  # type: ignore[type-arg]
    return [ip_network(proxy, strict=False) for proxy in proxies]


def believed_address(peer: str | None, forwarded_for: str) -> str | None:
    """The address of the client: the nearest one in the chain that is not a proxy of ours.

    `peer` is whoever opened the connection; `forwarded_for` the header's value, which counts only as far as
    trusted proxies wrote it. None where there is no peer address (a socket of the file system) and no proxy.
    """
    networks = _trusted(tuple(settings.TRUSTED_PROXIES))
    chain = [part.strip() for part in forwarded_for.split(",") if part.strip()]
    address = peer or None
    while address is not None and chain and _is_within(address, networks):
        address = _as_address(chain.pop())
    return address


def is_trusted_proxy(address: str | None) -> bool:
    address = _as_address(address or "")
    return address is not None and _is_within(address, _trusted(tuple(settings.TRUSTED_PROXIES)))


def _is_within(address: str, networks: list) -> bool:  # type: ignore[type-arg]
    return any(ip_address(address) in network for network in networks)


def _as_address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def client_address(request: HttpRequest) -> str | None:
    return believed_address(
        _as_address(request.META.get("REMOTE_ADDR") or ""), request.META.get("HTTP_X_FORWARDED_FOR", "")
    )


class RequestOrigin:
    """Names each request: its id goes into logs, history and audit, and back to the client."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = str(uuid4())
        request.META["HTTP_X_REQUEST_ID"] = request_id
        if self._came_over_tls(request):
            request.META["wsgi.url_scheme"] = "https"
            request.environ["wsgi.url_scheme"] = "https"  # type: ignore[attr-defined]
        with coming_from(request_id, client_address(request)):
            response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response

    def _came_over_tls(self, request: HttpRequest) -> bool:
        return request.META.get("HTTP_X_FORWARDED_PROTO") == "https" and is_trusted_proxy(
            request.META.get("REMOTE_ADDR")
        )


def is_of_api(request: HttpRequest) -> bool:
    """Whether the request is a call, which brings a token: cookies and sessions count for nothing there."""
    return request.path_info.startswith("/api/")


class ConsoleOTPMiddleware(OTPMiddleware):  # type: ignore[misc]
    """django-otp's, for all but the API: that knows no sessions, and says itself who calls."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_of_api(request):
            return self.get_response(request)
        return super().__call__(request)


def counted_address(request: HttpRequest) -> str | None:
    """What limits by address count a request under; None: nothing, for the address is not known.

    IPv6 by its network of 64 bits, which a subscriber has whole; IPv4 inside IPv6 as what it is.
    """
    text = client_address(request)
    if text is None:
        return None
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64)
    return str(address)
