"""What an outcome of a case is: one class each, which says all that there is to say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models import Model
from django.utils.functional import Promise

from apps.errors import Invalid

if TYPE_CHECKING:
    from apps.moderation.models import Case, Report
    from apps.moderation.notices import Notice
    from apps.review.decisions.models import Decision
    from apps.users.models import User


@dataclass(frozen=True, slots=True)
class StrikeRule:
    """The strike that an outcome gives."""

    points: int
    valid_for: timedelta


@dataclass(frozen=True, slots=True)
class Params:
    """What the moderator gives with a decision."""

    until: datetime
    """When a suspension ends."""
    note: str = ""
    """For staff, kept in the history."""
    edits: Mapping[str, str] = field(default_factory=dict)
    """New text, by the name of the field."""


class ModerationAction:
    """One outcome of a case: what it takes, what it does, how that is undone, and what the author reads.

    Registered with `@register`; the desk, the table of reports, strikes, notices and undo ask the registry.
    """

    code: ClassVar[str]
    """As stored and as the API says it; it never changes."""
    label: ClassVar[str | Promise]
    """What came of the case, as in "Removed"."""
    choice: ClassVar[str | Promise]
    """What the moderator chooses, as in "Remove"."""
    severity: ClassVar[int]
    """The more severe, the higher: the most severe outcome is the one that reporters read of."""
    strike: ClassVar[StrikeRule | None] = None
    is_exclusive: ClassVar[bool] = False
    """Whether it goes with no other."""
    is_extra: ClassVar[bool] = True
    """Whether the desk offers it as an action to select, rather than by a key of its own."""
    position: ClassVar[int] = 9
    """Its place among those."""
    is_about_author: ClassVar[bool] = False
    """Whether its permission is about the author, rather than the content."""

    # --- What it takes ----------------------------------------------------------------------------------------------

    def why_impossible(self, kind: str) -> str:
        """Why it cannot be done to content of this kind; empty where it can."""
        return ""

    def permission(self, kind: str) -> str | None:
        """The permission that it takes, beside that of deciding cases."""
        return None

    def permission_on(self, item: Report | Case, target: Model | None) -> Model | None:
        """The object that the permission is about."""
        return item.author if self.is_about_author else target

    def needs_target(self) -> bool:
        """Whether the content must still be there."""
        return False

    # --- What it does -----------------------------------------------------------------------------------------------

    def apply(self, actor: User, case: Case, params: Params) -> dict[str, Any]:
        """Do it, in the transaction of the decision. Returns what was done, as JSON, for `revert` and the notices."""
        return {}

    def follow_up(self, actor: User, case: Case, decision: Decision, params: Params) -> None:
        """What needs the decision to be there: called once it is."""

    def revert(self, actor: User, case: Case, decision: Decision, *, note: str) -> None:
        """Undo it, but for what another decision in force did too or others have changed since."""

    # --- What the author reads --------------------------------------------------------------------------------------

    def took_effect(self, done: Mapping[str, Any]) -> bool:
        """Whether the author is notified of it, by what was done: what somebody else had done before is no news."""
        return True

    def author_notice(self, case: Case, target: Any, *, text: str, until: str) -> Notice | None:
        """What the author reads, with `text` by the moderator; `until` is the end of a suspension, in ISO form."""
        return None


def impossible(sentence: str) -> Invalid:
    """The error for an outcome that cannot be."""
    return Invalid("outcome-impossible", sentence, field="outcome")
