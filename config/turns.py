"""Few threads run the application at once, however many there are for what waits.

Threads that compute take the interpreter from each other in mid-call: sixteen at once answer a fifth fewer calls
than two. But a thread that waits, for a file from a bucket or a body from a slow client, must hold up nobody else.
"""

from __future__ import annotations

from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

# While one computes, the other waits for the database.
AT_ONCE = 2
# Seconds after which a call counts no longer, and another may run beside it.
PATIENCE = 0.05


class Turns:
    """The WSGI application, which `at_once` calls run at a time, not counting those that take longer than `patience`.

    `patience` is in seconds, and is also how long a call waits before it looks for one that takes longer.
    """

    def __init__(self, application: Any, *, at_once: int = AT_ONCE, patience: float = PATIENCE) -> None:
        self._application, self._patience = application, patience
        # When each call that counts began, by its turn.
        self._running: dict[object, float] = {}
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(at_once):
            self._free.put(None)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        turn = self._wait()
        try:
            return self._application(environ, start_response)
        finally:
            if self._running.pop(turn, None) is not None:
                self._free.put(None)

    def _wait(self) -> object:
        while True:
            try:
                self._free.get(timeout=self._patience)
            except Empty:
                if not self._is_one_overdue():
                    continue
            turn = object()
            self._running[turn] = monotonic()
            return turn

    def _is_one_overdue(self) -> bool:
        """Whether a call takes so long that it counts no longer. True to one caller alone, whose turn it becomes."""
        late = monotonic() - self._patience
        for turn, since in list(self._running.items()):
            if since < late and self._running.pop(turn, None) is not None:
                return True
        return False
