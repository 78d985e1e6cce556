"""Word from any process to the open sockets, through the broker.

Only a hurry: the database holds all that matters, and a socket that missed something reads it there. So nothing here
waits for the broker, and nothing fails without it.
"""

from __future__ import annotations

import atexit
import json
import logging
import queue
import threading
from datetime import datetime
from functools import partial
from typing import Any

import redis
from django.conf import settings
from django.db import transaction
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

RECHECK = "recheck"
"""The group that all socket processes listen to."""
# How many wait to be sent at most; beyond that they are dropped, as without a broker.
WAITING = 10_000
AT_ONCE = 200
# Seconds.
PATIENCE = 1
LAST_WORDS = 2


def publish(group: str, message: dict[str, Any]) -> None:
    """Tell the sockets in `group` (`room.<id>` or `person.<id>`), once the present transaction is committed."""
    content = json.dumps(message, default=datetime.isoformat)
    transaction.on_commit(partial(_sender.put, channel_of(group), content), robust=True)


def recheck(user_id: int) -> None:
    """Have every open socket of this person, and of the rooms they are in, judged again at once."""
    publish(RECHECK, {"user": user_id})


def channel_of(group: str) -> str:
    """Where the broker carries what is said to `group`."""
    return f"{settings.BROADCAST_PREFIX}:{group}"


class _Sender:
    """Hands messages to the broker from a thread of its own, in their order."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[str, str] | None] = queue.Queue(WAITING)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._is_down = False

    def put(self, channel: str, content: str) -> None:
        if self._thread is None:
            self._start()
        try:
            self._waiting.put_nowait((channel, content))
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
        client = redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 1),  # one: a connection that broke while idle shows only when it is used
        )
        while self._send_waiting(client):
            pass

    def _send_waiting(self, client: redis.Redis) -> bool:
        """Send what waits; false once that was the end."""
        batch = [self._waiting.get()]
        while len(batch) < AT_ONCE and not self._waiting.empty():
            batch.append(self._waiting.get())
        try:
            with client.pipeline(transaction=False) as pipe:
                for channel, content in filter(None, batch):
                    pipe.publish(channel, content)
                pipe.execute()
        except redis.RedisError:
            self._note(is_down=True)
        else:
            self._note(is_down=False)
        return None not in batch

    def _note(self, *, is_down: bool) -> None:
        if is_down and not self._is_down:
            logger.warning("The broker does not answer: open sockets read from the database meanwhile.")
        self._is_down = is_down


_sender = _Sender()
