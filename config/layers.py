"""The channel layer: how messages get from any process to the socket processes, over one Valkey or several."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.connection import parse_url

TIMEOUTS = {
    "request": 0.5,  # a user waits, and every caller can go on without Valkey
    "channel": 1.0,  # only threads and tasks wait, which read the database every two seconds anyway
    "probe": 2.0,  # a machine asks whether Valkey works at all: one that is slow takes no process out of service
}
"""Seconds that one call of Valkey may take before it counts as away, by what waits for it."""
# How a connection whose other end has vanished is found out, where the system has these options: some ten seconds
# after the last packet, or five after one that was not acknowledged.
KEEPALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 5000}

_parsed: Callable[[str], dict[str, Any]] = parse_url


def database_number(url: str) -> int:
    """Which of a server's numbered databases `url` names. Raises ValueError where it is no number."""
    number = int(_parsed(url).get("db", 0))
    if number < 0:
        raise ValueError(number)
    return number


def broadcast_prefix(url: str) -> str:
    """What comes before the names of groups at the server at `url`.

    Publishing ignores which of a server's numbered databases a connection is in, so the number is part of the name:
    else installations that share a server would send each other their messages.
    """
    number = database_number(url)
    return f"infloo-{number}" if number else "infloo"


def channel_layers(urls: Sequence[str], prefix: str) -> dict[str, Any]:
    """The setting CHANNEL_LAYERS: groups are shared out among the servers at `urls` by their names."""
    return {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [_host(url) for url in urls], "prefix": prefix},
        }
    }


def _host(url: str) -> dict[str, Any]:
    host: dict[str, Any] = {
        "address": url,
        "socket_timeout": TIMEOUTS["channel"],
        "socket_connect_timeout": TIMEOUTS["channel"],
        # One: a connection that broke while idle shows only when it is used.
        "retry": Retry(NoBackoff(), 1),
    }
    if not url.startswith("unix:"):
        options = {getattr(socket, name): value for name, value in KEEPALIVE.items() if hasattr(socket, name)}
        host |= {"socket_keepalive": True, "socket_keepalive_options": options}
    return host
