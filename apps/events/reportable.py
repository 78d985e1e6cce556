"""Events as what can be reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q

from apps.events.models import Event
from apps.events.permissions import policy
from apps.events.services import edit_event
from apps.review.reportable import ReportableContent
from apps.users.models import User
from apps.users.reportable import made_before_block


class EventContent(ReportableContent):
    """An event. Staff can edit its text."""

    model = Event
    policy = staticmethod(policy)
    author_field = "host"
    text_fields = ("title", "description", "location")
    remove_permission = "events.delete_event"
    edit_permission = "events.change_event"
    editable_fields = ("title", "description")

    def visible_before_block(self, viewer: User) -> Q:
        return made_before_block(self.author_field, viewer)

    def notice_context(self, target: Event | None) -> dict[str, str]:
        return super().notice_context(target) | ({"title": target.title} if target is not None else {})

    def edit(self, actor: User, target_id: int, changes: Mapping[str, Any], *, note: str) -> Event:
        return edit_event(actor, target_id, reason=note, notify_host=False, **changes)


CONTENT = EventContent()
