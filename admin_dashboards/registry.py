"""The desks that there are, in the order of the menu."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from admin_dashboards.desk import Desk


@cache
def desks() -> tuple[Desk, ...]:
    # Desks show tables, which are there only once the apps are loaded.
    from admin_dashboards.access.desk import AccessDesk
    from admin_dashboards.compliance.desk import ComplianceDesk
    from admin_dashboards.moderation.appeal_desk import AppealDesk
    from admin_dashboards.moderation.desk import ModerationDesk
    from admin_dashboards.support.desk import SupportDesk

    return (ComplianceDesk(), AppealDesk(), ModerationDesk(), AccessDesk(), SupportDesk())
