"""Chat: rooms, messages and tickets."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from api.pagination import Paging
from api.parser import is_storable
from api.schemas.common import Body, Id, PersonOut, Time
from api.schemas.output import Output
from apps.chat.models import LONGEST_MESSAGE, Room
from apps.infra.ids import LARGEST_ID
from apps.users.models import User


def _storable(text: str) -> str:
    if not is_storable(text):
        raise ValueError("The text holds characters that cannot be stored")
    return text


Text = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_MESSAGE), AfterValidator(_storable)]
ClientId = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_storable)]
"""The client's own name for a message: sent twice, it is stored once."""
RoomName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Seq = Annotated[int, Field(strict=True, ge=0, le=LARGEST_ID)]
"""The number of a message in its room: 1, 2, 3 … with no gap."""


class ChatMessageOut(Output):
    id: int
    seq: Seq
    room: str
    sender: str
    """The user name."""
    message: str
    """Empty where the message was removed by staff."""
    sent_at: Time
    client_id: str | None


class ChatMessageIn(Body):
    """Either `room` or `receiver` says where it goes. A receiver is a user to whom the sender is connected."""

    room: RoomName | None = None
    receiver: Id | None = None
    message: Text
    client_id: ClientId | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.room is None) == (self.receiver is None):
            raise ValueError("Give either room or receiver")
        return self


class RoomIn(Body):
    participant: Id
    """The id of a user to whom one is connected."""


class RoomOut(Output):
    room_name: str
    participants: list[PersonOut]
    """All members of the room, oneself included."""
    last_message: ChatMessageOut | None
    unread: int

    @staticmethod
    def resolve_room_name(room: Room) -> str:
        return room.name

    @staticmethod
    def resolve_participants(room: Room) -> list[User]:
        return [membership.user for membership in room.memberships.all()]

    @staticmethod
    def resolve_last_message(room: Any) -> dict[str, Any] | None:
        # The rows come from `with_last_message`.
        return room.last_messages[0].payload() if room.last_messages else None


class TicketOut(Output):
    ticket: str
    expires_in: int
    """Seconds."""


class HistoryQuery(Paging):
    """Pages of all of one's messages or of one room's; of one room also the nearest before or after a number."""

    room: RoomName | None = None
    before: Annotated[int | None, Field(ge=1, le=LARGEST_ID)] = None
    after: Annotated[int | None, Field(ge=0, le=LARGEST_ID)] = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.before is None and self.after is None:
            return self
        if self.room is None:
            raise ValueError("before and after need a room")
        if self.before is not None and self.after is not None:
            raise ValueError("Give either before or after")
        if "page" in self.model_fields_set:
            raise ValueError("Give page, or before or after")
        return self


class StretchOut(Output):
    """Messages of one room before or after a number, newest first."""

    next: str | None
    """Further in the direction that was asked for."""
    previous: str | None
    """Back the other way."""
    results: list[ChatMessageOut]
