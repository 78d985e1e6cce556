"""What the sockets of this process follow: the messages of a room, the notifications of a user.

A subscription knows the number of the latest message. Each socket reads on from its own position at its own pace: from
the latest frames that the subscription keeps, or else from the database. So a slow reader delays no other and fills no
queue, and what pub/sub lost is only read later.
"""

from __future__ import annotations

import json
from collections import deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from api.schemas.frames import message_frame

if TYPE_CHECKING:
    from api.realtime.base import Socket

# How many frames a room keeps at hand for readers who are not far behind.
AT_HAND = 32
# A row may be committed, and so be seen, as long after the time in it, which may be another machine's.
LATENESS = timedelta(minutes=1)

type Frame = tuple[int, str]
"""The number of a message in its room, and the text that goes over the wire."""


class Subscription:
    def __init__(self) -> None:
        self.sockets: set[Socket] = set()
        self.users = 0
        """Sockets in it, and those about to be."""

    def receive(self, message: dict[str, Any]) -> None:
        """Take in one message of the channel layer."""
        raise NotImplementedError

    def wake(self) -> None:
        for socket in list(self.sockets):  # one that fails leaves at once
            socket.wake()


class RoomSubscription(Subscription):
    def __init__(self, room_id: int) -> None:
        super().__init__()
        self.room_id = room_id
        self.last_seq = 0
        self._at_hand: deque[Frame] = deque(maxlen=AT_HAND)

    def receive(self, message: dict[str, Any]) -> None:
        if message["type"] == "message":
            self._receive_message(message)
            return
        text = json.dumps(message)
        for socket in list(self.sockets):
            if message["type"] != "typing" or socket.user.username != message["sender"]:
                socket.push(text)

    def _receive_message(self, message: dict[str, Any]) -> None:
        seq = message["seq"]
        # Two messages can arrive in the wrong order, and twice; those in between may never arrive.
        if seq != self.last_seq + 1:
            self.reach(seq)
            return
        self._at_hand.append((seq, message_frame(message)))
        self.last_seq = seq
        self.wake()

    def reach(self, seq: int) -> None:
        """Note that the latest message of the room is `seq`; those before it are read from the database."""
        if seq > self.last_seq:
            self._at_hand.clear()
            self.last_seq = seq
            self.wake()

    def above(self, seq: int) -> list[Frame] | None:
        """The frames above `seq`, in order; None where they must be read from the database."""
        if seq >= self.last_seq:
            return []
        if self._at_hand and self._at_hand[0][0] <= seq + 1:
            return [frame for frame in self._at_hand if frame[0] > seq]
        return None


class UserSubscription(Subscription):
    def __init__(self, user_id: int) -> None:
        super().__init__()
        self.user_id = user_id
        self._known: dict[int, datetime] = {}

    def receive(self, message: dict[str, Any]) -> None:
        self.learn(message["id"])

    def learn(self, notification_id: int) -> None:
        """Pass a notification on to the sockets, once."""
        if notification_id in self._known:
            return
        self._known[notification_id] = timezone.now()
        for socket in list(self.sockets):
            socket.push(notification_id)

    def forget_before(self, time: datetime) -> None:
        """Forget notifications that no poll will read again."""
        self._known = {number: learnt for number, learnt in self._known.items() if learnt > time}
