"""The panel in which a case is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import TextField
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from admin_dashboards.context import StaffRequest
from admin_dashboards.moderation.case_page import main_reason
from admin_dashboards.moderation.message_preview import DAYS, message_previews, selected_extras
from admin_dashboards.review.desk import WorkDesk
from apps.errors import Conflict
from apps.moderation.actions.checks import possible_outcomes
from apps.moderation.actions.registry import extras
from apps.moderation.content import content_of, target_of
from apps.moderation.decidable import why_not_removable
from apps.moderation.models import Case, Report


@dataclass(frozen=True, slots=True)
class EditableText:
    """A field of the content whose text the form can edit."""

    name: str
    label: str
    now: str
    typed: str
    """What was typed; the text now where the field was left unchanged."""
    max_length: int | None
    is_long: bool
    """Whether it has lines."""


def decision_context(desk: WorkDesk, request: StaffRequest, case: Case, details: Mapping[str, Any]) -> dict[str, Any]:
    """What the panel offers; after a rejected decision, with what was chosen and typed. `details`: `case_details`."""
    posted = request.POST if "outcome" in request.POST else None
    step = details["recommendation"]
    days = posted.get("days", "") if posted else str(step.duration.days or 7)
    possible = possible_outcomes(request.user, case)
    chosen = posted.getlist("outcome") if posted else []
    return {
        "buttons": [
            {"value": each.code, "label": each.choice, "key": each.shortcut, "is_danger": not each.is_exclusive}
            for each in possible
            if not each.is_extra
        ],
        "cannot": why_not_removable(request.user, case),
        "extras": [
            {"value": each.code, "label": each.choice, "key": key, "ticked": each.code in chosen, "asks": each.asks}
            for key, each in enumerate(extras(), 1)
            if each in possible
        ],
        "days": [(str(each), ngettext("%d day", "%d days", each) % each) for each in DAYS],
        "chosen_days": days,
        "reasons": Report.Reason.choices,
        "chosen_reason": posted.get("reason", "") if posted else main_reason(details["weight_lines"]),
        "editable": _editable_texts(case, posted),
        "typed": {name: posted.get(name, "") if posted else "" for name in ("text", "note")},
        "previews": message_previews(
            request.user,
            case,
            selected_extras(chosen),
            posted.get("text", "") if posted else "",
            days,
        ),
        "preview_address": desk.at("item_preview", case.pk),
    }


def _editable_texts(case: Case, posted: Any) -> list[EditableText]:
    """The fields whose text can be edited; empty where the content has none or is deleted."""
    target = target_of(case.kind, case.target_id) if content_of(case.kind).editable_fields else None
    if target is None:
        return []
    found = []
    for name in content_of(case.kind).editable_fields:
        field, now = target._meta.get_field(name), str(getattr(target, name))
        typed = posted.get(name, now) if posted else now
        is_unchanged = posted and typed == posted.get(f"was_{name}")
        found.append(
            EditableText(
                name=name,
                label=capfirst(str(field.verbose_name)),
                now=now,
                typed=now if is_unchanged else typed,
                max_length=field.max_length,
                is_long=isinstance(field, TextField),
            )
        )
    return found


def posted_edits(case: Case, posted: Any) -> dict[str, str]:
    """The new text by field. Raises `Conflict` where the host has changed it since the moderator opened it."""
    target = target_of(case.kind, case.target_id)
    if target is None:
        return {}
    edits = {}
    for name in content_of(case.kind).editable_fields:
        if name not in posted:
            continue
        now, sent = _lines(getattr(target, name)), _lines(posted[name])
        if _lines(posted.get(f"was_{name}", "")) != now:
            raise Conflict(
                "changed-since", _("The host has changed the text since you opened it. Read it again, then decide.")
            )
        if sent != now:
            edits[name] = sent
    return edits


def _lines(text: str) -> str:
    """The text with line ends as they are stored, not as browsers send them."""
    return text.replace("\r\n", "\n")
