from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.access import require
from apps.errors import Conflict
from apps.events.services import edit_event
from apps.moderation.actions.base import ModerationAction, Params, impossible
from apps.moderation.actions.registry import register
from apps.moderation.content import REPORTABLE, named, target_of
from apps.moderation.models import Case, Report
from apps.moderation.notices import Notice
from apps.notifications.models import Kind
from apps.review.decisions.in_force import values_without
from apps.review.decisions.models import Decision
from apps.users.models import User

EDITABLE = {"title", "description"}


@register
class Edit(ModerationAction):
    """The text of an event is put right; without a new text this says that it is right by now."""

    code, label, choice = "edited", gettext_lazy("Edited"), gettext_lazy("Edit text")
    severity = 2
    position = 3

    def why_impossible(self, kind: str) -> str:
        if REPORTABLE[Report.Kind(kind)].edit is None:
            return _("Only the text of an event can be edited. Choose another action.")
        return ""

    def permission(self, kind: str) -> str | None:
        return REPORTABLE[Report.Kind(kind)].edit

    def needs_target(self) -> bool:
        return True

    def apply(self, actor: User, case: Case, params: Params) -> dict[str, Any]:
        target = target_of(case.kind, case.target_id, lock=True)
        if target is None:
            raise Conflict("target-gone", _("It is gone: there is nothing left to edit. Choose another outcome."))
        require(actor, str(self.permission(case.kind)), target)
        edits = dict(params.edits)
        if edits.keys() - EDITABLE:
            raise impossible(_("Only the title and the description of an event can be edited here."))
        if not edits:
            return {}
        before = {name: getattr(target, name) for name in edits}
        edited = edit_event(actor, case.target_id, reason=params.note, notify_host=False, **edits)  # type: ignore[arg-type]
        return {"words": {"before": before, "after": {name: getattr(edited, name) for name in edits}}}

    def revert(self, actor: User, case: Case, decision: Decision, *, note: str) -> None:
        done, target = decision.before["done"], target_of(case.kind, case.target_id, lock=True)
        if "words" not in done or target is None:
            return
        before, after = done["words"]["before"], done["words"]["after"]
        if {name: getattr(target, name) for name in after} == after:
            edit_event(actor, target.pk, reason=note, notify_host=False, **values_without(decision, target, before))

    def took_effect(self, done: Mapping[str, Any]) -> bool:
        return "words" in done

    def author_notice(self, case: Case, target: Any, *, text: str, until: str) -> Notice:
        return Notice(Kind.CONTENT_EDITED, {**named(case.kind, target), "text": text})
