"""Reports of what is wrong."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from api.schemas.common import Body, Id, Time, one_of
from api.schemas.output import Output
from apps.moderation.models import Report


class ReportIn(Body):
    kind: Annotated[Report.Kind, one_of(Report.Kind)]
    id: Id
    """The number of the story, event, message or person."""
    reason: Annotated[Report.Reason, one_of(Report.Reason)]
    note: Annotated[str, StringConstraints(max_length=2000)] = ""
    """Needed where the reason is `other`."""


class ReportOut(Output):
    id: int
    kind: Annotated[Report.Kind, one_of(Report.Kind)]
    target_id: int
    reason: Annotated[Report.Reason, one_of(Report.Reason)]
    note: str
    status: Annotated[Report.Status, one_of(Report.Status)]
    outcome: Annotated[str, one_of(Report.Outcome)] | None
    created_at: Time
    closed_at: Time | None
