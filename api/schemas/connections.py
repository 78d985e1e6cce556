"""Connections between people."""

from __future__ import annotations

from typing import Literal

from ninja import Schema
from pydantic import BaseModel

from api.schemas.common import Body, Id, PersonOut, Time
from apps.connections.models import Connection


class RequestIn(Body):
    receiver: Id
    """The number of the person."""


class AnswerIn(Body):
    status: Literal["accepted", "rejected"]


class ConnectionFilter(BaseModel):
    status: Connection.Status | None = None
    direction: Literal["sent", "received"] | None = None


class ConnectionOut(Schema):
    id: int
    sender: PersonOut
    receiver: PersonOut
    status: Connection.Status
    created_at: Time
    responded_at: Time | None
