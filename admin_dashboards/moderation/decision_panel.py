"""The panel in which a case is decided."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from admin_dashboards.context import StaffRequest
from admin_dashboards.moderation.case_page import main_reason
from admin_dashboards.moderation.message_preview import DAYS, message_previews, selected_extras
from admin_dashboards.review.desk import WorkDesk
from apps.errors import Conflict
from apps.events.models import Event
from apps.moderation.actions.checks import possible_outcomes
from apps.moderation.actions.registry import extras
from apps.moderation.content import target_of
from apps.moderation.deciding import why_not_removable
from apps.moderation.models import Case, Report
from apps.moderation.strikes import recommend


def decision_context(desk: WorkDesk, request: StaffRequest, case: Case) -> dict[str, Any]:
    """What the panel offers; after a rejected decision, with what was chosen and typed."""
    posted = request.POST if "outcome" in request.POST else None
    step = recommend(case.author_id)
    days = posted.get("days", "") if posted else str(step.duration.days or 7)
    possible = {action.code for action in possible_outcomes(request.user, case)}
    chosen = posted.getlist("outcome") if posted else []
    event = target_of(case.kind, case.target_id) if case.kind == Report.Kind.EVENT else None
    return {
        "possible": possible,
        "cannot": why_not_removable(request.user, case),
        "extras": [
            {"value": each.code, "label": each.choice, "key": key, "ticked": each.code in chosen}
            for key, each in enumerate(extras(), 1)
            if each.code in possible
        ],
        "days": [(str(each), ngettext("%d day", "%d days", each) % each) for each in DAYS],
        "chosen_days": days,
        "reasons": Report.Reason.choices,
        "chosen_reason": posted.get("reason", "") if posted else main_reason(case),
        "event": event,
        "typed": {name: posted.get(name, "") if posted else "" for name in ("text", "note")},
        "typed_title": _typed(event, "title", posted),
        "typed_description": _typed(event, "description", posted),
        "previews": message_previews(
            request.user,
            case,
            selected_extras(chosen),
            posted.get("text", "") if posted else "",
            days,
        ),
        "preview_address": desk.at("item_preview", case.pk),
    }


def _typed(event: Any, name: str, posted: Any) -> str:
    """What was typed into a field of the event; its text now where the field was left unchanged."""
    now = str(getattr(event, name, ""))
    typed = posted.get(name, now) if posted else now
    return now if posted and typed == posted.get(f"was_{name}") else typed


def posted_edits(case: Case, posted: Any) -> dict[str, str]:
    """The new text by field. Raises `Conflict` where the host has changed it since the moderator opened it."""
    event = target_of(case.kind, case.target_id)
    if not isinstance(event, Event):
        return {}
    sent = {name: posted[name].replace("\r\n", "\n") for name in ("title", "description") if name in posted}
    for name in sent:
        if posted.get(f"was_{name}", "").replace("\r\n", "\n") != getattr(event, name).replace("\r\n", "\n"):
            raise Conflict(
                "changed-since", _("The host has changed the text since you opened it. Read it again, then decide.")
            )
    return {name: text for name, text in sent.items() if text != getattr(event, name).replace("\r\n", "\n")}
