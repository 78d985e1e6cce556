"""The notifications of a user, and which of them are read."""

from __future__ import annotations

from typing import Any

from ninja import Query, Router, Status

from api.auth import Request
from api.pagination import Page, Paging, paginate
from api.schemas.common import PathId
from api.schemas.notifications import NotificationFilter, NotificationOut, UnreadOut
from apps.notifications import services
from apps.notifications.models import Notification

router = Router()


@router.get("", response={200: Page[NotificationOut]}, operation_id="list_notifications")
def list_notifications(request: Request, filters: Query[NotificationFilter], paging: Query[Paging]) -> dict[str, Any]:
    """One's own, newest first."""
    return paginate(request, services.notifications_of(request.user, unread=filters.unread), paging)


@router.post("/read", response={204: None}, operation_id="read_all_notifications")
def read_all(request: Request) -> Status[None]:
    services.mark_all_read(request.user)
    return Status(204, None)


@router.get("/unread_count", response={200: UnreadOut}, operation_id="count_unread_notifications")
def count_unread(request: Request) -> dict[str, int]:
    return {"count": services.unread_count(request.user)}


@router.patch("/{notification_id}/read", response={200: NotificationOut}, operation_id="read_notification")
def read_one(request: Request, notification_id: PathId) -> Notification:
    """Twice is once."""
    return services.mark_read(request.user, notification_id)
