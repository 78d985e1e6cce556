"""What keeps the sockets of this process up to date: word from the broker, and a look at the database every so often.

The broker is only the hurry. Whatever it loses, as when it is started anew, the next look finds; and the same look
closes the sockets of those who may not have them open any more.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import Error
from django.utils import timezone
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import RedisError

from api.websocket.auth import judge
from api.websocket.database import in_thread
from api.websocket.feeds import LATENESS, Feed, PersonFeed, RoomFeed
from apps.broadcast import RECHECK, channel_of
from apps.chat.timeline import last_seqs
from apps.errors import DomainError
from apps.notifications.news import ids_since

if TYPE_CHECKING:
    from api.websocket.sockets import Socket

logger = logging.getLogger(__name__)

# Seconds: how long somebody who must go can stay, and how late word is without a broker. A look costs four queries.
LOOK_EVERY = 2.0
PATIENCE = 2.0
# How long the broker may be silent before it is asked whether it lives, and then until it answers.
SILENCE = 5.0
RETRY_AFTER = 0.2


class Hub:
    """One for each event loop; see `current`."""

    def __init__(self) -> None:
        self._sockets: set[Socket] = set()
        self._feeds: dict[str, Feed] = {}
        self._pubsub: PubSub | None = None
        self._subscribed: set[str] = set()
        self._subscribing = asyncio.Lock()
        self._look_now = asyncio.Event()
        self._last_look = timezone.now()
        self._tasks = {asyncio.create_task(self._listen()), asyncio.create_task(self._look_around())}

    def add(self, socket: Socket) -> None:
        self._sockets.add(socket)

    def remove(self, socket: Socket) -> None:
        self._sockets.discard(socket)

    async def follow(self, group: str, make: Callable[[], Feed]) -> Feed:
        """The feed of `group`. Whatever is committed from now on reaches it, sooner or later."""
        feed = self._feeds.setdefault(group, make())
        feed.users += 1
        await self._subscribe(group)
        return feed

    async def unfollow(self, group: str) -> None:
        feed = self._feeds[group]
        feed.users -= 1
        if feed.users == 0:
            del self._feeds[group]
            await self._subscribe(group)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something done beside all else."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- The broker -----------------------------------------------------------------------------------------------

    async def _subscribe(self, group: str) -> None:
        """Listen to `group`, or not, as it is followed by now."""
        async with self._subscribing:
            wanted = group in self._feeds
            if self._pubsub is None or wanted == (group in self._subscribed):
                return
            # Where that fails, `_listen` is about to start anew, with all groups.
            with suppress(RedisError, OSError):
                if wanted:
                    await self._pubsub.subscribe(channel_of(group))
                    self._subscribed.add(group)
                else:
                    self._subscribed.discard(group)
                    await self._pubsub.unsubscribe(channel_of(group))

    async def _listen(self) -> None:
        # Without retries of its own, so that no loss goes unnoticed. Without a timeout on reading: silence is no fault.
        client = Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=PATIENCE, socket_timeout=None, retry=Retry(NoBackoff(), 0)
        )
        is_down = False
        while True:
            try:
                async with client.pubsub() as pubsub:
                    await pubsub.connect()
                    async with self._subscribing:
                        self._subscribed = set(self._feeds)
                        await pubsub.subscribe(channel_of(RECHECK), *map(channel_of, self._subscribed))
                        self._pubsub = pubsub
                    is_down = False
                    self._look_now.set()  # at what was said while nobody listened
                    await self._hear_all(pubsub)
            except (RedisError, OSError):
                if not is_down:
                    logger.warning("The broker does not answer: sockets are looked after from the database.")
                is_down = True
            except Exception:
                logger.exception("Word from the broker could not be taken in")
            finally:
                self._pubsub = None
            await asyncio.sleep(RETRY_AFTER)

    async def _hear_all(self, pubsub: PubSub) -> None:
        asked = False
        while True:
            message = await pubsub.get_message(timeout=SILENCE)
            if message is not None:
                asked = False
                if message["type"] == "message":
                    self._hear(message["channel"].decode(), message["data"])
            elif asked:
                raise Disconnected
            else:
                await pubsub.ping()
                asked = True

    def _hear(self, channel: str, content: bytes) -> None:
        group = channel.removeprefix(channel_of(""))
        message = json.loads(content)
        if group == RECHECK:
            if any(socket.user.pk == message["user"] for socket in self._sockets):
                self._look_now.set()
        elif feed := self._feeds.get(group):
            feed.hear(message)

    # --- The database ---------------------------------------------------------------------------------------------

    async def _look_around(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look_now.wait(), LOOK_EVERY)
            self._look_now.clear()
            try:
                await self._judge()
                await self._catch_up()
            except Error:
                logger.warning("The database does not answer: sockets are as they were until it does.")
            except Exception:
                logger.exception("The sockets could not be looked after; the next look comes soon.")

    async def _judge(self) -> None:
        """Close the sockets of those who may not stay."""
        if not self._sockets:
            return
        for socket, verdict in (await in_thread(judge, list(self._sockets))).items():
            if isinstance(verdict, DomainError):
                self.run(socket.refuse(verdict))
            else:
                socket.user = verdict

    async def _catch_up(self) -> None:
        """Have every feed come as far as the database."""
        started = timezone.now()
        rooms = {feed.room_id: feed for feed in self._feeds.values() if isinstance(feed, RoomFeed)}
        people = {feed.person_id: feed for feed in self._feeds.values() if isinstance(feed, PersonFeed)}
        if rooms:
            for room_id, last_seq in (await in_thread(last_seqs, rooms)).items():
                rooms[room_id].reach(last_seq)
        if people:
            since = self.missing_since()
            for person_id, notification_id in await in_thread(ids_since, list(people), since):
                people[person_id].learn(notification_id)
            for person in people.values():
                person.forget_before(since - LATENESS)
        self._last_look = started

    def missing_since(self) -> datetime:
        """From when on the next look reads notifications. A clock that was set back makes it look further back."""
        return min(self._last_look, timezone.now()) - LATENESS


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def current() -> Hub:
    """The hub of the running event loop, started with the first socket."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]
