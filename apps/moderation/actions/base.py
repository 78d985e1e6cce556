"""What an outcome of a case is: one class each, with all that depends on the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

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
    """One outcome of a case: what it requires, what it does, how that is undone, and what the author reads.

    Registered with `@register`; the desk, the table of reports, strikes, notices and undo ask the registry.
    """

    code: ClassVar[str]
    """As stored and as the API calls it; it never changes."""
    label: ClassVar[str | Promise]
    """The result, as in "Removed"."""
    choice: ClassVar[str | Promise]
    """What the moderator chooses, as in "Remove"."""
    severity: ClassVar[int]
    """The more severe, the higher: reporters read of the most severe outcome."""
    strike: ClassVar[StrikeRule | None] = None
    asks: ClassVar[tuple[Literal["until", "edits"], ...]] = ()
    """The fields of `Params` that it needs: the form of the desk asks for them."""
    shortcut: ClassVar[str] = ""
    """The key of the desk that decides so, where the outcome has a button of its own, and for many cases at once."""
    bulk_choice: ClassVar[str | Promise] = ""
    """What the moderator chooses for many cases at once; empty where it is only chosen case by case."""
    notifies_author: ClassVar[bool] = True
    """Whether the author is notified, with a message by the moderator."""
    is_exclusive: ClassVar[bool] = False
    """Whether it cannot be combined with another."""
    is_extra: ClassVar[bool] = True
    """Whether the desk offers it as an action to select, rather than as a button of its own."""
    position: ClassVar[int] = 9
    """Its place among the actions to select."""
    is_about_author: ClassVar[bool] = False
    """Whether its permission is about the author, rather than the content."""

    # --- What it requires -------------------------------------------------------------------------------------------

    def why_impossible(self, kind: str) -> str:
        """Why it cannot be done to content of this kind; empty where it can."""
        return ""

    def permission(self, kind: str) -> str | None:
        """The permission that it requires, beside that of deciding cases."""
        return None

    def permission_on(self, item: Report | Case, target: Model | None) -> Model | None:
        """The object that the permission is about."""
        return item.author if self.is_about_author else target

    def needs_target(self) -> bool:
        """Whether the content must still exist."""
        return False

    # --- What it does -----------------------------------------------------------------------------------------------

    def apply(self, actor: User, case: Case, params: Params) -> dict[str, Any]:
        """Do it, in the transaction of the decision. Returns what it changed, as JSON, for `revert` and notices."""
        return {}

    def planned(self, case: Case, params: Params) -> dict[str, Any]:
        """What `apply` would return, as far as `author_notice` reads it: for previews."""
        return {}

    def follow_up(self, actor: User, case: Case, decision: Decision, params: Params) -> None:
        """What refers to the decision: called once that exists."""

    def revert(self, actor: User, case: Case, decision: Decision, *, note: str) -> None:
        """Undo it, except what another decision in force did too and what was changed since."""

    # --- What the author reads --------------------------------------------------------------------------------------

    def took_effect(self, done: Mapping[str, Any]) -> bool:
        """Whether the author is notified of it, by what `apply` returned: not of what was the case before."""
        return True

    def author_notice(self, case: Case, target: Any, *, text: str, done: Mapping[str, Any]) -> Notice | None:
        """What the author reads, with `text` by the moderator. `done`: what `apply` returned, or `planned`."""
        return None


def impossible(sentence: str) -> Invalid:
    """The error for an outcome that cannot be."""
    return Invalid("outcome-impossible", sentence, field="outcome")
