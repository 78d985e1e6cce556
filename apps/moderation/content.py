"""What can be reported, and what moderation can do with each kind of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from apps.chat import permissions as chat
from apps.chat.models import Membership, Message
from apps.connections.models import Connection
from apps.events import permissions as events
from apps.events.models import Event
from apps.moderation.models import Report
from apps.stories import permissions as stories
from apps.stories.models import Story
from apps.users import permissions as users
from apps.users.models import Block, Follow, User
from apps.visibility.policy import PolicyFor
from apps.visibility.snapshot import LIVE, Live


@dataclass(frozen=True, slots=True)
class Reportable:
    """A kind of thing that can be reported."""

    model: type[Model]
    author: str
    """The attribute with the id of whoever answers for it."""
    policy: PolicyFor
    met: Callable[[User], Q]
    """Which of them a person could see before being blocked, so that a block is no shield against their report."""
    remove: str | None = None
    """The permission to take it down."""
    edit: str | None = None
    """The permission to put its words right."""
    words: tuple[str, ...] = ()
    """What it says of itself, field by field, as reporters see it; with dots where another row says it."""


class NoBlocks(Live):
    """The present as it would be if nobody had blocked anybody."""

    def of(self, model: type[Model]) -> QuerySet[Any]:
        return Block.objects.none() if model is Block else super().of(model)


def _met_person(viewer: User) -> Q:
    """Those with whom somebody shares a room, and where one of the two asked to connect or ever followed the other."""
    rooms = Membership.objects.filter(user=viewer).values("room")
    asked = Connection.objects.of(viewer.pk)
    followed = Follow.history.all()
    return (
        Q(id__in=Membership.objects.filter(room__in=rooms).values("user"))
        | Q(id__in=asked.values("sender"))
        | Q(id__in=asked.values("receiver"))
        | Q(id__in=followed.filter(follower=viewer.pk).values("followed"))
        | Q(id__in=followed.filter(followed=viewer.pk).values("follower"))
    )


def _made_before_block(author: str) -> Callable[[User], Q]:
    """What was there, in the lists too, when its author, a field, blocked the viewer."""

    def met(viewer: User) -> Q:
        blocked_before = Q(blocker=OuterRef(author), blocked=viewer, created_at__lte=OuterRef("created_at"))
        return Q(~Exists(Block.objects.filter(blocked_before)))

    return met


REPORTABLE = {
    Report.Kind.STORY: Reportable(
        Story,
        "author_id",
        stories.policy,
        _made_before_block("author"),
        remove=Report.Kind.STORY.remove_permission,
        words=("caption", "sha256"),
    ),
    Report.Kind.EVENT: Reportable(
        Event,
        "host_id",
        events.policy,
        _made_before_block("host"),
        remove=Report.Kind.EVENT.remove_permission,
        edit=Report.Kind.EVENT.edit_permission,
        words=("title", "description", "location"),
    ),
    Report.Kind.MESSAGE: Reportable(
        Message,
        "sender_id",
        chat.message_policy,
        lambda viewer: Q(id__isnull=False),  # all that were sent to a room of theirs
        remove=Report.Kind.MESSAGE.remove_permission,
        words=("text",),
    ),
    Report.Kind.USER: Reportable(
        User,
        "pk",
        users.directory_entry,
        _met_person,
        words=("username", "profile.bio", "profile.company_name", "profile.business_category"),
    ),
}


def reportable(viewer: User, kind: str) -> QuerySet[Any]:
    """What somebody may report: what they see, also of those whom they blocked; and, whoever blocked them, what they
    could see before."""
    thing = REPORTABLE[Report.Kind(kind)]
    blocked_by = Block.objects.filter(blocked=viewer).values("blocker")
    author = "id" if thing.author == "pk" else thing.author
    shown = LIVE.of(thing.model).filter(thing.policy(viewer, NoBlocks()).condition)
    return shown.filter(~Q(**{f"{author}__in": blocked_by}) | thing.met(viewer))


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
