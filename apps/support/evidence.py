"""The rows and versions behind an answer of the ladder: which block, who removed it, since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.db.models import Model, Q
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from apps.chat.models import Membership, Message
from apps.connections.models import Connection
from apps.notifications.models import Kind
from apps.stories.models import Story
from apps.support.delivery import Due, Telling, last_in_touch
from apps.users.models import Block, User
from apps.visibility.policy import World

VERSIONS = 200
"""How far back in a thing's history a change is looked for."""
TOLD = 5
"""How many notifications are named, the latest ones."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One sentence, with the row that it is about and the version that made it so, where there is one."""

    sentence: str
    row: Model | None = None
    at: datetime | None = None
    version: Any = None
    """A row of the history: who, when, why."""


def of_account(code: str, person: User, world: World) -> list[Fact]:
    """How the account came to be signed off, suspended, verified."""
    field = {"signed_in": "is_active", "standing": "suspended_until", "verified": "identity_verified"}[code]
    facts = []
    if code == "signed_in" and person.is_staff:
        facts.append(Fact(_("It is a staff account; these can sign in to the console only.")))
    if code == "standing" and person.suspended_until:
        facts.append(Fact(_("Suspended until %(time)s.") % {"time": when(person.suspended_until)}))
    return [*facts, *_turned(User, person.pk, field, world)]


def of_absence(model: type[Model], row_id: int, world: World) -> list[Fact]:
    """What became of a row that is not there."""
    history = getattr(model, "history", None)
    if history is None:
        return []
    known = history.filter(id=row_id)
    last = known.filter(history_date__lte=world.now).order_by("-history_date", "-history_id").first()
    if last is not None and last.history_type == "-":
        return [_version_fact(_("Deleted"), last)]
    first = known.order_by("history_date", "history_id").first()
    if first is not None:
        return [_version_fact(_("Created later"), first)]
    return [Fact(_("No history: there was never one with this ID."))]


def facts_behind(code: str, viewer: User, row: Any, world: World) -> list[Fact]:
    """What made a check come out as it did, passed or failed."""
    if code == "unblocked":
        return _blocks(viewer, row, world)
    if code == "audience":
        return _audience(viewer, row, world)
    if code == "lasting":
        over = row.expires_at <= world.now
        sentence = _("Expired at %(time)s.") if over else _("Expires at %(time)s.")
        return [Fact(sentence % {"time": when(row.expires_at)}, at=row.expires_at)]
    if code == "direction":
        names = _names(world, [row.sender_id, row.receiver_id])
        sent = _("%(one)s sent the request to %(other)s.") % {
            "one": names[row.sender_id],
            "other": names[row.receiver_id],
        }
        return [Fact(sent, row, row.created_at)]
    if code == "recipient":
        name = _names(world, [row.recipient_id])[row.recipient_id]
        return [Fact(_("Sent to %(name)s.") % {"name": name}, row, row.created_at)]
    if code == "member":
        members = world.of(Membership).filter(room_id=row.room_id).values_list("user_id", flat=True)
        names = _names(world, list(members))
        return [Fact(_("Members of the chat: %(names)s.") % {"names": ", ".join(sorted(names.values()))})]
    if code == "active":
        return _turned(User, _owner_id(row), "is_active", world)
    field = {"kept": "removed_at", "kept_by_author": "deleted_at"}.get(code)
    return _turned(type(row), row.id, field, world) if field else []


def remarks(model: type[Model], viewer: User, row_id: int, world: World) -> list[Fact]:
    """What does not decide whether it is seen, yet what: its state, where it is listed, what is left out."""
    row = world.of(model).filter(id=row_id).first()
    if isinstance(row, Connection):
        if viewer.pk not in (row.sender_id, row.receiver_id):
            return [_connection_state(row)]
        tab = _("sent") if row.sender_id == viewer.pk else _("received")
        listed = _("The app lists it under “%(tab)s”, in the state “%(state)s”.")
        return [Fact(listed % {"tab": tab, "state": row.get_status_display()}, row), _connection_state(row)]
    if isinstance(row, Story) and row.expires_at > world.now:
        return [Fact(_("Its 24 hours run until %(time)s.") % {"time": when(row.expires_at)})]
    if isinstance(row, Story) and row.author_id == viewer.pk and row.removed_at is None:
        return [Fact(_("Its author finds it among their expired stories."))]
    if isinstance(row, Message) and row.removed_at and row.removed_at <= world.now:
        return [Fact(_("Staff removed it: it is shown in its place, without its text."), row, row.removed_at)]
    return []


def of_telling(telling: Telling, world: World) -> list[Fact]:
    """What was told, or ought to have been."""
    if telling.told is False:
        missing = [due for due in telling.due if due.kind not in {sent.kind for sent in telling.sent}]
        return [fact for due in missing for fact in _of_due(due, world)]
    return [
        Fact(
            _("Notified at %(time)s: %(text)s") % {"time": when(sent.created_at), "text": sent.text},
            sent,
            sent.created_at,
        )
        for sent in telling.sent[-TOLD:]
    ]


