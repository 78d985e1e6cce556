"""One's logins."""

from __future__ import annotations

from typing import Any

from api.schemas.common import Time
from api.schemas.output import Output
from apps.users.models import Session


class SessionOut(Output):
    id: int
    address: str | None
    user_agent: str
    created_at: Time
    last_seen_at: Time
    """To the minute."""
    current: bool
    """Whether it is the login that asks."""

    @staticmethod
    def resolve_current(session: Session, context: dict[str, Any]) -> bool:
        return session == context["request"].auth
