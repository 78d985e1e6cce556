"""The sockets that there are."""

from __future__ import annotations

from collections import deque
from typing import Any, cast

from django.utils.translation import gettext as _
from pydantic import TypeAdapter

from api.auth import Verified
from api.realtime import manager
from api.realtime.auth import position_of
from api.realtime.base import Socket
from api.realtime.database import in_thread
from api.realtime.subscriptions import RoomSubscription, UserSubscription
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
from apps.chat import services, timeline
from apps.chat.writing import Draft
from apps.errors import Absent
from apps.notifications import unread as unread_rows

# Messages read from the database at a time.
AT_ONCE = 100
# What waits to be sent beside messages. Past that the oldest is dropped: a client that reads so slowly needs no typing
# frames.
PASSING = 32
NEWS = 1000


class ChatSocket(Socket):
    """One room: what is said in it, who is typing, what was read.

    Nothing is sent before the client has said where it stands: by `?after=` in the address, by `resume`, or by any
    other frame, which means that it goes on from where the room was when the socket opened.
    """

    guard = Verified()
    kind = "chat"
    frames = TypeAdapter(ChatFrame)

    def __init__(self) -> None:
        super().__init__()
        self._subscription: RoomSubscription | None = None
        self._is_placed = False
        self._sent_up_to = 0
        self._resume_after: int | None = None
        self._passing: list[str] = []

    async def enter(self) -> None:
        after = position_of(self.scope)
        room = await in_thread(services.enter_room, self.user, self.scope["url_route"]["kwargs"]["room_name"])
        self.room_name, self.room_id = room.name, room.pk
        self._subscription = cast(
            RoomSubscription, await manager.current().follow(self._group, lambda: RoomSubscription(room.pk))
        )
        await self._refreshed()
        # Nothing old is sent unasked.
        self._sent_up_to = self._subscription.last_seq if after is None else min(after, self._subscription.last_seq)
        self._is_placed = after is not None
        self._subscription.sockets.add(self)

    async def leave(self) -> None:
        if self._subscription is not None:
            self._subscription.sockets.discard(self)
            self._subscription = None
            await manager.current().unfollow(self._group)

    @property
    def _group(self) -> str:
        return f"room.{self.room_id}"

    async def take(self, frame: Any) -> None:
        # From now on: what this frame brings about, such as the client's own reading, may come back before it is done.
        self._is_placed = self._is_placed or not isinstance(frame, ResumeFrame)
        try:
            await self._take(frame)
        finally:
            self._is_placed = True
            self.wake()

    async def _take(self, frame: Any) -> None:
        match frame:
            case SendFrame():
                await self._say(frame)
            case ResumeFrame():
                await self._resume(frame.after)
            case ReadFrame():
                await in_thread(services.mark_read, self.user, self.room_name, frame.up_to)
            case TypingFrame():
                await in_thread(services.publish_typing, self.user, self.room_name)
            case PingFrame():
                await self.send_frame(PongFrame())

    async def _say(self, frame: SendFrame) -> None:
        draft = Draft(self.user, self.room_name, frame.message, frame.client_id or "")
        message, new = await manager.current().messages.send(draft)
        if not new and message.seq <= self._position:
            await self.send(message_frame(message.payload()))
        # Else it is still to come, in its turn.

    @property
    def _position(self) -> int:
        return self._sent_up_to if self._resume_after is None else self._resume_after

    async def _resume(self, after: int) -> None:
        subscription = await self._refreshed()
        # No further than the room has come: what is said next would seem to have been sent.
        self._resume_after = min(after, subscription.last_seq)

    async def _refreshed(self) -> RoomSubscription:
        subscription = self._subscription
        if subscription is None:
            raise Absent("not-found", _("There is no such room."))
        for last_seq in (await in_thread(timeline.last_seqs, [subscription.room_id])).values():
            subscription.reach(last_seq)
        return subscription

    def push(self, text: str) -> None:
        if self._is_placed:
            self._passing.append(text)
            del self._passing[:-PASSING]
            self.wake()

    async def write(self) -> None:
        while self._is_placed and await self._write_some():
            pass

    async def _write_some(self) -> bool:
        """Send a part of what there is to send; whether there was any."""
        if self._subscription is None:
            return False
        while self._passing:
            await self.send(self._passing.pop(0))
        if self._resume_after is not None:
            self._sent_up_to, self._resume_after = self._resume_after, None
        last_seq = self._subscription.last_seq
        frames = self._subscription.above(self._sent_up_to)
        if frames is None:
            found = await in_thread(timeline.after, self._subscription.room_id, self._sent_up_to, AT_ONCE)
            frames = [(fields["seq"], message_frame(fields)) for fields in found]
            if not frames:
                self._sent_up_to = last_seq  # an account was deleted with its messages
        for seq, text in frames:
            if self._resume_after is not None:
                break
            await self.send(text)
            self._sent_up_to = seq
        return bool(frames) or self._resume_after is not None


class NotificationSocket(Socket):
    """The notifications of one user."""

    kind = "notifications"

    def __init__(self) -> None:
        super().__init__()
        self._subscription: UserSubscription | None = None
        self._unsent: deque[int] = deque(maxlen=NEWS)

    async def enter(self) -> None:
        user_id = self.user.pk
        subscription = cast(
            UserSubscription, await manager.current().follow(f"person.{user_id}", lambda: UserSubscription(user_id))
        )
        self._subscription = subscription
        for _user_id, notification_id in await in_thread(
            unread_rows.ids_since, [user_id], manager.current().missing_since()
        ):
            subscription.learn(notification_id)
        subscription.sockets.add(self)

    async def leave(self) -> None:
        if self._subscription is not None:
            self._subscription.sockets.discard(self)
            group, self._subscription = f"person.{self._subscription.user_id}", None
            await manager.current().unfollow(group)

    def push(self, notification_id: int) -> None:
        self._unsent.append(notification_id)
        self.wake()

    async def write(self) -> None:
        while self._unsent:
            ids = [self._unsent.popleft() for _ in range(min(AT_ONCE, len(self._unsent)))]
            found, unread = await in_thread(unread_rows.own_and_unread, self.user.pk, ids)
            for notification in found:
                await self.send(notification_frame(notification, unread))


class Nowhere(Socket):
    """An address where no socket is."""

    async def connect(self) -> None:
        await self._accept()
        await self.refuse(Absent("not-found", _("There is nothing at this address.")))

    async def leave(self) -> None:
        pass
