"""The messages that a decision sends, before it is made, in the languages of those who read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from admin_dashboards.languages import in_language
from apps.moderation.actions.base import Params
from apps.moderation.actions.checks import possible_outcomes
from apps.moderation.actions.registry import extras, most_severe, planned
from apps.moderation.content import target_of
from apps.moderation.models import Case
from apps.moderation.notices import Notice, to_author, to_reporter
from apps.users.models import User

DAYS = (1, 3, 7, 14, 30, 90)
"""For how many days a user can be suspended."""


def message_previews(viewer: User, case: Case, selected: Sequence[str], text: str, days: str) -> list[dict[str, Any]]:
    """The messages to the author and to each language of reporters, for every way in which the case can be closed."""
    target = target_of(case.kind, case.target_id)
    params = Params(until=timezone.now() + timedelta(days=parse_days(days)))
    languages = sorted(set(case.reports.open().values_list("reporter__language", flat=True)))

    def say(title: str, chosen: Sequence[str]) -> dict[str, Any]:
        to_them = to_author(case, target, chosen, text=text.strip(), done=planned(case, chosen, params))
        return {
            "title": title,
            "author": [in_language_of(case.author.language, said) for said in to_them],
            "reporters": [in_language_of(language, to_reporter(most_severe(chosen))) for language in languages],
        }

    found = [
        say(str(action.choice), [action.code, *([] if action.is_exclusive else selected)])
        for action in possible_outcomes(viewer, case)
        if not action.is_extra
    ]
    if selected:
        found.append(say(_("Selected actions only"), selected))
    return found


def in_language_of(language: str, said: Notice) -> dict[str, str]:
    """The text in the recipient's `language`, and that language by name where the viewer reads another."""
    with override(language):
        text = said.text
    return {"text": text, "code": language, "language": in_language(language)}


def selected_extras(codes: Sequence[str]) -> list[str]:
    """Those of the outcomes that the desk offers to select beside keeping or removing."""
    return [action.code for action in extras() if action.code in codes]


def parse_days(text: str) -> int:
    """For how many days to suspend: a choice of DAYS, or else 7."""
    return int(text) if text in map(str, DAYS) else 7
