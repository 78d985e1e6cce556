"""Few threads run the application at once, however many there are for what waits.

Threads that compute take the interpreter from each other in mid-call: sixteen at once answer a fifth fewer calls than
two. But a thread that waits, for a file from a bucket or a body from a slow client, must hold up nobody else.
"""

from __future__ import annotations

from collections import deque
from threading import Lock
from time import monotonic
from typing import Any

from prometheus_client import Gauge

WAITING = Gauge("infloo_http_waiting", "Calls that wait for their turn in this process")
# While one computes, the other waits for the database.
AT_ONCE = 2
# Seconds after which a call counts no longer, and another may run beside it.
PATIENCE = 0.05


class Turns:
    """The WSGI application, which `at_once` calls run at a time, not counting those that take longer than `patience`.

    Calls run in the order in which they came. `patience` is in seconds, and is also how long a call waits before it
    looks for one that takes longer.
    """

    def __init__(self, application: Any, *, at_once: int = AT_ONCE, patience: float = PATIENCE) -> None:
        self._application, self._patience = application, patience
        self._lock = Lock()
        self._free = at_once
        self._waiting: deque[Lock] = deque()
        WAITING.set_function(lambda: len(self._waiting))
        # When each call that counts began, by its turn.
        self._running: dict[object, float] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self._wait()
        turn = object()
        self._running[turn] = monotonic()
        try:
            return self._application(environ, start_response)
        finally:
            with self._lock:
                if self._running.pop(turn, None) is not None:
                    self._pass_on()

    def _wait(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            mine = Lock()
            mine.acquire()
            self._waiting.append(mine)
        while not mine.acquire(timeout=self._patience):
            with self._lock:
                self._replace_late()

    def _replace_late(self) -> None:
        """Give the turns of calls that take too long to those that have waited longest."""
        late = monotonic() - self._patience
        for turn in [turn for turn, since in list(self._running.items()) if since < late]:
            del self._running[turn]
            self._pass_on()

    def _pass_on(self) -> None:
        if self._waiting:
            self._waiting.popleft().release()
        else:
            self._free += 1
