"""Rooms, messages, and tickets for sockets."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Status

from api.auth import Request, Verified
from api.errors import refusals
from api.pagination import Page, Paging, paginate
from api.schemas.chat import ChatMessageIn, ChatMessageOut, HistoryQuery, RoomIn, RoomOut, StretchOut, TicketOut
from api.throttles import Limit
from apps.chat import services, timeline
from apps.chat.models import Room
from apps.chat.timeline import Payload
from apps.users.authentication import socket_tickets

router = Router()


@router.get("/rooms", auth=Verified(), response={200: Page[RoomOut]}, operation_id="list_rooms")
def list_rooms(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    """One's rooms, those with the latest messages first."""
    return paginate(request, services.rooms_of(request.user), paging)


@router.post(
    "/rooms", auth=Verified(), response={200: RoomOut, 201: RoomOut, **refusals(404)}, operation_id="open_room"
)
def open_room(request: Request, body: RoomIn) -> Status[Room]:
    """The room shared with a connected person, made where there is none yet."""
    room, made = services.open_room(request.user, body.participant)
    return Status(201 if made else 200, room)


@router.get(
    "",
    auth=Verified(),
    response={200: Page[ChatMessageOut] | StretchOut, **refusals(404)},
    operation_id="list_messages",
)
def list_messages(request: Request, query: Query[HistoryQuery]) -> dict[str, Any]:
    """Newest first. With `before` or `after` in place of a page, `count` is left out."""
    if query.before is None and query.after is None:
        return paginate(request, services.timeline_of(request.user, query.room), query)
    return _stretch(request, services.room_named(request.user, query.room or ""), query)


@router.post(
    "",
    auth=Verified(),
    throttle=[Limit("chat"), Limit("messages")],
    response={200: ChatMessageOut, 201: ChatMessageOut, **refusals(404)},
    operation_id="send_message",
)
def send_message(request: Request, body: ChatMessageIn) -> Status[Payload]:
    """The same `client_id` again answers 200 with the first message, and stores nothing."""
    message, new = services.send_message(
        request.user, body.room, receiver_id=body.receiver, text=body.message, client_id=body.client_id or ""
    )
    return Status(201 if new else 200, message.payload())


@router.post("/ticket", response={201: TicketOut, **refusals(503)}, operation_id="issue_ticket")
def issue_ticket(request: Request) -> Status[dict[str, Any]]:
    """Opens one socket, within half a minute, where no header can be sent: as the subprotocol `ticket.<ticket>`."""
    _scheme, _space, token = request.headers["Authorization"].partition(" ")
    return Status(
        201, {"ticket": socket_tickets.issue_ticket(token.strip()), "expires_in": socket_tickets.TICKET_SECONDS}
    )


def _stretch(request: HttpRequest, room: Room, query: HistoryQuery) -> dict[str, Any]:
    if query.after is not None:
        found = timeline.after(room.pk, query.after, query.page_size)[::-1]
    else:
        found = timeline.before(room.pk, query.before or 0, query.page_size)
    older = _address(request, "before", found[-1]["seq"]) if found and found[-1]["seq"] > 1 else None
    newer = _address(request, "after", found[0]["seq"]) if found and found[0]["seq"] < room.last_seq else None
    further, back = (newer, older) if query.after is not None else (older, newer)
    return {"next": further, "previous": back, "results": found}


def _address(request: HttpRequest, direction: str, seq: int) -> str:
    query = request.GET.copy()
    query.pop("before", None)
    query.pop("after", None)
    query[direction] = str(seq)
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
