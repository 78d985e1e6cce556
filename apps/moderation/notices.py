"""What people are told about a case, word for word: shown before a decision, sent after it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.moderation.content import named
from apps.moderation.models import Case, Report
from apps.notifications.models import Kind
from apps.notifications.texts import text_of
from apps.users.models import User

Outcome = Report.Outcome


@dataclass(frozen=True, slots=True)
class Said:
    """One notification."""

    kind: Kind
    facts: dict[str, str]

    @property
    def text(self) -> str:
        """In the language that is active."""
        return text_of(self.kind, **self.facts)


def to_author(case: Case, target: Any, outcomes: Collection[str], *, text: str, until: str) -> list[Said]:
    """What the author hears of the outcomes, gravest first. `until` is the end of a suspension, in ISO form."""
    thing = named(case.kind, target)
    kinds = {
        Outcome.SUSPENDED: (Kind.SUSPENDED, {"until": until}, "reason"),
        Outcome.REMOVED: (Kind.CONTENT_REMOVED, thing, "text"),
        Outcome.EDITED: (Kind.CONTENT_EDITED, thing, "text"),
        Outcome.WARNED: (Kind.WARNING, thing, "text"),
    }
    said = []
    for outcome, (kind, facts, name) in kinds.items():
        if outcome in outcomes:
            said.append(Said(kind, {**facts, name: text}))
            text = ""  # said once is enough
    return said


def ends_at(author: User, until: str) -> str:
    """When a suspension until then really ends, in ISO form: with the longest one in force."""
    longest = author.suspended_until
    return longest.isoformat() if longest and longest > datetime.fromisoformat(until) else until


def to_reporter(outcome: str) -> Said:
    """What each reporter hears; "open" where the decision has been taken back."""
    return Said(Kind.REPORT_CLOSED, {"outcome": outcome})


def ruling_to_author(case: Case, target: Any, status: str, text: str = "") -> Said:
    """What the author hears of a ruling on their appeal; `text` is the answer of whoever ruled."""
    return Said(Kind.APPEAL_DECIDED, {"status": status, "text": text, **named(case.kind, target)})
