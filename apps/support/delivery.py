"""Whether somebody was told of a thing, and whether it reached them, by the notifications that there are.

It bars nobody from anything: who was not told may see the thing all the same, and the other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Model

from apps.connections.models import Connection
from apps.events.models import Event, Participation
from apps.notifications.models import Kind, Notification
from apps.users.models import Follow, Session, User
from apps.visibility.policy import PRESENT, World


@dataclass(frozen=True, slots=True)
class Due:
    """What somebody has to be told of a thing, and the row that made it so."""

    kind: Kind
    row: Model


@dataclass(slots=True)
class Telling:
    """Of one thing and one person."""

    due: list[Due] = field(default_factory=list)
    sent: list[Notification] = field(default_factory=list)
    """Oldest first."""

    @property
    def told(self) -> bool | None:
        """Whether all that was due was told, or something where nothing was; None where there is nothing to tell."""
        if self.due:
            return {due.kind for due in self.due} <= {sent.kind for sent in self.sent}
        return True if self.sent else None

    def delivered(self, now: datetime) -> bool | None:
        """Whether they have read any of it; None where nothing was sent."""
        return any(sent.read_at is not None and sent.read_at <= now for sent in self.sent) if self.sent else None


def tellings(model: type[Model], viewer: User, row_ids: Collection[int], world: World) -> dict[int, Telling]:
    """What `viewer` was told of each of these rows. Of a notification: whether it is itself one that they got."""
    found = {number: Telling() for number in row_ids}
    theirs = world.of(Notification).filter(recipient_id=viewer.pk)
    if model is Notification:
        for sent in theirs.filter(id__in=found):
            found[sent.pk].sent.append(sent)
        return found
    for sent in theirs.filter(target_kind=model._meta.model_name, target_id__in=found).order_by("created_at", "id"):
        found[sent.target_id].sent.append(sent)
    for number, due in DUES[model](viewer, found, world) if model in DUES else ():
        found[number].due.append(due)
    return found


def last_in_touch(viewer: User, world: World) -> datetime | None:
    """When an app of theirs last spoke to the platform; of an earlier time it is not known any more."""
    if world is not PRESENT:
        return None
    sessions = Session.objects.filter(user_id=viewer.pk, door=Session.Door.API)
    return sessions.order_by("-last_seen_at").values_list("last_seen_at", flat=True).first()


# --- What has to be told, as the services of the apps tell it --------------------------------------------------------


def _of_connections(viewer: User, numbers: Collection[int], world: World) -> Iterator[tuple[int, Due]]:
    for row in world.of(Connection).filter(id__in=numbers):
        if row.receiver_id == viewer.pk:
            yield row.id, Due(Kind.CONNECTION_REQUEST, row)
        elif row.sender_id == viewer.pk and row.status == Connection.Status.ACCEPTED:
            yield row.id, Due(Kind.CONNECTION_ACCEPTED, row)


def _of_events(viewer: User, numbers: Collection[int], world: World) -> Iterator[tuple[int, Due]]:
    events = {event.id: event for event in world.of(Event).filter(id__in=numbers)}
    for part in world.of(Participation).filter(event_id__in=events, user_id=viewer.pk):
        if part.status == Participation.Status.INVITED:
            yield part.event_id, Due(Kind.EVENT_INVITATION, part)
        if events[part.event_id].status == Event.Status.CANCELLED:
            yield part.event_id, Due(Kind.EVENT_CANCELLED, events[part.event_id])
    hosted = [event.id for event in events.values() if event.host_id == viewer.pk]
    coming = world.of(Participation).filter(event_id__in=hosted).exclude(status=Participation.Status.INVITED)
    for part in coming.order_by("event_id", "id").distinct("event_id") if hosted else ():
        yield part.event_id, Due(Kind.EVENT_JOINED, part)


def _of_people(viewer: User, numbers: Collection[int], world: World) -> Iterator[tuple[int, Due]]:
    for row in world.of(Follow).filter(follower_id__in=numbers, followed_id=viewer.pk):
        yield row.follower_id, Due(Kind.NEW_FOLLOWER, row)


DUES: dict[type[Model], Callable[[User, Any, World], Iterator[tuple[int, Due]]]] = {
    Connection: _of_connections,
    Event: _of_events,
    User: _of_people,
}
