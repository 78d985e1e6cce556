"""Events: public to read, hosted and joined by verified users."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Status

from api.auth import Anyone, Request, Verified
from api.errors import refusals
from api.pagination import Page, Paging, paginate
from api.schemas.common import PathId
from api.schemas.events import AttendeeOut, EventFilter, EventIn, EventOut, EventPatch, InviteIn, JoinIn
from apps.events import participation, services
from apps.events.models import Event, Participation

router = Router()


@router.get("", auth=Anyone(), response={200: Page[EventOut]}, operation_id="list_events")
def list_events(request: HttpRequest, filters: Query[EventFilter], paging: Query[Paging]) -> dict[str, Any]:
    """Upcoming ones soonest first, otherwise latest first."""
    return paginate(request, services.find_events(request.user, **filters.model_dump()), paging)


@router.post("", auth=Verified(), response={201: EventOut}, operation_id="create_event")
def create_event(request: Request, body: EventIn) -> Status[Event]:
    return Status(201, services.create_event(request.user, **body.model_dump()))


@router.get("/{event_id}", auth=Anyone(), response={200: EventOut}, operation_id="get_event")
def get_event(request: HttpRequest, event_id: PathId) -> Event:
    return services.event_for(request.user, event_id)


@router.put("/{event_id}", auth=Verified(), response={200: EventOut, **refusals(409)}, operation_id="replace_event")
def replace_event(request: Request, event_id: PathId, body: EventIn) -> Event:
    """For the host. What is left out returns to empty, the end to 4 hours after the beginning."""
    return services.replace_event(request.user, event_id, **body.model_dump())


@router.patch("/{event_id}", auth=Verified(), response={200: EventOut, **refusals(409)}, operation_id="update_event")
def update_event(request: Request, event_id: PathId, body: EventPatch) -> Event:
    """For the host."""
    return services.update_event(request.user, event_id, **body.model_dump(exclude_unset=True))


@router.delete("/{event_id}", auth=Verified(), response={204: None}, operation_id="delete_event")
def delete_event(request: Request, event_id: PathId) -> Status[None]:
    """For the host."""
    services.delete_event(request.user, event_id)
    return Status(204, None)


@router.post(
    "/{event_id}/cancel", auth=Verified(), response={200: EventOut, **refusals(409)}, operation_id="cancel_event"
)
def cancel_event(request: Request, event_id: PathId) -> Event:
    """For the host. All participants are notified."""
    return services.cancel_event(request.user, event_id)


@router.post("/{event_id}/join", auth=Verified(), response={200: EventOut, **refusals(409)}, operation_id="join_event")
def join_event(request: Request, event_id: PathId, body: JoinIn) -> Event:
    """Twice is once."""
    return participation.join_event(request.user, event_id, status=body.status)


@router.delete("/{event_id}/join", auth=Verified(), response={204: None, **refusals(409)}, operation_id="leave_event")
def leave_event(request: Request, event_id: PathId) -> Status[None]:
    """Before it begins. Twice is once."""
    participation.leave_event(request.user, event_id)
    return Status(204, None)


@router.post(
    "/{event_id}/invite", auth=Verified(), response={201: AttendeeOut, **refusals(409)}, operation_id="invite_to_event"
)
def invite_to_event(request: Request, event_id: PathId, body: InviteIn) -> Status[Participation]:
    """For the host. Twice is once."""
    return Status(201, participation.invite_to_event(request.user, event_id, body.user))


@router.get("/{event_id}/attendees", response={200: Page[AttendeeOut]}, operation_id="list_attendees")
def list_attendees(request: Request, event_id: PathId, paging: Query[Paging]) -> dict[str, Any]:
    """In the order they came."""
    return paginate(request, participation.attendees_of(request.user, event_id), paging)
