"""Whether a user was notified of a target and has read it, by the notifications that exist.

It hides nothing: a viewer who was not notified may see the target all the same, and the other way round.
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
from apps.visibility.snapshot import LIVE, Snapshot


@dataclass(frozen=True, slots=True)
class DueNotification:
    """A notification that a user ought to get of a target, and the row that is the reason."""

    kind: Kind
    row: Model


@dataclass(slots=True)
class Delivery:
    """The notifications of one target to one user."""

    due: list[DueNotification] = field(default_factory=list)
    sent: list[Notification] = field(default_factory=list)
    """Oldest first."""

    @property
    def notified(self) -> bool | None:
        """Whether all that were due were sent, or any where none was due; None where none was due or sent."""
        if self.due:
            return {due.kind for due in self.due} <= {sent.kind for sent in self.sent}
        return True if self.sent else None

    def was_read(self, now: datetime) -> bool | None:
        """Whether the user has read any of them by `now`; None where none was sent."""
        return any(sent.read_at is not None and sent.read_at <= now for sent in self.sent) if self.sent else None


type Due = Iterator[tuple[int, DueNotification]]
"""Due notifications, each with the key of the row that it is about."""


def deliveries(model: type[Model], viewer: User, row_ids: Collection[int], snapshot: Snapshot) -> dict[int, Delivery]:
    """The notifications to `viewer` of each row. Of a notification: itself, where the viewer is its recipient."""
    found = {row_id: Delivery() for row_id in row_ids}
    theirs = snapshot.of(Notification).filter(recipient_id=viewer.pk)
    if model is Notification:
        for sent in theirs.filter(id__in=found):
            found[sent.pk].sent.append(sent)
        return found
    for sent in theirs.filter(target_kind=model._meta.model_name, target_id__in=found).order_by("created_at", "id"):
        found[sent.target_id].sent.append(sent)
    for row_id, due in DUE_NOTIFICATIONS[model](viewer, found, snapshot) if model in DUE_NOTIFICATIONS else ():
        found[row_id].due.append(due)
    return found


def last_connected_at(viewer: User, snapshot: Snapshot) -> datetime | None:
    """When an app of the viewer last connected; None as of an earlier time, of which that is not kept."""
    if snapshot is not LIVE:
        return None
    sessions = Session.objects.filter(user_id=viewer.pk, door=Session.EntryPoint.API)
    return sessions.order_by("-last_seen_at").values_list("last_seen_at", flat=True).first()


# --- The notifications that are due, as the services of the apps send them -------------------------------------------


def _of_connections(viewer: User, row_ids: Collection[int], snapshot: Snapshot) -> Due:
    for row in snapshot.of(Connection).filter(id__in=row_ids):
        if row.receiver_id == viewer.pk:
            yield row.id, DueNotification(Kind.CONNECTION_REQUEST, row)
        elif row.sender_id == viewer.pk and row.status == Connection.Status.ACCEPTED:
            yield row.id, DueNotification(Kind.CONNECTION_ACCEPTED, row)


def _of_events(viewer: User, row_ids: Collection[int], snapshot: Snapshot) -> Due:
    events = {event.id: event for event in snapshot.of(Event).filter(id__in=row_ids)}
    for part in snapshot.of(Participation).filter(event_id__in=events, user_id=viewer.pk):
        if part.status == Participation.Status.INVITED:
            yield part.event_id, DueNotification(Kind.EVENT_INVITATION, part)
        if events[part.event_id].status == Event.Status.CANCELLED:
            yield part.event_id, DueNotification(Kind.EVENT_CANCELLED, events[part.event_id])
    hosted = [event.id for event in events.values() if event.host_id == viewer.pk]
    coming = snapshot.of(Participation).filter(event_id__in=hosted).exclude(status=Participation.Status.INVITED)
    for part in coming.order_by("event_id", "id").distinct("event_id") if hosted else ():
        yield part.event_id, DueNotification(Kind.EVENT_JOINED, part)


def _of_users(viewer: User, row_ids: Collection[int], snapshot: Snapshot) -> Due:
    for row in snapshot.of(Follow).filter(follower_id__in=row_ids, followed_id=viewer.pk):
        yield row.follower_id, DueNotification(Kind.NEW_FOLLOWER, row)


DUE_NOTIFICATIONS: dict[type[Model], Callable[[User, Any, Snapshot], Due]] = {
    Connection: _of_connections,
    Event: _of_events,
    User: _of_users,
}
