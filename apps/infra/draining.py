"""Whether this process is about to stop: it still answers, and asks to be left out.

Proxies see it by `/readyz`, connections by `Connection: close`, sockets by a close code and a time to come back.
"""

from __future__ import annotations

import random
import threading

RETRY_WITHIN = (0.5, 5.0)
"""Seconds after which the clients of sockets are asked to come back, at random, so that they do not come at once."""

_draining = threading.Event()


def begin() -> None:
    """From now on this process asks to be left out. May be called by a signal's handler."""
    _draining.set()


def is_draining() -> bool:
    return _draining.is_set()


def reconnect_hint() -> str:
    """The reason that a socket is closed with: after how many seconds its client should come back."""
    return f"retry-after={random.uniform(*RETRY_WITHIN):.1f}"
