from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.errors import Conflict
from apps.moderation.actions.base import ModerationAction, Params, impossible
from apps.moderation.actions.registry import register
from apps.moderation.content import content_of, target_of
from apps.moderation.models import Case
from apps.moderation.notices import Notice, content_notice
from apps.notifications.models import Kind
from apps.review.decisions.in_force import values_without
from apps.review.decisions.models import Decision
from apps.users.models import User


@register
class Edit(ModerationAction):
    """The text of an event is edited; without a new text this confirms that it is within the rules by now."""

    code, label, choice = "edited", gettext_lazy("Edited"), gettext_lazy("Edit text")
    severity = 2
    asks = ("edits",)
    position = 3

    def why_impossible(self, kind: str) -> str:
        if content_of(kind).edit_permission is None:
            return _("Only the text of an event can be edited. Choose another action.")
        return ""

    def permission(self, kind: str) -> str | None:
        return content_of(kind).edit_permission

    def needs_target(self) -> bool:
        return True

    def apply(self, actor: User, case: Case, params: Params) -> dict[str, Any]:
        target, content = target_of(case.kind, case.target_id, lock=True), content_of(case.kind)
        if target is None:
            raise Conflict("target-gone", _("It is gone: there is nothing left to edit. Choose another outcome."))
        edits = dict(params.edits)
        if edits.keys() - set(content.editable_fields):
            raise impossible(_("Only the title and the description of an event can be edited here."))
        if not edits:
            return {}
        before = {name: getattr(target, name) for name in edits}
        edited = content.edit(actor, case.target_id, edits, note=params.note)
        return {"words": {"before": before, "after": {name: getattr(edited, name) for name in edits}}}

    def revert(self, actor: User, case: Case, decision: Decision, *, note: str) -> None:
        done, target = decision.before["done"], target_of(case.kind, case.target_id, lock=True)
        if "words" not in done or target is None:
            return
        before, after = done["words"]["before"], done["words"]["after"]
        if {name: getattr(target, name) for name in after} == after:
            content_of(case.kind).edit(actor, target.pk, values_without(decision, target, before), note=note)

    def took_effect(self, done: Mapping[str, Any]) -> bool:
        return "words" in done

    def author_notice(self, case: Case, target: Any, *, text: str, done: Mapping[str, Any]) -> Notice:
        return content_notice(Kind.CONTENT_EDITED, case, target, text=text)
