from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.audit.history import save_as
from apps.moderation.actions.base import ModerationAction, Params, StrikeRule
from apps.moderation.actions.registry import register
from apps.moderation.content import content_of, target_of
from apps.moderation.models import Case
from apps.moderation.notices import Notice, content_notice
from apps.notifications.models import Kind
from apps.review.decisions.in_force import REMOVED, verb_of
from apps.review.decisions.models import Decision
from apps.review.decisions.removal import follow_removals
from apps.users.models import User


@register
class Remove(ModerationAction):
    """The content is hidden from users until it is restored."""

    code, label, choice = "removed", gettext_lazy("Removed"), gettext_lazy("Remove")
    severity = 3
    strike = StrikeRule(points=2, valid_for=timedelta(days=180))
    is_extra = False
    shortcut, bulk_choice = "r", gettext_lazy("Remove")

    def why_impossible(self, kind: str) -> str:
        if content_of(kind).remove_permission is None:
            return _("A person is not removed. Warn or suspend them.")
        return ""

    def permission(self, kind: str) -> str | None:
        return content_of(kind).remove_permission

    def apply(self, actor: User, case: Case, params: Params) -> dict[str, Any]:
        """Where the content is removed or deleted already the outcome is true, and stays so while this is in force."""
        target = target_of(case.kind, case.target_id, lock=True)
        if target is None or target.removed_at is not None:
            return {"removed": True}
        target.remove(actor, params.note)
        saved = save_as(actor, target, action=verb_of(type(target), REMOVED), note=params.note)
        return {"removed": True, "removed_at": saved.removed_at.isoformat()}

    def revert(self, actor: User, case: Case, decision: Decision, *, note: str) -> None:
        if (target := target_of(case.kind, case.target_id, lock=True)) is not None:
            follow_removals(actor, decision, target, note=note)

    def took_effect(self, done: Mapping[str, Any]) -> bool:
        return "removed_at" in done

    def author_notice(self, case: Case, target: Any, *, text: str, done: Mapping[str, Any]) -> Notice:
        return content_notice(Kind.CONTENT_REMOVED, case, target, text=text)
