from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.errors import Invalid
from apps.moderation.actions.base import ModerationAction, Params, StrikeRule
from apps.moderation.actions.registry import register
from apps.moderation.models import Case
from apps.moderation.notices import Notice
from apps.notifications.models import Kind
from apps.review.decisions.models import Decision
from apps.users.accounts.suspensions import lift_suspension, suspend_user
from apps.users.models import User


@register
class Suspend(ModerationAction):
    """The author's account is suspended until a time."""

    code, label, choice = "suspended", gettext_lazy("Author suspended"), gettext_lazy("Suspend the author for")
    severity = 4
    asks = ("until",)
    position = 2
    is_about_author = True
    strike = StrikeRule(points=4, valid_for=timedelta(days=365))

    def permission(self, kind: str) -> str:
        return "users.suspend_user"

    def apply(self, actor: User, case: Case, params: Params) -> dict[str, Any]:
        if params.until <= timezone.now():
            raise Invalid("past", _("Choose a time in the future."), field="until")
        return self.planned(case, params)

    def planned(self, case: Case, params: Params) -> dict[str, Any]:
        return {"suspended": {"after": params.until.isoformat()}}

    def follow_up(self, actor: User, case: Case, decision: Decision, params: Params) -> None:
        """Suspend, by a row that names the decision to undo it by."""
        suspend_user(actor, case.author_id, until=params.until, reason=params.note, notifies=False, decision=decision)

    def revert(self, actor: User, case: Case, decision: Decision, *, note: str) -> None:
        lift_suspension(actor, decision, note=note)

    def author_notice(self, case: Case, target: Any, *, text: str, done: Mapping[str, Any]) -> Notice:
        """With the end of the longest suspension in force, in ISO form: suspended for less, the author stays it."""
        until, longest = str(done["suspended"]["after"]), case.author.suspended_until
        if longest is not None and longest > datetime.fromisoformat(until):
            until = longest.isoformat()
        return Notice(Kind.SUSPENDED, {"until": until, "reason": text})
