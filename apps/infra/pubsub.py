"""Messages from any process to the open sockets, through the channel layer.

Only the faster way: the database has all that matters, and a socket that missed a message reads it there. So nothing
here waits for Valkey, and nothing fails without it.
"""

from __future__ import annotations

import atexit
import json
import logging
import queue
import threading
from collections import defaultdict
from datetime import datetime
from functools import cache, partial
from typing import Any, cast

import redis
from channels.layers import get_channel_layer
from channels_redis.utils import _consistent_hash
from django.conf import settings
from django.db import transaction
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as TooSlow

from apps.infra import metrics
from apps.infra.valkey import CircuitBreaker, connect

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
    return int(_consistent_hash(_address(group), len(_config()["hosts"])))


def _address(group: str) -> str:
    """Under which the layer listens for a group."""
    return f"{_config()['prefix']}__group__{group}"


def _config() -> dict[str, Any]:
    config: dict[str, Any] = settings.CHANNEL_LAYERS["default"]["CONFIG"]
    return config


class _Sender:
    """Sends messages as the layer does, from a thread of its own and in their order: all that wait in one trip.

    The layer itself would make a trip for each, and each needs an event loop.
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
            metrics.PUBSUB_DROPPED.inc()
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
        is_over = False
        while not is_over:
            batch = [self._waiting.get()]
            while len(batch) < AT_ONCE and not self._waiting.empty():
                batch.append(self._waiting.get())
            try:
                self._send(list(filter(None, batch)))
            except Exception:
                logger.exception("Messages could not be sent to the open sockets")
            is_over = None in batch

    def _send(self, batch: list[tuple[str, str]]) -> None:
        serialize = cast(Any, get_channel_layer()).serialize
        by_server: defaultdict[int, list[tuple[str, bytes]]] = defaultdict(list)
        for group, content in batch:
            message = serialize({"type": "broadcast", "group": group, "content": content})
            by_server[server_of(group)].append((_address(group), message))
        for server, messages in by_server.items():
            if self._breakers[server].is_open():
                metrics.PUBSUB_DROPPED.inc(len(messages))
            else:
                self._send_to(server, messages)

    def _send_to(self, server: int, messages: list[tuple[str, bytes]]) -> None:
        try:
            with _client(_config()["hosts"][server]["address"]).pipeline(transaction=False) as pipe:
                for address, message in messages:
                    pipe.publish(address, message)
                pipe.execute()
        except (RedisError, OSError) as error:
            metrics.PUBSUB_DROPPED.inc(len(messages))
            self._breakers[server].trip(AFTER_SILENCE if isinstance(error, TooSlow) else AFTER_REFUSAL)
            self._note_trouble(server, error)
        else:
            self._troubled -= {server, "queue"}

    def _note_trouble(self, where: int | str, why: object) -> None:
        if not self._troubled:
            logger.warning("Valkey does not answer (%s): open sockets read from the database meanwhile.", why)
        self._troubled.add(where)


@cache
def _client(url: str) -> redis.Redis:
    # Once more where it fails: a connection that broke while idle shows only when it is used.
    return connect(url, timeout=settings.VALKEY_TIMEOUTS["channel"], attempts=2)


_sender = _Sender()
