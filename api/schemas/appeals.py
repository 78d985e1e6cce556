"""Strikes, and appeals against the decisions that gave them."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from api.schemas.common import Body, Id, Time, one_of
from api.schemas.output import Output
from apps.moderation.models import Appeal, Report, Strike
from apps.moderation.strikes import may_appeal_until


class StrikeOut(Output):
    id: int
    decision: int
    """What an appeal names."""
    kind: Annotated[Report.Kind, one_of(Report.Kind)]
    target: int
    """The number of the story, event, message or person that it was about."""
    outcomes: list[Annotated[str, one_of(Report.Outcome)]]
    reason: Annotated[Report.Reason, one_of(Report.Reason)] | None
    text: str
    weight: int
    made_at: Time
    expires_at: Time
    lifted_at: Time | None
    may_appeal_until: Time | None
    """Null where it has been appealed, taken back, or is too long ago."""

    @staticmethod
    def resolve_decision(strike: Strike) -> int:
        return strike.decision_id

    @staticmethod
    def resolve_kind(strike: Strike) -> str:
        return strike.case.kind

    @staticmethod
    def resolve_target(strike: Strike) -> int:
        return strike.case.target_id

    @staticmethod
    def resolve_weight(strike: Strike) -> int:
        return strike.points

    @staticmethod
    def resolve_reason(strike: Strike) -> str | None:
        return strike.decision.reason or None

    @staticmethod
    def resolve_text(strike: Strike) -> str:
        return strike.decision.text

    @staticmethod
    def resolve_made_at(strike: Strike) -> Time:
        return strike.decision.made_at

    @staticmethod
    def resolve_may_appeal_until(strike: Strike) -> Time | None:
        return may_appeal_until(strike)


class AppealIn(Body):
    decision: Id
    """As a strike names it."""
    text: Annotated[str, StringConstraints(max_length=2000)]


class AppealOut(Output):
    """Never who decided or ruled."""

    id: int
    decision: int
    text: str
    status: Annotated[Appeal.Status, one_of(Appeal.Status)]
    ruling: str
    """The answer, once there is one."""
    created_at: Time
    ruled_at: Time | None

    @staticmethod
    def resolve_decision(appeal: Appeal) -> int:
        return appeal.decision_id

    @staticmethod
    def resolve_status(appeal: Appeal) -> str:
        return appeal.status if appeal.is_notified else Appeal.Status.OPEN

    @staticmethod
    def resolve_ruling(appeal: Appeal) -> str:
        return appeal.ruling if appeal.is_notified else ""

    @staticmethod
    def resolve_ruled_at(appeal: Appeal) -> Time | None:
        return appeal.ruled_at if appeal.is_notified else None
