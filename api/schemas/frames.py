"""The frames of the sockets. Objects in them have the shape that the HTTP API gives them."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from ninja.responses import NinjaJSONEncoder
from pydantic import BaseModel, Discriminator, Tag

from api.schemas.chat import ChatMessageOut, ClientId, Seq, Text
from api.schemas.notifications import NotificationOut
from apps.notifications.models import Notification

# --- From a client ---------------------------------------------------------------------------------------------------


class SendFrame(BaseModel):
    """`type` may be left out. Whatever else is in it, such as `sender`, is ignored."""

    type: Literal["message"] = "message"
    message: Text
    client_id: ClientId | None = None


class ResumeFrame(BaseModel):
    type: Literal["resume"]
    after: Seq


class ReadFrame(BaseModel):
    type: Literal["read"]
    up_to: Seq


class TypingFrame(BaseModel):
    type: Literal["typing"]


class PingFrame(BaseModel):
    type: Literal["ping"]


def _type_of(frame: dict[str, Any]) -> str | None:
    kind = frame.get("type", "message")
    return kind if isinstance(kind, str) else None


type ChatFrame = Annotated[
    Annotated[SendFrame, Tag("message")]
    | Annotated[ResumeFrame, Tag("resume")]
    | Annotated[ReadFrame, Tag("read")]
    | Annotated[TypingFrame, Tag("typing")]
    | Annotated[PingFrame, Tag("ping")],
    Discriminator(_type_of),
]


# --- To a client -----------------------------------------------------------------------------------------------------


class MessageFrame(ChatMessageOut):
    type: Literal["message"] = "message"


class PongFrame(BaseModel):
    type: Literal["pong"] = "pong"


class ErrorFrame(BaseModel):
    type: Literal["error"] = "error"
    code: str
    detail: str


def message_frame(fields: dict[str, Any]) -> str:
    return _as_http_does(MessageFrame.model_validate(fields).model_dump())


def notification_frame(notification: Notification, unread: int) -> str:
    """With `unread`: how many of all of this person's are."""
    shape = NotificationOut.from_orm(notification).model_dump()
    return _as_http_does({"type": "notification", **shape, "unread": unread})


def _as_http_does(frame: dict[str, Any]) -> str:
    """The text of a frame, with times written as in the answers of the HTTP API."""
    return json.dumps(frame, cls=NinjaJSONEncoder)
