"""Asking to be connected, answering, parting."""

from __future__ import annotations

from typing import Any

from ninja import Query, Router, Status

from api.auth import Request
from api.errors import refusals
from api.pagination import Page, Paging, paginate
from api.schemas.common import PathId
from api.schemas.connections import AnswerIn, ConnectionFilter, ConnectionOut, RequestIn
from api.throttles import Limit
from apps.connections import services
from apps.connections.models import Connection

router = Router()


@router.get("", response={200: Page[ConnectionOut]}, operation_id="list_connections")
def list_connections(request: Request, filters: Query[ConnectionFilter], paging: Query[Paging]) -> dict[str, Any]:
    """One's own, requests included, newest first."""
    return paginate(request, services.connections_of(request.user, **filters.model_dump()), paging)


@router.post(
    "/request",
    response={201: ConnectionOut, **refusals(404, 409)},
    throttle=Limit("connection_request"),
    operation_id="request_connection",
)
def request_connection(request: Request, body: RequestIn) -> Status[Connection]:
    """One a pair, in either direction; after a rejection too, until one of the two deletes it."""
    return Status(201, services.request_connection(request.user, body.receiver))


@router.patch(
    "/{connection_id}/action", response={200: ConnectionOut, **refusals(409)}, operation_id="answer_connection"
)
def answer_connection(request: Request, connection_id: PathId, body: AnswerIn) -> Connection:
    """For the receiver, once."""
    return services.answer_connection(request.user, connection_id, status=body.status)


@router.delete("/{connection_id}", response={204: None}, operation_id="delete_connection")
def delete_connection(request: Request, connection_id: PathId) -> Status[None]:
    """For either of the two: part, or take a request back."""
    services.delete_connection(request.user, connection_id)
    return Status(204, None)