def of_delivery(telling: Telling, viewer: User, world: World) -> list[Fact]:
    """When it was read; or since when an app of theirs could have shown it."""
    read = [(sent, sent.read_at) for sent in telling.sent if sent.read_at and sent.read_at <= world.now]
    if read:
        return [Fact(_("Read at %(time)s.") % {"time": when(time)}, sent, time) for sent, time in read[-TOLD:]]
    facts = [Fact(_("Not read yet. The app lists it, and shows it at once while open."))]
    if telling.sent and (last := last_in_touch(viewer, world)):
        said = _("Their app last connected at %(time)s, after that.")
        if last < telling.sent[-1].created_at:
            said = _("Their app last connected at %(time)s, before that.")
        facts.append(Fact(said % {"time": when(last)}, at=last))
    return facts


def _of_due(due: Due, world: World) -> list[Fact]:
    """What they ought to have been told, and the change that it was about."""
    said = Fact(_("No “%(kind)s” notification was sent to them.") % {"kind": Kind(due.kind).label}, due.row)
    changed = due.kind in (Kind.CONNECTION_ACCEPTED, Kind.EVENT_CANCELLED)
    row: Any = due.row
    if changed:
        return [said, *_turned(type(row), row.id, "status", world)]
    return [said, Fact(_("Due since %(time)s.") % {"time": when(row.created_at)}, at=row.created_at)]


def when(moment: datetime) -> str:
    return date_format(localtime(moment), "DATETIME_FORMAT")


def _connection_state(row: Connection) -> Fact:
    if row.responded_at is None:
        return Fact(_("Not answered yet."), row)
    return Fact(_("Answered at %(time)s.") % {"time": when(row.responded_at)}, row, row.responded_at)


def _blocks(viewer: User, row: Any, world: World) -> list[Fact]:
    others = set(_parties(row, world)) - {viewer.pk}
    mutual = Q(blocker_id=viewer.pk, blocked_id__in=others) | Q(blocked_id=viewer.pk, blocker_id__in=others)
    found = list(world.of(Block).filter(mutual).order_by("id")[:10])
    names = _names(world, [viewer.pk, *others])
    return [
        Fact(
            _("%(one)s blocked %(other)s at %(time)s.")
            % {"one": names[block.blocker_id], "other": names[block.blocked_id], "time": when(block.created_at)},
            block,
            block.created_at,
        )
        for block in found
    ]


def _audience(viewer: User, story: Story, world: World) -> list[Fact]:
    if story.audience == Story.Audience.PUBLIC:
        return [Fact(_("It is public."))]
    facts = [Fact(_("Its audience is the connections of its author."))]
    pair = Q(sender_id=viewer.pk, receiver_id=story.author_id) | Q(receiver_id=viewer.pk, sender_id=story.author_id)
    connection = world.of(Connection).filter(pair).first()
    if connection is None:
        return [*facts, Fact(_("The two users are not connected."))]
    state = _("Their connection is “%(state)s”.") % {"state": connection.get_status_display()}
    return [*facts, Fact(state, connection, connection.responded_at or connection.created_at)]


def _parties(row: Any, world: World) -> list[int]:
    if isinstance(row, Connection):
        return [row.sender_id, row.receiver_id]
    if isinstance(row, Message):
        return list(world.of(Membership).filter(room_id=row.room_id).values_list("user_id", flat=True))
    return [_owner_id(row)]


def _owner_id(row: Any) -> int:
    if isinstance(row, User):
        return row.pk
    return int(getattr(row, "author_id", None) or row.host_id)


def _names(world: World, ids: list[int]) -> dict[int, str]:
    known = dict(world.of(User).filter(id__in=ids).values_list("id", "username"))
    return {person: known.get(person, f"#{person}") for person in ids}


def _turned(model: type[Model], row_id: int, field: str, world: World) -> list[Fact]:
    """The version in which the field took the value that it had; none where it has had it from the beginning."""
    versions = model.history.filter(id=row_id, history_date__lte=world.now)  # type: ignore[attr-defined]
    versions = list(versions.select_related("history_user").order_by("-history_date", "-history_id")[:VERSIONS])
    for version, before in pairwise(versions):
        if getattr(version, field) != getattr(before, field):
            return [_version_fact(_("Changed"), version)]
    return []


def _version_fact(verb: str, version: Any) -> Fact:
    name = version.history_user.username if version.history_user else _("the platform")
    said = _("%(verb)s by %(name)s at %(time)s") % {"verb": verb, "name": name, "time": when(version.history_date)}
    reason = version.sentence
    return Fact(f"{said}: {reason}" if reason else f"{said}.", at=version.history_date, version=version)
