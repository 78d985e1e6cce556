"""What author and reporters read about a case: shown before a decision, sent after it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.moderation.actions.registry import by_severity
from apps.moderation.content import named
from apps.moderation.models import Case
from apps.notifications.models import Kind
from apps.notifications.texts import text_of
from apps.users.models import User


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification."""

    kind: Kind
    facts: dict[str, str]

    @property
    def text(self) -> str:
        """In the language that is active."""
        return text_of(self.kind, **self.facts)


def to_author(case: Case, target: Any, outcomes: Collection[str], *, text: str, until: str) -> list[Notice]:
    """What the author reads of the outcomes, most severe first. `until` is the end of a suspension, in ISO form."""
    notices = []
    for action in by_severity(outcomes):
        if (notice := action.author_notice(case, target, text=text, until=until)) is not None:
            notices.append(notice)
            text = ""  # once is enough
    return notices


def ends_at(author: User, until: str) -> str:
    """When a suspension until then really ends, in ISO form: with the longest one in force."""
    longest = author.suspended_until
    return longest.isoformat() if longest and longest > datetime.fromisoformat(until) else until


def to_reporter(outcome: str) -> Notice:
    """What each reporter reads; "open" where the decision has been undone."""
    return Notice(Kind.REPORT_CLOSED, {"outcome": outcome})


def ruling_to_author(case: Case, target: Any, status: str, text: str = "") -> Notice:
    """What the author reads of the ruling on their appeal; `text` is the moderator's answer."""
    return Notice(Kind.APPEAL_DECIDED, {"status": status, "text": text, **named(case.kind, target)})
