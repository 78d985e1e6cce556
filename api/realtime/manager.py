"""Delivers new messages to this process's sockets: from the channel layer, and by a poll of the database every 2 s.

The layer is only the faster way. The next poll finds what it lost, as when Valkey was restarted, and closes the sockets
of users who may not have them open any more.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from django.db import Error
from django.utils import timezone

from api.realtime import open_sockets
from api.realtime.auth import revalidate
from api.realtime.batches import Batches
from api.realtime.channel import Channel
from api.realtime.database import in_thread
from api.realtime.subscriptions import LATENESS, RoomSubscription, Subscription, UserSubscription
from apps.chat.models import Message
from apps.chat.timeline import last_seqs
from apps.errors import DomainError
from apps.infra import metrics, pubsub
from apps.notifications.unread import ids_since

if TYPE_CHECKING:
    from api.realtime.base import Socket

logger = logging.getLogger(__name__)

# Seconds: how long a user who must go can stay, and how late messages are without Valkey. A poll costs four queries.
POLL_EVERY = 2.0


class ConnectionManager:
    """One for each event loop; see `current`."""

    def __init__(self) -> None:
        self._sockets: set[Socket] = set()
        self._subscriptions: dict[str, Subscription] = {}
        self._poll_now = asyncio.Event()
        self._last_poll = timezone.now()
        self._channel = Channel(self._receive, on_gap=self._poll_now.set)
        self.messages = Batches(self.run, self._deliver_own)
        self._tasks = {
            asyncio.create_task(self._subscribe()),
            asyncio.create_task(self._keep_polling()),
            asyncio.create_task(self._keep_registered()),
        }

    def add(self, socket: Socket) -> None:
        self._sockets.add(socket)
        metrics.SOCKETS.labels(socket.kind).inc()
        self.run(self._register(socket))

    def remove(self, socket: Socket) -> None:
        if socket in self._sockets:
            self._sockets.remove(socket)
            metrics.SOCKETS.labels(socket.kind).dec()
            self.run(in_thread(open_sockets.leave, socket.user.pk, socket.key))

    async def follow(self, group: str, make: Callable[[], Subscription]) -> Subscription:
        """The subscription of `group`. What is committed from now on reaches it, by the next poll at the latest."""
        subscription = self._subscriptions.setdefault(group, make())
        subscription.users += 1
        await self._channel.join(group)
        return subscription

    async def unfollow(self, group: str) -> None:
        subscription = self._subscriptions[group]
        subscription.users -= 1
        if subscription.users == 0:
            del self._subscriptions[group]
            await self._channel.leave(group)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Start `work` as a task that the manager keeps until it is done."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- Going away -------------------------------------------------------------------------------------------------

    def drain(self, seconds: float) -> None:
        """Close every socket within so many seconds, at random times: their clients open others elsewhere."""
        for socket in self._sockets:
            self.run(self._move(socket, random.uniform(0, seconds * 0.8)))

    async def _move(self, socket: Socket, after: float) -> None:
        await asyncio.sleep(after)
        await socket.move()

    # --- How many a user has ---------------------------------------------------------------------------------------

    async def _register(self, socket: Socket) -> None:
        """Count a new socket, and close the oldest, in any process, where its user has too many."""
        user_id = socket.user.pk
        self._close_surplus(user_id, open_sockets.surplus(each.key for each in self._sockets_of(user_id)))
        keys = await in_thread(open_sockets.enter, user_id, socket.key)
        await self._leave_again([socket])
        if keys and socket in self._sockets:
            self._close_surplus(user_id, keys)
            await in_thread(pubsub.publish, pubsub.RECHECK, {"user": user_id, "surplus": keys})

    def _sockets_of(self, user_id: int) -> list[Socket]:
        return [socket for socket in self._sockets if socket.user.pk == user_id]

    def _close_surplus(self, user_id: int, keys: Collection[str]) -> None:
        for socket in self._sockets_of(user_id) if keys else ():
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
        """Unregister those that closed in the meantime: their `leave` may have run before their `enter`."""
        for socket in entered:
            if socket not in self._sockets:
                await in_thread(open_sockets.leave, socket.user.pk, socket.key)

    # --- The channel layer ----------------------------------------------------------------------------------------

    async def _subscribe(self) -> None:
        await self._channel.join(pubsub.RECHECK)
        await self._channel.run()

    def _receive(self, group: str, message: dict[str, Any]) -> None:
        if "sent_at" in message:
            lag = timezone.now() - datetime.fromisoformat(message["sent_at"])
            metrics.FAN_OUT.observe(max(0.0, lag.total_seconds()))
        self._deliver(group, message)

    def _deliver(self, group: str, message: dict[str, Any]) -> None:
        if group == pubsub.RECHECK:
            self._close_surplus(message["user"], message.get("surplus", ()))
            if self._sockets_of(message["user"]):
                self._poll_now.set()
        elif subscription := self._subscriptions.get(group):
            subscription.receive(message)

    def _deliver_own(self, message: Message) -> None:
        # Sockets of this process need not wait for Valkey, and get it without Valkey too.
        self._deliver(f"room.{message.room_id}", {"type": "message", **message.payload()})

    # --- The database ---------------------------------------------------------------------------------------------

    async def _keep_polling(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._poll_now.wait(), POLL_EVERY)
            self._poll_now.clear()
            try:
                await self._revalidate()
                await self._catch_up()
            except Error:
                logger.warning("The database does not answer: sockets are as they were until it does.")
            except Exception:
                logger.exception("The sockets could not be brought up to date; the next poll comes soon.")

    async def _revalidate(self) -> None:
        """Close the sockets of users who may not have them open any more."""
        if not self._sockets:
            return
        for socket, verdict in (await in_thread(revalidate, list(self._sockets))).items():
            if isinstance(verdict, DomainError):
                self.run(socket.refuse(verdict))
            else:
                socket.user = verdict

    async def _catch_up(self) -> None:
        """Bring every subscription up to the state of the database."""
        started = timezone.now()
        rooms = {
            subscription.room_id: subscription
            for subscription in self._subscriptions.values()
            if isinstance(subscription, RoomSubscription)
        }
        users = {
            subscription.user_id: subscription
            for subscription in self._subscriptions.values()
            if isinstance(subscription, UserSubscription)
        }
        if rooms:
            for room_id, last_seq in (await in_thread(last_seqs, rooms)).items():
                rooms[room_id].reach(last_seq)
        if users:
            since = self.missing_since()
            for user_id, notification_id in await in_thread(ids_since, list(users), since):
                users[user_id].learn(notification_id)
            for subscription in users.values():
                subscription.forget_before(since - LATENESS)
        self._last_poll = started

    def missing_since(self) -> datetime:
        """The time from which the next poll reads notifications; earlier after a clock was set back."""
        return min(self._last_poll, timezone.now()) - LATENESS


_managers: WeakKeyDictionary[asyncio.AbstractEventLoop, ConnectionManager] = WeakKeyDictionary()


def current() -> ConnectionManager:
    """The connection manager of the running event loop, started with the first socket."""
    loop = asyncio.get_running_loop()
    if loop not in _managers:
        _managers[loop] = ConnectionManager()
    return _managers[loop]
