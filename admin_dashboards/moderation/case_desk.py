"""What the desks of cases and of appeals share."""

from __future__ import annotations

from typing import Any

from admin_dashboards.context import StaffRequest, is_ahead
from admin_dashboards.moderation.assets import MEDIA
from admin_dashboards.moderation.reported_content import reported_content
from admin_dashboards.review.desk import WorkDesk
from apps.moderation.models import Case


class CaseDesk(WorkDesk):
    """A desk of cases, or of appeals about them."""

    permission = "moderation.settle_report"
    media = WorkDesk.media + MEDIA

    def held_on_rows(self, request: StaffRequest) -> bool:
        """Cases have no object permissions."""
        return False

    def case_of(self, item: Any) -> Case:
        """The case that an item of the queue is, or is about."""
        return item

    def note_shown(self, request: StaffRequest, item: Any) -> None:
        """A picture that was fetched ahead is recorded as viewed now."""
        case = self.case_of(item)
        if not is_ahead(request):
            reported_content(case.kind).note_shown(request.user, case)
