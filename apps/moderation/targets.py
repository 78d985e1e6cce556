"""What can be reported, and what moderation can do with each kind of it."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from django.db.models import Model

from apps.chat.models import Message
from apps.events.models import Event
from apps.moderation.models import Report
from apps.stories.models import Story
from apps.users.models import User


@dataclass(frozen=True, slots=True)
class Reportable:
    """A kind of thing that can be reported."""

    model: type[Model]
    author: str
    """The attribute with the id of whoever answers for it."""
    remove: str | None = None
    """The permission to take it down."""
    edit: str | None = None
    """The permission to put its words right."""
    words: tuple[str, ...] = ()
    """What it says of itself, field by field, as reporters see it; with dots where another row says it."""


REPORTABLE = {
    Report.Kind.STORY: Reportable(Story, "author_id", "stories.delete_story", words=("caption", "sha256")),
    Report.Kind.EVENT: Reportable(
        Event, "host_id", "events.delete_event", "events.change_event", ("title", "description", "location")
    ),
    Report.Kind.MESSAGE: Reportable(Message, "sender_id", "chat.delete_message", words=("text",)),
    Report.Kind.USER: Reportable(
        User, "pk", words=("username", "profile.bio", "profile.company_name", "profile.business_category")
    ),
}


def target_of(kind: str, target_id: int, *, lock: bool = False) -> Any:
    """The reported thing, or None where it is gone."""
    rows = REPORTABLE[Report.Kind(kind)].model._default_manager.filter(pk=target_id)
    return (rows.select_for_update(of=("self",)) if lock else rows).first()


def words_of(kind: str, target: Any) -> dict[str, str]:
    """What the thing says just now, by the names of its fields; those that are empty are left out."""
    words = {path.rpartition(".")[2]: str(attrgetter(path)(target)) for path in REPORTABLE[Report.Kind(kind)].words}
    return {name: said for name, said in words.items() if said}


def named(kind: str, target: Any) -> dict[str, str]:
    """The thing as messages to whoever it belongs to name it: "your …"."""
    return {"thing": kind, "title": target.title} if isinstance(target, Event) else {"thing": kind}
