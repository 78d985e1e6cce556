"""Which outcomes can be chosen for a case, and by whom."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext as _

from apps.access import may, require
from apps.moderation.actions.base import ModerationAction, impossible
from apps.moderation.actions.registry import by_severity
from apps.moderation.content import content_of, target_of
from apps.moderation.models import Case, Report
from apps.users.models import User


def check_outcomes(kind: str, codes: Collection[str]) -> list[str]:
    """The outcomes, most severe first and each once. Raises `Invalid` for what cannot be or does not go together."""
    chosen = by_severity(codes)
    if not chosen or set(codes) - {action.code for action in chosen}:
        raise impossible(_("Choose one of the outcomes."))
    for action in chosen:
        if action.is_exclusive and len(chosen) > 1:
            sentence = _("“%(choice)s” cannot be combined with other actions. Choose one or the other.")
            raise impossible(sentence % {"choice": action.choice})
        if reason := action.why_impossible(kind):
            raise impossible(reason)
    return [action.code for action in chosen]


def require_outcomes(actor: User, case: Case, codes: Collection[str], target: Any) -> None:
    """Raise `Refused` where `actor` may not do what the outcomes require."""
    for action in by_severity(codes):
        if perm := action.permission(case.kind):
            require(actor, perm, action.permission_on(case, target))


def possible_outcomes(user: User, item: Report | Case, *, gone: bool | None = None) -> list[ModerationAction]:
    """What `user` can decide about a report or case, least severe first.

    `gone` says whether the content is deleted; it is queried where that is None.
    """
    content = content_of(item.kind).model(pk=item.target_id)
    found = []
    for action in reversed(by_severity()):
        perm = action.permission(item.kind)
        if action.why_impossible(item.kind) or (perm and not may(user, perm, action.permission_on(item, content))):
            continue
        if action.needs_target():
            gone = target_of(item.kind, item.target_id) is None if gone is None else gone
            if gone:
                continue
        found.append(action)
    return found
