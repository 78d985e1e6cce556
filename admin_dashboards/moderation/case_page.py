"""What the page of a case shows: the content as reported and as it is now, its context, author and reporters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from admin_dashboards.context import StaffRequest
from admin_dashboards.links import link_to
from admin_dashboards.moderation.story_files import media_of, veiled
from admin_dashboards.registry import table_for
from admin_dashboards.states import account_state, verification_state
from apps.access import may
from apps.chat.models import Message
from apps.moderation.actions.registry import label_of
from apps.moderation.content import content_of, target_of
from apps.moderation.context import around, texts_open_to
from apps.moderation.models import Case, ContentSnapshot, Report, Strike
from apps.moderation.priority import score_parts
from apps.moderation.strikes import recommend
from apps.stories.models import Story
from apps.users.models import User

MOST_EARLIER = 5
MOST_STRIKES = 5
HIDDEN = {"sha256"}
"""Fields that prove what the content was, not for reading."""


@dataclass(slots=True)
class FieldText:
    """One field of the content: its text now, and each different text that was reported."""

    name: str
    now: str
    reported: list[tuple[datetime, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ContextMessage:
    """A message of the context."""

    message: Message
    text: str | None
    """None while masked."""
    reported: bool


def evidence(request: StaffRequest, case: Case) -> dict[str, Any]:
    """The content itself; texts of messages only as far as the viewer has revealed them."""
    target = target_of(case.kind, case.target_id)
    if isinstance(target, Message):
        return _conversation(request, case, target)
    if isinstance(target, User):
        target = case.author
    may_see = isinstance(target, User) or _may_see(request, target)
    # Of deleted content the text is left, for viewers of that type; texts of messages stay masked.
    readable = may_see or (target is None and case.kind != Report.Kind.MESSAGE and _may_see_kind(request, case.kind))
    shown: dict[str, Any] = {
        "target": target if may_see else None,
        "gone": target is None,
        "state": _state(target) if may_see else "",
        "link": link_to(target, _("Open record")) if may_see and not isinstance(target, User) else "",
        "texts": field_texts(case, target) if readable else [],
        "media": "",
    }
    if may_see and isinstance(target, Story):
        shown["media"] = media_of(target)
    if isinstance(target, User) and target.profile.image:
        address = reverse("admin:desk_moderation_item_picture", args=[case.pk])
        alt = _("The profile picture")
        shown["media"] = veiled(format_html('<img src="{}" class="story-media" alt="{}">', address, alt))
    return shown


def _conversation(request: StaffRequest, case: Case, message: Message) -> dict[str, Any]:
    user: User = request.user
    near = around(message)
    texts = texts_open_to(user, near)
    may_reveal = bool(may(user, "chat.reveal_message", message))
    return {
        "target": message,
        "gone": False,
        "state": _state(message),
        "link": link_to(message, _("Open record")),
        "messages": [ContextMessage(each, texts.get(each.pk), each.pk == message.pk) for each in near],
        "may_reveal": may_reveal,
        "all_revealed": len(texts) == len(near),
    }


def field_texts(case: Case, target: Any) -> list[FieldText]:
    """The fields of the content, with each text that was reported and differs from now."""
    now = content_of(case.kind).snapshot(target) if target is not None else {}
    snapshots: Sequence[ContentSnapshot] = list(case.snapshots.order_by("id"))
    names = dict.fromkeys([*now, *(name for snapshot in snapshots for name in snapshot.text)])
    found = []
    for name in names:
        if name in HIDDEN:
            continue
        line = FieldText(_name(case.kind, name), now.get(name, ""))
        for snapshot in snapshots:
            said = snapshot.text.get(name, "")
            if said != line.now and said not in [earlier for _at, earlier in line.reported]:
                line.reported.append((snapshot.taken_at, said))
        found.append(line)
    return found


def _name(kind: str, name: str) -> str:
    model: Any = content_of(kind).model
    path = next(path for path in content_of(kind).text_fields if path.rpartition(".")[2] == name)
    *steps, last = path.split(".")
    for step in steps:
        model = model._meta.get_field(step).related_model
    return capfirst(str(model._meta.get_field(last).verbose_name))


def _may_see_kind(request: StaffRequest, kind: str) -> bool:
    table = table_for(content_of(kind).model)
    return table is not None and table.has_view_permission(request)


def _may_see(request: StaffRequest, target: Any) -> bool:
    table = table_for(type(target))
    return table is not None and table.has_view_permission(request, target)


def _state(target: Any) -> SafeString | str:
    if isinstance(target, User):
        return account_state(target) if target.is_suspended else verification_state(target)
    table: Any = table_for(type(target))
    return table.state(target)


def case_details(case: Case) -> dict[str, Any]:
    """The author's strikes and earlier cases, the reports, and the parts of the priority score."""
    lines = score_parts(case)
    in_force = Strike.objects.in_force().filter(person=case.author_id)
    strikes = in_force.select_related("case", "decision").order_by("-given_at", "-id")
    earlier = Case.objects.filter(author=case.author_id).exclude(pk=case.pk).select_related("closed_by")
    return {
        "author": case.author,
        "suspended_until": case.author.suspended_until if case.author.is_suspended else None,
        "recommendation": recommend(case.author_id),
        "strikes": list(strikes[:MOST_STRIKES]),
        "earlier": [_earlier(each) for each in earlier.order_by("-id")[:MOST_EARLIER]],
        "weight_lines": lines,
        "weight": sum(line.score for line in lines),
        "now": timezone.now(),
    }


def _earlier(case: Case) -> dict[str, Any]:
    return {"case": case, "outcomes": label_of(case.outcomes) or _("open")}


def main_reason(case: Case) -> str:
    """The reason of most reports, which a decision most likely has."""
    reasons = [line.report.reason for line in score_parts(case)]
    return max(reasons, key=reasons.count) if reasons else ""
