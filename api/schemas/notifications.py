"""Notifications."""

from __future__ import annotations

from pydantic import BaseModel

from api.schemas.common import Time
from api.schemas.output import Output
from apps.notifications.models import Kind, Notification


class NotificationFilter(BaseModel):
    unread: bool | None = None


class TargetOut(Output):
    """What a notification leads to."""

    kind: str
    id: int


class NotificationOut(Output):
    id: int
    kind: Kind
    text: str
    target: TargetOut | None
    is_read: bool
    created_at: Time

    @staticmethod
    def resolve_target(notification: Notification) -> dict[str, str | int] | None:
        if notification.target_id is None:
            return None
        return {"kind": notification.target_kind, "id": notification.target_id}


class UnreadOut(Output):
    count: int
