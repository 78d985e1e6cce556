"""The rows and versions behind the result of a check: which block, who removed it, since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.db.models import Model, Q
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from apps.audit.history import history_of
from apps.chat.models import Membership, Message
from apps.connections.models import Connection
from apps.notifications.models import Kind
from apps.stories.models import Story
from apps.support.delivery import Delivery, DueNotification, last_connected_at
from apps.users.models import Block, User
from apps.visibility.snapshot import Snapshot

VERSIONS = 200
"""How many versions back a change is looked for."""
LATEST = 5
"""How many notifications are named, the latest ones."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One sentence, with the row that it is about and the version that is the reason, if any."""

    sentence: str
    row: Model | None = None
    at: datetime | None = None
    version: Any = None
    """A row of the history: who, when, why."""


def of_account(code: str, person: User, snapshot: Snapshot) -> list[Evidence]:
    """How the account was deactivated, suspended or verified."""
    field = {"signed_in": "is_active", "standing": "suspended_until", "verified": "identity_verified"}[code]
    evidence = []
    if code == "signed_in" and person.is_staff:
        evidence.append(Evidence(_("It is a staff account; these can sign in to the console only.")))
    if code == "standing" and person.suspended_until:
        evidence.append(Evidence(_("Suspended until %(time)s.") % {"time": when(person.suspended_until)}))
    return [*evidence, *_last_change(User, person.pk, field, snapshot)]


def of_absence(model: type[Model], row_id: int, snapshot: Snapshot) -> list[Evidence]:
    """How a row that does not exist was deleted, or when it was created later."""
    history = getattr(model, "history", None)
    if history is None:
        return []
    known = history.filter(id=row_id)
    last = known.filter(history_date__lte=snapshot.now).order_by("-history_date", "-history_id").first()
    if last is not None and last.history_type == "-":
        return [_version_evidence(_("Deleted"), last)]
    first = known.order_by("history_date", "history_id").first()
    if first is not None:
        return [_version_evidence(_("Created later"), first)]
    return [Evidence(_("No history: there was never one with this ID."))]


def evidence_for_check(code: str, viewer: User, row: Any, snapshot: Snapshot) -> list[Evidence]:
    """The evidence for the result of a check, passed or failed."""
    if code == "unblocked":
        return _blocks(viewer, row, snapshot)
    if code == "audience":
        return _audience(viewer, row, snapshot)
    if code == "lasting":
        over = row.expires_at <= snapshot.now
        sentence = _("Expired at %(time)s.") if over else _("Expires at %(time)s.")
        return [Evidence(sentence % {"time": when(row.expires_at)}, at=row.expires_at)]
    if code == "direction":
        names = _names(snapshot, [row.sender_id, row.receiver_id])
        sent = _("%(one)s sent the request to %(other)s.") % {
            "one": names[row.sender_id],
            "other": names[row.receiver_id],
        }
        return [Evidence(sent, row, row.created_at)]
    if code == "recipient":
        name = _names(snapshot, [row.recipient_id])[row.recipient_id]
        return [Evidence(_("Sent to %(name)s.") % {"name": name}, row, row.created_at)]
    if code == "member":
        members = snapshot.of(Membership).filter(room_id=row.room_id).values_list("user_id", flat=True)
        names = _names(snapshot, list(members))
        return [Evidence(_("Members of the chat: %(names)s.") % {"names": ", ".join(sorted(names.values()))})]
    if code == "active":
        return _last_change(User, _owner_id(row), "is_active", snapshot)
    field = {"kept": "removed_at", "kept_by_author": "deleted_at"}.get(code)
    return _last_change(type(row), row.id, field, snapshot) if field else []


def remarks(model: type[Model], viewer: User, row_id: int, snapshot: Snapshot) -> list[Evidence]:
    """What does not decide visibility, but explains what is seen: state, place in lists, omissions."""
    row = snapshot.of(model).filter(id=row_id).first()
    if isinstance(row, Connection):
        if viewer.pk not in (row.sender_id, row.receiver_id):
            return [_connection_state(row)]
        tab = _("sent") if row.sender_id == viewer.pk else _("received")
        listed = _("The app lists it under “%(tab)s”, in the state “%(state)s”.")
        return [Evidence(listed % {"tab": tab, "state": row.get_status_display()}, row), _connection_state(row)]
    if isinstance(row, Story) and row.expires_at > snapshot.now:
        return [Evidence(_("Its 24 hours run until %(time)s.") % {"time": when(row.expires_at)})]
    if isinstance(row, Story) and row.author_id == viewer.pk and row.removed_at is None:
        return [Evidence(_("Its author finds it among their expired stories."))]
    if isinstance(row, Message) and row.removed_at and row.removed_at <= snapshot.now:
        return [Evidence(_("Staff removed it: it is shown in its place, without its text."), row, row.removed_at)]
    return []


def of_notification(delivery: Delivery, snapshot: Snapshot) -> list[Evidence]:
    """The notifications that were sent, or those that ought to have been."""
    if delivery.notified is False:
        missing = [due for due in delivery.due if due.kind not in {sent.kind for sent in delivery.sent}]
        return [each for due in missing for each in _of_due(due, snapshot)]
    return [
        Evidence(
            _("Notified at %(time)s: %(text)s") % {"time": when(sent.created_at), "text": sent.text},
            sent,
            sent.created_at,
        )
        for sent in delivery.sent[-LATEST:]
    ]


