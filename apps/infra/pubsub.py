"""Messages from any process to the open sockets, through the channel layer.

Only the faster way: the database has all that matters, and a socket that missed a message reads it there. So nothing
here waits for Valkey, and nothing fails without it.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import queue
import socket
import threading
from collections import defaultdict
from datetime import datetime
from functools import partial
from typing import Any

from channels.layers import get_channel_layer
from channels_redis.utils import _consistent_hash
from django.conf import settings
from django.db import transaction
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as TooSlow

from apps.infra.valkey import CircuitBreaker

logger = logging.getLogger(__name__)

RECHECK = "recheck"
"""The group that all socket processes listen to, for the ids of users whose sockets may have to be closed."""
# How many wait to be sent at most; beyond that they are dropped, as while Valkey is away.
WAITING = 10_000
AT_ONCE = 200
# Seconds: for which a process that ends may go on sending, and for which a server is left alone that did not answer in
# time, or refused.
LAST_WORDS = 2
AFTER_SILENCE = 1.0
AFTER_REFUSAL = 0.1


def publish(group: str, message: dict[str, Any]) -> None:
    """Send to the sockets in `group` (`room.<id>` or `person.<id>`), once the present transaction is committed."""
    # As JSON, which knows times; the layer's own encoding does not, and takes keys that the receiver then refuses.
    content = json.dumps(message, default=datetime.isoformat)
    transaction.on_commit(partial(_sender.put, group, content), robust=True)


def recheck(user_id: int) -> None:
    """Have every open socket of this user, and of the rooms they are in, checked again at once."""
    publish(RECHECK, {"user": user_id})


def server_of(group: str) -> int:
    """Which of the servers of CHANNEL_LAYERS carries `group`, counted from 0: as the layer shares them out."""
    config = settings.CHANNEL_LAYERS["default"]["CONFIG"]
    return int(_consistent_hash(f"{config['prefix']}__group__{group}", len(config["hosts"])))


class _Loop(asyncio.SelectorEventLoop):
    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        # By this thread itself: those that asyncio has for it are gone when a process that ends sends its last.
        return socket.getaddrinfo(host, port, **options)


class _Sender:
    """Hands messages to the layer from a thread of its own with one event loop, in their order.

    A loop for each message, as `async_to_sync` makes, would open a connection for each, too.
    """

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[str, str] | None] = queue.Queue(WAITING)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._troubled: set[int | str] = set()
        self._breakers: defaultdict[int, CircuitBreaker] = defaultdict(CircuitBreaker)

    def put(self, group: str, content: str) -> None:
        if self._thread is None:
            self._start()
        try:
            self._waiting.put_nowait((group, content))
        except queue.Full:
            self._note_trouble("queue", f"{WAITING} messages wait")

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="broadcast", daemon=True)
                self._thread.start()
                atexit.register(self._finish)

    def _finish(self) -> None:
        """Let a process that ends, such as a command, send what still waits."""
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            return
        if self._thread is not None:
            self._thread.join(LAST_WORDS)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=_Loop) as loop:
            is_over = False
            while not is_over:
                batch = [self._waiting.get()]
                while len(batch) < AT_ONCE and not self._waiting.empty():
                    batch.append(self._waiting.get())
                try:
                    loop.run(self._send(list(filter(None, batch))))
                except Exception:
                    logger.exception("Messages could not be sent to the open sockets")
                is_over = None in batch

    async def _send(self, batch: list[tuple[str, str]]) -> None:
        layer = get_channel_layer()
        for group, content in batch:
            server = server_of(group)
            if self._breakers[server].is_open():
                continue
            try:
                await layer.group_send(group, {"type": "broadcast", "group": group, "content": content})
            except (RedisError, OSError) as error:
                self._breakers[server].trip(AFTER_SILENCE if isinstance(error, TooSlow) else AFTER_REFUSAL)
                self._note_trouble(server, error)
            else:
                self._troubled -= {server, "queue"}

    def _note_trouble(self, where: int | str, why: object) -> None:
        if not self._troubled:
            logger.warning("Valkey does not answer (%s): open sockets read from the database meanwhile.", why)
        self._troubled.add(where)


_sender = _Sender()
