"""The process's channel of the channel layer, joined to the groups that its sockets follow.

The layer recovers by itself when Valkey comes back, with two exceptions that are looked after here: a group that could
not be joined stays unjoined, and a connection that carries nothing any more without being closed stays open. So every
few seconds the process joins what is missing, and sends itself a beat through each server.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from itertools import count
from typing import Any
from uuid import uuid4

from channels.layers import get_channel_layer
from django.conf import settings
from redis.exceptions import RedisError

from apps.infra import metrics
from apps.infra.pubsub import server_of

logger = logging.getLogger(__name__)

# Seconds between two beats, and until a channel is opened anew where that failed.
BEAT_EVERY = 2.0
RETRY_AFTER = 0.2
# After so many beats in a row that were sent and never came the channel is opened anew.
MISSED_BEATS_MAX = 2
AWAY = (RedisError, OSError)


class _Server:
    """One of the servers that carry messages, and how it does."""

    def __init__(self, number: int, channel: str) -> None:
        self.number = number
        self.joining = asyncio.Lock()
        self.missed_beats = 0
        self.is_down = False
        # The first name that this server carries.
        self.beat = next(name for n in count() if server_of(name := f"{channel}.beat{n}") == number)


class Channel:
    """Hands each message to `take(group, content)`, and calls `on_gap` when some may have been lost.

    Belongs to one event loop. A message may be lost or come twice: the database is the truth.
    """

    def __init__(self, take: Callable[[str, Any], None], on_gap: Callable[[], None]) -> None:
        self._take, self._on_gap = take, on_gap
        self._layer = get_channel_layer()
        self._channel = f"process.{uuid4().hex}"
        hosts = settings.CHANNEL_LAYERS["default"]["CONFIG"]["hosts"]
        self._servers = [_Server(number, self._channel) for number in range(len(hosts))]
        self._wanted = {server.beat for server in self._servers}
        self._joined: set[str] = set()
        self._is_open = False

    async def join(self, group: str) -> None:
        """Receive what is sent to `group` from now on; a little later while its server is away."""
        self._wanted.add(group)
        await self._reconcile(group)

    async def leave(self, group: str) -> None:
        """Receive what is sent to `group` no more."""
        self._wanted.discard(group)
        await self._reconcile(group)

    async def run(self) -> None:
        """Receive until cancelled."""
        while True:
            receiving = asyncio.create_task(self._receive())
            await asyncio.sleep(0)  # from here on the layer knows the channel
            self._is_open = True
            try:
                await self._keep_alive()
            except Exception:
                logger.exception("The channel layer could not be listened to; it is tried again")
            finally:
                receiving.cancel()
            metrics.PUBSUB_REOPENED.inc()
            await self._forget()
            await asyncio.sleep(RETRY_AFTER)

    async def _receive(self) -> None:
        # Without a time limit: the layer loses a message whose wait is cut off.
        while True:
            try:
                self._handle(await self._layer.receive(self._channel))
            except AWAY:
                # Only of messages sent to the channel itself, of which there are none: those of groups come without it.
                await asyncio.sleep(RETRY_AFTER)
            except Exception:
                logger.exception("A message of the channel layer could not be taken in")

    def _handle(self, message: dict[str, Any]) -> None:
        if message["type"] == "beat":
            server = self._servers[message["server"]]
            server.missed_beats = 0
            metrics.PUBSUB_UP.labels(server.number).set(1)
            self._note_up(server)
        elif message["group"] in self._wanted:
            self._take(message["group"], json.loads(message["content"]))

    async def _keep_alive(self) -> None:
        """Look after each server until beats that were sent do not come any more."""
        for server in self._servers:
            server.missed_beats = 0
        while all(server.missed_beats < MISSED_BEATS_MAX for server in self._servers):
            await asyncio.gather(*map(self._look_after, self._servers))
            await asyncio.sleep(BEAT_EVERY)

    async def _look_after(self, server: _Server) -> None:
        """Join what is missing there, leave what is not wanted any more, and send a beat."""
        missing = self._wanted - self._joined
        try:
            for group in self._wanted ^ self._joined:
                if server_of(group) == server.number:
                    async with server.joining:
                        await self._join_or_leave(group)
            server.missed_beats += 1  # before it is sent: it may come before that is done
            await self._layer.group_send(server.beat, {"type": "beat", "server": server.number})
        except AWAY as error:
            server.missed_beats = 0
            self._note_down(server, error)
            return
        if missing & self._joined:
            self._on_gap()

    async def _reconcile(self, group: str) -> None:
        """Be in `group` or not, as is wanted by now, unless its server is away; then `_look_after` does it."""
        server = self._servers[server_of(group)]
        async with server.joining:
            if server.is_down:
                return
            try:
                await self._join_or_leave(group)
            except AWAY as error:
                self._note_down(server, error)

    async def _join_or_leave(self, group: str) -> None:
        wanted = group in self._wanted
        if not self._is_open or wanted == (group in self._joined):
            return
        if wanted:
            await self._layer.group_add(group, self._channel)
            self._joined.add(group)
        else:
            self._joined.discard(group)
            await self._layer.group_discard(group, self._channel)

    async def _forget(self) -> None:
        """Start again with no channel, no groups and no connections."""
        async with AsyncExitStack() as stack:
            for server in self._servers:
                await stack.enter_async_context(server.joining)
            self._is_open = False
            self._joined.clear()
            with suppress(*AWAY):
                await self._layer.flush()

    def _note_down(self, server: _Server, error: BaseException) -> None:
        if not server.is_down:
            logger.warning("Valkey does not answer (%s): sockets are looked after from the database.", error)
        server.is_down = True
        metrics.PUBSUB_UP.labels(server.number).set(0)

    def _note_up(self, server: _Server) -> None:
        if server.is_down:
            server.is_down = False
            logger.warning("Valkey answers again.")
            self._on_gap()
