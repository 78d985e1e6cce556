"""What author and reporters read about a case: shown before a decision, sent after it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model

from apps.moderation.actions.registry import by_severity
from apps.moderation.content import content_of
from apps.moderation.models import Case
from apps.notifications.models import Kind
from apps.notifications.services import notify
from apps.notifications.texts import text_of


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification."""

    kind: Kind
    context: dict[str, str]
    """What its text is written with."""
    about: Model | None = field(default=None, compare=False)
    """The object that it leads to."""

    @property
    def text(self) -> str:
        """In the active language."""
        return text_of(self.kind, **self.context)

    def send(self, recipient_id: int) -> None:
        notify(recipient_id, self.kind, about=self.about, **self.context)


def content_notice(kind: Kind, case: Case, target: Any, *, text: str = "") -> Notice:
    """To the author about their content, to which it leads. `target` is None where that has been deleted."""
    content = content_of(case.kind)
    context = content.notice_context(target) | ({"text": text} if text else {})
    return Notice(kind, context, about=None if content.is_account else target)


def to_author(
    case: Case, target: Any, outcomes: Collection[str], *, text: str, done: Mapping[str, Any]
) -> list[Notice]:
    """What the author reads of the outcomes, most severe first. `done`: what they changed, or are planned to change."""
    notices = []
    for action in by_severity(outcomes):
        if (notice := action.author_notice(case, target, text=text, done=done)) is not None:
            notices.append(notice)
            text = ""  # once is enough
    return notices


def to_reporter(outcome: str, report: Model | None = None) -> Notice:
    """What each reporter reads; `outcome` is "open" where the decision has been undone."""
    return Notice(Kind.REPORT_CLOSED, {"outcome": outcome}, about=report)


def ruling_to_author(case: Case, target: Any, status: str, text: str = "") -> Notice:
    """What the author reads of the ruling on their appeal; `text` is the moderator's answer."""
    context = content_of(case.kind).notice_context(target)
    return Notice(Kind.APPEAL_DECIDED, {"status": status, "text": text, **context})
