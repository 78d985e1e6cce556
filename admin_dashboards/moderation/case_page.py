"""What stands on the page of a case: the thing as it was reported and as it is, its context, author and reporters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from admin_dashboards.context import StaffRequest
from admin_dashboards.moderation.story_files import look_of, veiled
from admin_dashboards.states import label
from admin_dashboards.tables.base import ModelAdmin, link_to
from apps.access import may
from apps.chat.models import Message
from apps.moderation.actions.registry import label_of
from apps.moderation.content import REPORTABLE, target_of, words_of
from apps.moderation.context import around, texts_open_to
from apps.moderation.models import Case, Exhibit, Report, Strike
from apps.moderation.priority import lines_of
from apps.moderation.strikes import recommend
from apps.stories.models import Story
from apps.users.models import User

MOST_EARLIER = 5
MOST_STRIKES = 5
HIDDEN = {"sha256"}
"""Words that prove what a thing was, for no one to read."""


@dataclass(slots=True)
class Words:
    """One field of the thing: what it says, and what it said each time it was reported otherwise."""

    name: str
    now: str
    reported: list[tuple[datetime, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A message of the context."""

    message: Message
    text: str | None
    """None while it is masked."""
    reported: bool


def evidence(request: StaffRequest, case: Case) -> dict[str, Any]:
    """The thing itself. The texts of messages only as far as the person has revealed them."""
    target = target_of(case.kind, case.target_id)
    if isinstance(target, Message):
        return _conversation(request, case, target)
    if isinstance(target, User):
        target = case.author
    may_see = isinstance(target, User) or _may_see(request, target)
    # Of what is gone the words are left, for those who might have seen it; a message's stay masked for good.
    readable = may_see or (target is None and case.kind != Report.Kind.MESSAGE and _may_see_kind(request, case.kind))
    shown: dict[str, Any] = {
        "thing": target if may_see else None,
        "gone": target is None,
        "state": _state(target) if may_see else "",
        "link": link_to(target, _("Open record")) if may_see and not isinstance(target, User) else "",
        "words": words(case, target) if readable else [],
        "look": "",
    }
    if may_see and isinstance(target, Story):
        shown["look"] = look_of(target)
    if isinstance(target, User) and target.profile.image:
        address = reverse("admin:desk_moderation_item_picture", args=[case.pk])
        words_for_it = _("The profile picture")
        shown["look"] = veiled(format_html('<img src="{}" class="story-look" alt="{}">', address, words_for_it))
    return shown


def _conversation(request: StaffRequest, case: Case, message: Message) -> dict[str, Any]:
    user: User = request.user
    near = around(message)
    texts = texts_open_to(user, near)
    may_reveal = bool(may(user, "chat.reveal_message", message))
    return {
        "thing": message,
        "gone": False,
        "state": _state(message),
        "link": link_to(message, _("Open record")),
        "spoken": [Spoken(each, texts.get(each.pk), each.pk == message.pk) for each in near],
        "may_reveal": may_reveal,
        "all_revealed": len(texts) == len(near),
    }


def words(case: Case, target: Any) -> list[Words]:
    """Field by field what it says now, and how it read when it was reported, where that differs."""
    now = words_of(case.kind, target) if target is not None else {}
    exhibits: Sequence[Exhibit] = list(case.exhibits.order_by("id"))
    names = dict.fromkeys([*now, *(name for exhibit in exhibits for name in exhibit.words)])
    found = []
    for name in names:
        if name in HIDDEN:
            continue
        line = Words(_name(case.kind, name), now.get(name, ""))
        for exhibit in exhibits:
            said = exhibit.words.get(name, "")
            if said != line.now and said not in [earlier for _at, earlier in line.reported]:
                line.reported.append((exhibit.taken_at, said))
        found.append(line)
    return found


def _name(kind: str, name: str) -> str:
    model: type[Model] = REPORTABLE[Report.Kind(kind)].model
    path = next(path for path in REPORTABLE[Report.Kind(kind)].words if path.rpartition(".")[2] == name)
    *steps, last = path.split(".")
    for step in steps:
        model = model._meta.get_field(step).related_model  # type: ignore[assignment]
    return capfirst(str(model._meta.get_field(last).verbose_name))  # type: ignore[union-attr]


def _may_see_kind(request: StaffRequest, kind: str) -> bool:
    table = admin.site._registry.get(REPORTABLE[Report.Kind(kind)].model)
    return isinstance(table, ModelAdmin) and table.has_view_permission(request)


def _may_see(request: StaffRequest, target: Any) -> bool:
    table = admin.site._registry.get(type(target))
    return isinstance(table, ModelAdmin) and table.has_view_permission(request, target)


def _state(target: Any) -> SafeString | str:
    if isinstance(target, User):
        if target.is_suspended:
            return label("block", _("Suspended"), "bad")
        return (
            label("verified", _("Verified"), "good") if target.identity_verified else label("person", _("Unverified"))
        )
    table: Any = admin.site._registry[type(target)]
    return table.state(target)


def facts(case: Case) -> dict[str, Any]:
    """The author's past, the reporters' word, and what the weight is made of."""
    lines = lines_of(case)
    standing = Strike.objects.standing().filter(person=case.author_id)
    strikes = standing.select_related("case", "decision").order_by("-given_at", "-id")
    earlier = Case.objects.filter(author=case.author_id).exclude(pk=case.pk).select_related("closed_by")
    return {
        "author": case.author,
        "suspended_until": case.author.suspended_until if case.author.is_suspended else None,
        "recommendation": recommend(case.author_id),
        "strikes": list(strikes[:MOST_STRIKES]),
        "earlier": [_earlier(each) for each in earlier.order_by("-id")[:MOST_EARLIER]],
        "weight_lines": lines,
        "weight": sum(line.weight for line in lines),
        "now": timezone.now(),
    }


def _earlier(case: Case) -> dict[str, Any]:
    return {"case": case, "outcomes": label_of(case.outcomes) or _("open")}


def main_reason(case: Case) -> str:
    """What most of the reports say, the gravest of these: what a decision most likely gives as its reason."""
    reasons = [line.report.reason for line in lines_of(case)]
    return max(reasons, key=reasons.count) if reasons else ""
