"""The sockets that there are."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Any, cast

from django.utils.translation import gettext as _
from pydantic import TypeAdapter

from api.auth import Verified
from api.schemas.frames import (
    ChatFrame,
    PingFrame,
    PongFrame,
    ReadFrame,
    ResumeFrame,
    SendFrame,
    TypingFrame,
    message_frame,
    notification_frame,
)
from api.websocket import hub
from api.websocket.database import in_thread
from api.websocket.feeds import PersonFeed, RoomFeed
from api.websocket.sockets import Socket
from apps.chat import services, timeline
from apps.errors import Absent
from apps.notifications import news

# Messages read from the database at a time.
AT_ONCE = 100
# What waits to be sent beside messages. Past that the oldest goes: who reads so slowly needs no word of typing.
PASSING = 32
NEWS = 1000
# Seconds that live messages are held for a client that may be about to resume, so that all come to it in order.
HELD = 0.3


class ChatSocket(Socket):
    """One room: what is said in it, who is typing, what was read."""

    guard = Verified()
    frames = TypeAdapter(ChatFrame)

    def __init__(self) -> None:
        super().__init__()
        self._feed: RoomFeed | None = None
        self._sent_up_to = 0
        self._resume_after: int | None = None
        self._passing: deque[str] = deque(maxlen=PASSING)
        self._spoke = asyncio.Event()

    async def enter(self) -> None:
        room = await in_thread(services.enter_room, self.user, self.scope["url_route"]["kwargs"]["room_name"])
        self.room_name, self.room_id = room.name, room.pk
        self._feed = cast(RoomFeed, await hub.current().follow(self._group, lambda: RoomFeed(room.pk)))
        await self._look_up_last()
        # Nothing old is sent unasked.
        self._sent_up_to = self._feed.last_seq
        self._feed.sockets.add(self)

    async def leave(self) -> None:
        if self._feed is not None:
            self._feed.sockets.discard(self)
            self._feed = None
            await hub.current().unfollow(self._group)

    @property
    def _group(self) -> str:
        return f"room.{self.room_id}"

    async def take(self, frame: Any) -> None:
        try:
            await self._take(frame)
        finally:
            self._spoke.set()

    async def _take(self, frame: Any) -> None:
        match frame:
            case SendFrame():
                await self._say(frame)
            case ResumeFrame():
                await self._resume(frame.after)
            case ReadFrame():
                await in_thread(services.mark_read, self.user, self.room_name, frame.up_to)
            case TypingFrame():
                await in_thread(services.tell_typing, self.user, self.room_name)
            case PingFrame():
                await self.tell(PongFrame())

    async def _say(self, frame: SendFrame) -> None:
        message, new = await in_thread(
            services.send_message, self.user, self.room_name, text=frame.message, client_id=frame.client_id or ""
        )
        if not new:
            await self.send(message_frame(message.facts()))
        elif self._feed is not None:
            # Those on this process need not wait for the broker, nor for there to be one.
            self._feed.hear({"type": "message", **message.facts()})

    async def _resume(self, after: int) -> None:
        feed = await self._look_up_last()
        # No further than the room has come: what is said next would seem to have been sent.
        self._resume_after = min(after, feed.last_seq)
        self.woken.set()

    async def _look_up_last(self) -> RoomFeed:
        feed = self._feed
        if feed is None:
            raise Absent("not-found", _("There is no such room."))
        for last_seq in (await in_thread(timeline.last_seqs, [feed.room_id])).values():
            feed.reach(last_seq)
        return feed

    def push(self, text: str) -> None:
        self._passing.append(text)
        self.woken.set()

    async def write(self) -> None:
        if not self._spoke.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._spoke.wait(), HELD)
            self._spoke.set()
        while await self._write_some():
            pass

    async def _write_some(self) -> bool:
        """Send a part of what there is to send; whether there was any."""
        if self._feed is None:
            return False
        while self._passing:
            await self.send(self._passing.popleft())
        if self._resume_after is not None:
            self._sent_up_to, self._resume_after = self._resume_after, None
        last_seq = self._feed.last_seq
        frames = self._feed.above(self._sent_up_to)
        if frames is None:
            found = await in_thread(timeline.after, self._feed.room_id, self._sent_up_to, AT_ONCE)
            frames = [(facts["seq"], message_frame(facts)) for facts in found]
            if not frames:
                self._sent_up_to = last_seq  # somebody's account is gone with all they said
        for seq, text in frames:
            if self._resume_after is not None:
                break
            await self.send(text)
            self._sent_up_to = seq
        return bool(frames) or self._resume_after is not None


class NotificationSocket(Socket):
    """What one person is told."""

    def __init__(self) -> None:
        super().__init__()
        self._feed: PersonFeed | None = None
        self._untold: deque[int] = deque(maxlen=NEWS)

    async def enter(self) -> None:
        person_id = self.user.pk
        feed = cast(PersonFeed, await hub.current().follow(f"person.{person_id}", lambda: PersonFeed(person_id)))
        self._feed = feed
        for _person, notification_id in await in_thread(news.ids_since, [person_id], hub.current().missing_since()):
            feed.learn(notification_id)
        feed.sockets.add(self)

    async def leave(self) -> None:
        if self._feed is not None:
            self._feed.sockets.discard(self)
            group, self._feed = f"person.{self._feed.person_id}", None
            await hub.current().unfollow(group)

    def push(self, notification_id: int) -> None:
        self._untold.append(notification_id)
        self.woken.set()

    async def write(self) -> None:
        while self._untold:
            ids = [self._untold.popleft() for _ in range(min(AT_ONCE, len(self._untold)))]
            told, unread = await in_thread(news.read, self.user.pk, ids)
            for notification in told:
                await self.send(notification_frame(notification, unread))


class Nowhere(Socket):
    """An address where no socket is."""

    async def connect(self) -> None:
        await self._accept()
        await self.refuse(Absent("not-found", _("There is nothing at this address.")))

    async def leave(self) -> None:
        pass
