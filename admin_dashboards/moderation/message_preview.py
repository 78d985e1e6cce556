"""The messages that a decision sends, before it is made, in the languages of those who read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from admin_dashboards.languages import in_language
from admin_dashboards.moderation.reports import outcomes
from apps.moderation.content import target_of
from apps.moderation.models import Case, Report
from apps.moderation.notices import Said, ends_at, to_author, to_reporter
from apps.moderation.outcomes import GRAVEST_FIRST
from apps.users.models import User

Outcome = Report.Outcome
DAYS = (1, 3, 7, 14, 30, 90)
EXTRAS = {
    Outcome.WARNED: gettext_lazy("Warn the author"),
    Outcome.SUSPENDED: gettext_lazy("Suspend the author for"),
    Outcome.EDITED: gettext_lazy("Edit text"),
}
"""What can be ticked beside removing, in the order of the digits."""


def message_previews(viewer: User, case: Case, extras: Sequence[str], text: str, days: str) -> list[dict[str, Any]]:
    """The messages to the author and to each language of reporters, for every way in which the case can be closed."""
    target = target_of(case.kind, case.target_id)
    until = ends_at(case.author, (timezone.now() + timedelta(days=parse_days(days))).isoformat())
    languages = sorted(set(case.reports.open().values_list("reporter__language", flat=True)))

    def say(title: str, chosen: Sequence[str]) -> dict[str, Any]:
        to_them = to_author(case, target, chosen, text=text.strip(), until=until)
        gravest = next(outcome for outcome in GRAVEST_FIRST if outcome in chosen)
        return {
            "title": title,
            "author": [in_language_of(case.author.language, said) for said in to_them],
            "reporters": [in_language_of(language, to_reporter(gravest)) for language in languages],
        }

    found = [say(_("Keep"), [Outcome.KEPT])]
    if Outcome.REMOVED in dict(outcomes(viewer, case)):
        found.append(say(_("Remove"), [Outcome.REMOVED, *extras]))
    if extras:
        found.append(say(_("Selected actions only"), extras))
    return found


def in_language_of(language: str, said: Said) -> dict[str, str]:
    """The text in the recipient's `language`, and that language by name where the viewer reads another."""
    with override(language):
        text = said.text
    return {"text": text, "code": language, "language": in_language(language)}


def outcomes_text(outcomes: Sequence[str]) -> str:
    """The names of the outcomes."""
    return ", ".join(str(Outcome(outcome).label) for outcome in outcomes)


def parse_days(text: str) -> int:
    """For how many days to suspend: a choice of DAYS, or else 7."""
    return int(text) if text in map(str, DAYS) else 7
