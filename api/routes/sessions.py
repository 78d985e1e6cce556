"""One's logins, each of which can be ended."""

from __future__ import annotations

from typing import Any

from ninja import Query, Router, Status

from api.auth import Request
from api.pagination import Page, Paging, paginate
from api.schemas.common import PathId
from api.schemas.sessions import SessionOut
from apps.users.authentication import sessions

router = Router()


@router.get("", response={200: Page[SessionOut]}, operation_id="list_own_sessions")
def list_sessions(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    """Those that still stand, latest activity first."""
    return paginate(request, sessions.valid_sessions_of(request.user), paging)


@router.delete("", response={204: None}, operation_id="end_other_sessions")
def end_others(request: Request) -> Status[None]:
    """End all logins but the one that asks, as after a change of the password or the second factor."""
    sessions.end_other_sessions(request.user, request.auth)
    return Status(204, None)


@router.delete("/{session_id}", response={204: None}, operation_id="end_own_session")
def end_session(request: Request, session_id: PathId) -> Status[None]:
    """End a login; its tokens are dead and its sockets close."""
    sessions.end_own_session(request.user, session_id)
    return Status(204, None)
