"""What keeps the sockets of this process up to date: the channel layer, and a look at the database every so often.

The layer is only the hurry. Whatever it loses, as when Valkey is started anew, the next look finds; and the same look
closes the sockets of those who may not have them open any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from django.db import Error
from django.utils import timezone

from api.realtime import open_sockets
from api.realtime.auth import judge
from api.realtime.channel import Subscription
from api.realtime.database import in_thread
from api.realtime.subscriptions import LATENESS, Feed, PersonFeed, RoomFeed
from apps.chat.timeline import last_seqs
from apps.errors import DomainError
from apps.infra import pubsub
from apps.notifications.unread import ids_since

if TYPE_CHECKING:
    from api.realtime.base import Socket

logger = logging.getLogger(__name__)

# Seconds: how long a user who must go can stay, and how late messages are without Valkey. A look costs four queries.
LOOK_EVERY = 2.0


class Hub:
    """One for each event loop; see `current`."""

    def __init__(self) -> None:
        self._sockets: set[Socket] = set()
        self._feeds: dict[str, Feed] = {}
        self._look_now = asyncio.Event()
        self._last_look = timezone.now()
        self._subscription = Subscription(self._hear, on_gap=self._look_now.set)
        self._tasks = {
            asyncio.create_task(self._subscribe()),
            asyncio.create_task(self._look_around()),
            asyncio.create_task(self._keep_registered()),
        }

    def add(self, socket: Socket) -> None:
        self._sockets.add(socket)
        self.run(self._register(socket))

    def remove(self, socket: Socket) -> None:
        if socket in self._sockets:
            self._sockets.remove(socket)
            self.run(in_thread(open_sockets.leave, socket.user.pk, socket.key))

    async def follow(self, group: str, make: Callable[[], Feed]) -> Feed:
        """The feed of `group`. Whatever is committed from now on reaches it, sooner or later."""
        feed = self._feeds.setdefault(group, make())
        feed.users += 1
        await self._subscription.join(group)
        return feed

    async def unfollow(self, group: str) -> None:
        feed = self._feeds[group]
        feed.users -= 1
        if feed.users == 0:
            del self._feeds[group]
            await self._subscription.leave(group)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something done beside all else."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- How many a person has -------------------------------------------------------------------------------------

    async def _register(self, socket: Socket) -> None:
        """Count a new socket, and close the oldest where a person has too many: here, and wherever they are."""
        person_id = socket.user.pk
        self._close_surplus(person_id, open_sockets.surplus(each.key for each in self._sockets_of(person_id)))
        keys = await in_thread(open_sockets.enter, person_id, socket.key)
        await self._leave_again([socket])
        if keys and socket in self._sockets:
            self._close_surplus(person_id, keys)
            await in_thread(pubsub.publish, pubsub.RECHECK, {"user": person_id, "surplus": keys})

    def _sockets_of(self, person_id: int) -> list[Socket]:
        return [socket for socket in self._sockets if socket.user.pk == person_id]

    def _close_surplus(self, person_id: int, keys: Collection[str]) -> None:
        for socket in self._sockets_of(person_id) if keys else ():
            if socket.key in keys:
                self.run(socket.flood("too-many-sockets"))

    async def _keep_registered(self) -> None:
        while True:
            await asyncio.sleep(open_sockets.REFRESH_EVERY)
            await self._refresh()

    async def _refresh(self) -> None:
        sockets = list(self._sockets)
        await in_thread(open_sockets.refresh, [(socket.user.pk, socket.key) for socket in sockets])
        await self._leave_again(sockets)

    async def _leave_again(self, entered: Collection[Socket]) -> None:
        """Have those forgotten that closed in the meantime: their leaving may have overtaken their entering."""
        for socket in entered:
            if socket not in self._sockets:
                await in_thread(open_sockets.leave, socket.user.pk, socket.key)

    # --- The channel layer ----------------------------------------------------------------------------------------

    async def _subscribe(self) -> None:
        await self._subscription.join(pubsub.RECHECK)
        await self._subscription.run()

    def _hear(self, group: str, message: dict[str, Any]) -> None:
        if group == pubsub.RECHECK:
            self._close_surplus(message["user"], message.get("surplus", ()))
            if self._sockets_of(message["user"]):
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
