"""Reports of what is wrong."""

from __future__ import annotations

from typing import Annotated

from ninja import Schema
from pydantic import StringConstraints

from api.schemas.common import Body, Id, Time
from apps.moderation.models import Report


class ReportIn(Body):
    kind: Report.Kind
    id: Id
    """The number of the story, event, message or person."""
    reason: Report.Reason
    note: Annotated[str, StringConstraints(max_length=2000)] = ""
    """Needed where the reason is `other`."""


class ReportOut(Schema):
    id: int
    kind: Report.Kind
    target_id: int
    reason: Report.Reason
    note: str
    status: Report.Status
    outcome: Report.Outcome | None
    created_at: Time
    closed_at: Time | None