def of_reading(delivery: Delivery, viewer: User, snapshot: Snapshot) -> list[Evidence]:
    """When it was read; or since when an app of the viewer could have shown it."""
    read = [(sent, sent.read_at) for sent in delivery.sent if sent.read_at and sent.read_at <= snapshot.now]
    if read:
        return [Evidence(_("Read at %(time)s.") % {"time": when(time)}, sent, time) for sent, time in read[-LATEST:]]
    evidence = [Evidence(_("Not read yet. The app lists it, and shows it at once while open."))]
    if delivery.sent and (last := last_connected_at(viewer, snapshot)):
        said = _("Their app last connected at %(time)s, after that.")
        if last < delivery.sent[-1].created_at:
            said = _("Their app last connected at %(time)s, before that.")
        evidence.append(Evidence(said % {"time": when(last)}, at=last))
    return evidence


def _of_due(due: DueNotification, snapshot: Snapshot) -> list[Evidence]:
    """A notification that ought to have been sent, and the change that it is about."""
    said = Evidence(_("No “%(kind)s” notification was sent to them.") % {"kind": Kind(due.kind).label}, due.row)
    changed = due.kind in (Kind.CONNECTION_ACCEPTED, Kind.EVENT_CANCELLED)
    row: Any = due.row
    if changed:
        return [said, *_last_change(type(row), row.id, "status", snapshot)]
    return [said, Evidence(_("DueNotification since %(time)s.") % {"time": when(row.created_at)}, at=row.created_at)]


def when(moment: datetime) -> str:
    return date_format(localtime(moment), "DATETIME_FORMAT")


def _connection_state(row: Connection) -> Evidence:
    if row.responded_at is None:
        return Evidence(_("Not answered yet."), row)
    return Evidence(_("Answered at %(time)s.") % {"time": when(row.responded_at)}, row, row.responded_at)


def _blocks(viewer: User, row: Any, snapshot: Snapshot) -> list[Evidence]:
    others = set(_parties(row, snapshot)) - {viewer.pk}
    mutual = Q(blocker_id=viewer.pk, blocked_id__in=others) | Q(blocked_id=viewer.pk, blocker_id__in=others)
    found = list(snapshot.of(Block).filter(mutual).order_by("id")[:10])
    names = _names(snapshot, [viewer.pk, *others])
    return [
        Evidence(
            _("%(one)s blocked %(other)s at %(time)s.")
            % {"one": names[block.blocker_id], "other": names[block.blocked_id], "time": when(block.created_at)},
            block,
            block.created_at,
        )
        for block in found
    ]


def _audience(viewer: User, story: Story, snapshot: Snapshot) -> list[Evidence]:
    if story.audience == Story.Audience.PUBLIC:
        return [Evidence(_("It is public."))]
    evidence = [Evidence(_("Its audience is the connections of its author."))]
    pair = Q(sender_id=viewer.pk, receiver_id=story.author_id) | Q(receiver_id=viewer.pk, sender_id=story.author_id)
    connection = snapshot.of(Connection).filter(pair).first()
    if connection is None:
        return [*evidence, Evidence(_("The two users are not connected."))]
    state = _("Their connection is “%(state)s”.") % {"state": connection.get_status_display()}
    return [*evidence, Evidence(state, connection, connection.responded_at or connection.created_at)]


def _parties(row: Any, snapshot: Snapshot) -> list[int]:
    if isinstance(row, Connection):
        return [row.sender_id, row.receiver_id]
    if isinstance(row, Message):
        return list(snapshot.of(Membership).filter(room_id=row.room_id).values_list("user_id", flat=True))
    return [_owner_id(row)]


def _owner_id(row: Any) -> int:
    if isinstance(row, User):
        return row.pk
    return int(getattr(row, "author_id", None) or row.host_id)


def _names(snapshot: Snapshot, ids: list[int]) -> dict[int, str]:
    known = dict(snapshot.of(User).filter(id__in=ids).values_list("id", "username"))
    return {person: known.get(person, f"#{person}") for person in ids}


def _last_change(model: type[Model], row_id: int, field: str, snapshot: Snapshot) -> list[Evidence]:
    """The version in which the field got its value; none where it has had it since creation."""
    versions = history_of(model).filter(id=row_id, history_date__lte=snapshot.now)
    versions = list(versions.select_related("history_user").order_by("-history_date", "-history_id")[:VERSIONS])
    for version, before in pairwise(versions):
        if getattr(version, field) != getattr(before, field):
            return [_version_evidence(_("Changed"), version)]
    return []


def _version_evidence(verb: str, version: Any) -> Evidence:
    name = version.history_user.username if version.history_user else _("the platform")
    said = _("%(verb)s by %(name)s at %(time)s") % {"verb": verb, "name": name, "time": when(version.history_date)}
    reason = version.sentence
    return Evidence(f"{said}: {reason}" if reason else f"{said}.", at=version.history_date, version=version)
