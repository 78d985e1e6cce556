"""What this process hears through the channel layer: one channel of its own, joined to the groups that sockets follow.

The layer recovers by itself when Valkey comes back, with two exceptions that are looked after here: a group that could
not be joined stays unjoined, and a connection that carries nothing any more without being closed stays open. So every
few seconds the process joins what is missing, and sends itself a beat.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from channels.layers import get_channel_layer
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# Seconds between two beats, and until a channel is opened anew where that failed.
BEAT_EVERY = 2.0
RETRY_AFTER = 0.2
# After so many beats in a row that were sent and never came the channel is opened anew.
BEATS_MISSED = 2
AWAY = (RedisError, OSError)


class Subscription:
    """Hands each message to `take(group, content)`, and calls `on_gap` when some may have been lost.

    Belongs to one event loop. A message may be lost or come twice: the database is the truth.
    """

    def __init__(self, take: Callable[[str, Any], None], on_gap: Callable[[], None]) -> None:
        self._take, self._on_gap = take, on_gap
        self._layer = get_channel_layer()
        self._channel: str | None = None
        self._wanted: set[str] = set()
        self._joined: set[str] = set()
        self._joining = asyncio.Lock()
        self._unheard_beats = 0
        self._is_down = False

    async def join(self, group: str) -> None:
        """Hear what is sent to `group` from now on; a little later where Valkey is away."""
        self._wanted.add(group)
        with suppress(*AWAY):
            await self._settle(group)

    async def leave(self, group: str) -> None:
        """Hear what is sent to `group` no more."""
        self._wanted.discard(group)
        with suppress(*AWAY):
            await self._settle(group)

    async def run(self) -> None:
        """Keep hearing, for good."""
        while True:
            try:
                await self._open_and_keep()
            except AWAY:
                pass
            except Exception:
                logger.exception("The channel layer could not be listened to; it is tried again")
            self._note_down()
            await self._forget()
            await asyncio.sleep(RETRY_AFTER)

    async def _open_and_keep(self) -> None:
        self._channel = await self._layer.new_channel()
        receiving = asyncio.create_task(self._receive(self._channel))
        try:
            await self._keep_alive(self._channel)
        finally:
            receiving.cancel()

    async def _receive(self, channel: str) -> None:
        # Without a time limit: the layer loses a message whose wait is cut off.
        while True:
            message = await self._layer.receive(channel)
            try:
                self._hear(message)
            except Exception:
                logger.exception("A message of the channel layer could not be taken in")

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] == "beat":
            self._unheard_beats = 0
            self._note_up()
        elif message["group"] in self._wanted:
            self._take(message["group"], json.loads(message["content"]))

    async def _keep_alive(self, channel: str) -> None:
        """Join what is missing and send beats, until none of them comes any more."""
        self._unheard_beats = 0
        while self._unheard_beats < BEATS_MISSED:
            try:
                if missing := self._wanted - self._joined:
                    for group in missing:
                        await self._settle(group)
                    self._on_gap()
                await self._layer.send(channel, {"type": "beat"})
                self._unheard_beats += 1
            except AWAY:
                self._note_down()
            await asyncio.sleep(BEAT_EVERY)

    async def _settle(self, group: str) -> None:
        """Be in `group` or not, as is wanted by now."""
        async with self._joining:
            wanted = group in self._wanted
            if self._channel is None or wanted == (group in self._joined):
                return
            if wanted:
                await self._layer.group_add(group, self._channel)
                self._joined.add(group)
            else:
                self._joined.discard(group)
                await self._layer.group_discard(group, self._channel)

    async def _forget(self) -> None:
        """Begin like new: no channel, no groups, no connections."""
        async with self._joining:
            self._channel = None
            self._joined.clear()
            with suppress(*AWAY):
                await self._layer.flush()

    def _note_down(self) -> None:
        if not self._is_down:
            logger.warning("Valkey does not answer: sockets are looked after from the database.")
        self._is_down = True

    def _note_up(self) -> None:
        if self._is_down:
            self._is_down = False
            logger.warning("Valkey answers again.")
            self._on_gap()
