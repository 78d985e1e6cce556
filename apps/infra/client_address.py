"""The address that a request came from: read once, for limits, logs, history and audit."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings

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
def _trusted(proxies: tuple[str, ...]) -> list[IPv4Network | IPv6Network]:
    return [ip_network(proxy, strict=False) for proxy in proxies]


def believed_address(peer: str | None, forwarded_for: str) -> str | None:
    """The address of the client: the nearest one in the chain that is not a proxy of ours.

    `peer` opened the connection; `forwarded_for` is the header's value, which counts only as far as
    trusted proxies wrote it. None where that cannot be read, or where there is no peer address (a socket of the
    file system). Such clients have no address in common: nothing may be counted for it.
    """
    networks = _trusted(tuple(settings.TRUSTED_PROXIES))
    chain = [part.strip() for part in forwarded_for.split(",") if part.strip()]
    address = _peer_address(peer)
    if address is None:
        _warn_of_unreadable("The address of the connection")
    while address is not None and chain and _is_within(address, networks):
        address = _as_address(chain.pop())
        if address is None:
            _warn_of_unreadable("X-Forwarded-For of a trusted proxy")
    return address


def is_trusted_proxy(address: str | None) -> bool:
    """Whether TRUSTED_PROXIES lists the address or its network."""
    networks = _trusted(tuple(settings.TRUSTED_PROXIES))
    if not networks:
        return False
    address = _peer_address(address)
    return address is not None and _is_within(address, networks)


@lru_cache(1024)  # what opens connections comes again, and cannot be as long as a header
def _peer_address(peer: str | None) -> str | None:
    return _as_address(peer or "")


def _is_within(address: str, networks: list[IPv4Network | IPv6Network]) -> bool:
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


def client_address(meta: Mapping[str, Any]) -> str | None:
    """The address of the client of a request, from the request's META; None where it is not known."""
    return believed_address(meta.get("REMOTE_ADDR"), meta.get("HTTP_X_FORWARDED_FOR", ""))


def counted_address(meta: Mapping[str, Any]) -> str | None:
    """The address that limits count a request under; None where it is not known: such requests are not counted.

    IPv6 by its network of 64 bits, which a subscriber has whole.
    """
    text = client_address(meta)
    if text is None:
        return None
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        address = IPv6Address(int(address) >> 64 << 64)
    return str(address)
