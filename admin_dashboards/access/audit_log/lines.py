"""One line of the audit log, for its page and for a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from admin_dashboards.tables.history import Change
from apps.audit.actions import Action
from apps.audit.log import CHANGES, LineKey

CHANGE_LABELS: Mapping[str, str | Promise] = {
    "created": gettext_lazy("created"),
    "changed": gettext_lazy("changed"),
    "deleted": gettext_lazy("deleted"),
}


ON_OBJECTS = {
    *CHANGES,
    Action.VIEWED,
    Action.REVEALED,
    Action.CLAIMED,
    Action.RELEASED,
    Action.ESCALATED,
    Action.IMPERSONATED,
}
"""Actions after which the object comes without a sign between them, as in "vera viewed Document #5"."""


@dataclass(slots=True)
class Line:
    """One line, for a page and for a file."""

    key: LineKey
    at: datetime
    action: str
    """Its code."""
    label: str
    actor: str = ""
    object: str = ""
    person: str = ""
    """The user name of whom it concerns."""
    actor_link: str = ""
    object_link: str | SafeString = ""
    person_link: str | SafeString = ""
    """Empty where the person is named already, as the actor or with the object."""
    object_type: str = ""
    object_id: str = ""
    details: str = ""
    reason: str = ""
    request_id: str = ""
    address: str = ""
    changes: list[Change] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    """The fields whose values the viewer may not see."""

    @property
    def hidden_count(self) -> int:
        return len(self.hidden)

    @property
    def is_on_object(self) -> bool:
        return self.action in ON_OBJECTS
