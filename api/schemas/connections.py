"""Connections between people."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel

from api.schemas.common import Body, Id, PersonOut, Time, one_of
from api.schemas.output import Output
from apps.connections.models import Connection


class RequestIn(Body):
    receiver: Id
    """The number of the person."""


class AnswerIn(Body):
    status: Literal["accepted", "rejected"]


class ConnectionFilter(BaseModel):
    status: Annotated[Connection.Status, one_of(Connection.Status)] | None = None
    direction: Literal["sent", "received"] | None = None


class ConnectionOut(Output):
    id: int
    sender: PersonOut
    receiver: PersonOut
    status: Annotated[Connection.Status, one_of(Connection.Status)]
    created_at: Time
    responded_at: Time | None
