"""Events and who takes part in them."""

from __future__ import annotations

from typing import Annotated, Literal

from django.utils import timezone
from pydantic import BaseModel, Field, StringConstraints

from api.schemas.common import Body, Id, PersonOut, Time, TimeIn, one_of
from api.schemas.output import Output
from apps.events.models import Event, Participation
from apps.users.models import User

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Description = Annotated[str, StringConstraints(max_length=5000)]
Seats = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]


class EventIn(Body):
    title: Line
    date: TimeIn
    location: Line
    description: Description = ""
    ends_at: TimeIn | None = None
    """4 hours after `date` unless given."""
    capacity: Seats | None = None
    """How many may be going; no limit unless given."""


class EventPatch(Body):
    """A field left out keeps its value. Null takes the end back to 4 hours, and the limit away; nothing else may be
    null. An event whose `date` moves alone keeps its length."""

    title: Line = ""
    date: TimeIn = Field(default_factory=timezone.now)
    location: Line = ""
    description: Description = ""
    ends_at: TimeIn | None = None
    capacity: Seats | None = None


class EventFilter(BaseModel):
    when: Literal["all", "past", "ongoing", "upcoming"] = "all"
    search: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""
    """In titles and places."""


class EventOut(Output):
    id: int
    title: str
    description: str
    date: Time
    ends_at: Time
    location: str
    capacity: int | None
    status: Annotated[Event.Status, one_of(Event.Status)]
    host: PersonOut
    going: int
    """How many guests; the host takes no seat."""
    interested: int
    my_status: Annotated[Participation.Status, one_of(Participation.Status)] | None


class JoinIn(Body):
    status: Literal["going", "interested"]


class InviteIn(Body):
    user: Id
    """The number of the person."""


class AttendeeOut(Output):
    person: PersonOut
    status: Annotated[Participation.Status, one_of(Participation.Status)]

    @staticmethod
    def resolve_person(participation: Participation) -> User:
        return participation.user
