"""Who is asking, from where: read once, for limits, logs, history and audit."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import cache
from ipaddress import IPv6Address, ip_address, ip_network
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django_otp.middleware import OTPMiddleware

from apps.audit.context import coming_from

logger = logging.getLogger(__name__)

# What proxies put around an address: quotes, brackets, a port (made up, left out or not), the zone of a link-local one,
# and "for=" as in the header Forwarded.
NODE = re.compile(
    r"""(?:for=)?(?P<quote>"?)
        (?: \[(?P<v6>[0-9a-f:.]+)(?:%[^\]"]*)?\] | (?P<v4>[0-9.]+) )
        (?: :(?:[0-9]{0,5}|_[\w.-]+) )?
        (?P=quote)""",
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)


@cache
def _trusted(proxies: tuple[str, ...]) -> list:  # type: ignore[type-arg]
    return [ip_network(proxy, strict=False) for proxy in proxies]


def believed_address(peer: str | None, forwarded_for: str) -> str | None:
    """The address of the client: the nearest one in the chain that is not a proxy of ours.

    `peer` is whoever opened the connection; `forwarded_for` the header's value, which counts only as far as
    trusted proxies wrote it. None where that cannot be read, or where there is no peer address (a socket of the
    file system). Such clients have no address in common: nothing may be counted for it.
    """
    networks = _trusted(tuple(settings.TRUSTED_PROXIES))
    chain = [part.strip() for part in forwarded_for.split(",") if part.strip()]
    address = _as_address(peer or "")
    if address is None:
        _warn_of_unreadable("The address of the connection")
    while address is not None and chain and _is_within(address, networks):
        address = _as_address(chain.pop())
        if address is None:
            _warn_of_unreadable("X-Forwarded-For of a trusted proxy")
    return address


def is_trusted_proxy(address: str | None) -> bool:
    address = _as_address(address or "")
    return address is not None and _is_within(address, _trusted(tuple(settings.TRUSTED_PROXIES)))


def _is_within(address: str, networks: list) -> bool:  # type: ignore[type-arg]
    return any(ip_address(address) in network for network in networks)


def _as_address(text: str) -> str | None:
    """The address in what a server or proxy wrote, in one way of writing it."""
    node = NODE.fullmatch(text)
    try:
        address = ip_address((node["v6"] or node["v4"]) if node else text.strip('"').partition("%")[0])
    except ValueError:
        return None
    # What came in on a socket for both versions, or over it.
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address)


@cache  # one line a process, not one a request
def _warn_of_unreadable(what: str) -> None:
    logger.warning("%s names no address: limits by address do not hold for such requests.", what)


@cache
def _warn_of_unlisted(header: str) -> None:
    logger.warning("%s came from an address that is not in TRUSTED_PROXIES, and does not count.", header)


def client_address(request: HttpRequest) -> str | None:
    return believed_address(request.META.get("REMOTE_ADDR"), request.META.get("HTTP_X_FORWARDED_FOR", ""))


class RequestOrigin:
    """Names each request: its id goes into logs, history and audit, and back to the client."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = str(uuid4())
        request.META["HTTP_X_REQUEST_ID"] = request_id
        self._read_forwarded(request)
        with coming_from(request_id, client_address(request)):
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
            request.environ["wsgi.url_scheme"] = "https"  # type: ignore[attr-defined]


def is_of_api(request: HttpRequest) -> bool:
    """Whether the request is a call, which brings a token: cookies and sessions count for nothing there."""
    return request.path_info.startswith("/api/")


class ConsoleOTPMiddleware(OTPMiddleware):
    """django-otp's, for all but the API: that knows no sessions, and says itself who calls."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_of_api(request):
            return self.get_response(request)
        return super().__call__(request)


def counted_address(request: HttpRequest) -> str | None:
    """What limits by address count a request under; None: nothing, for the address is not known.

    IPv6 by its network of 64 bits, which a subscriber has whole.
    """
    text = client_address(request)
    if text is None:
        return None
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        address = IPv6Address(int(address) >> 64 << 64)
    return str(address)
