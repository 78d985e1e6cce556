"""Messages from any process to the open sockets, through the channel layer.

Only a hurry: the database holds all that matters, and a socket that missed something reads it there. So nothing here
waits for Valkey, and nothing fails without it.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import queue
import threading
from datetime import datetime
from functools import partial
from typing import Any

from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

RECHECK = "recheck"
"""The group that all socket processes listen to."""
# How many wait to be sent at most; beyond that they are dropped, as while Valkey is away.
WAITING = 10_000
AT_ONCE = 200
# Seconds.
LAST_WORDS = 2


def publish(group: str, message: dict[str, Any]) -> None:
    """Send to the sockets in `group` (`room.<id>` or `person.<id>`), once the present transaction is committed."""
    # As JSON, which knows times; the layer's own encoding does not, and takes keys that the receiver then refuses.
    content = json.dumps(message, default=datetime.isoformat)
    transaction.on_commit(partial(_sender.put, group, content), robust=True)


def recheck(user_id: int) -> None:
    """Have every open socket of this person, and of the rooms they are in, judged again at once."""
    publish(RECHECK, {"user": user_id})


class _Sender:
    """Hands messages to the layer from a thread of its own with one event loop, in their order.

    A loop for each message, as `async_to_sync` makes, would open a connection for each, too.
    """

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[str, str] | None] = queue.Queue(WAITING)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._is_down = False

    def put(self, group: str, content: str) -> None:
        if self._thread is None:
            self._start()
        try:
            self._waiting.put_nowait((group, content))
        except queue.Full:
            self._note(is_down=True)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="broadcast", daemon=True)
                self._thread.start()
                atexit.register(self._finish)

    def _finish(self) -> None:
        """Let a process that ends, such as a command, get rid of what it has said."""
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            return
        if self._thread is not None:
            self._thread.join(LAST_WORDS)

    def _run(self) -> None:
        with asyncio.Runner() as loop:
            is_over = False
            while not is_over:
                batch = [self._waiting.get()]
                while len(batch) < AT_ONCE and not self._waiting.empty():
                    batch.append(self._waiting.get())
                loop.run(self._send(list(filter(None, batch))))
                is_over = None in batch

    async def _send(self, batch: list[tuple[str, str]]) -> None:
        layer = get_channel_layer()
        try:
            for group, content in batch:
                await layer.group_send(group, {"type": "broadcast", "group": group, "content": content})
        except (RedisError, OSError):
            self._note(is_down=True)  # and the rest of the batch is lost, too
        else:
            self._note(is_down=False)

    def _note(self, *, is_down: bool) -> None:
        if is_down and not self._is_down:
            logger.warning("Valkey does not answer: open sockets read from the database meanwhile.")
        self._is_down = is_down


_sender = _Sender()
