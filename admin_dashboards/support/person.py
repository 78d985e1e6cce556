"""What support needs to know of one user, by section, in a fixed number of queries."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from django.db.models import F, Model, Prefetch, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from admin_dashboards.devices import device_of
from admin_dashboards.links import link_to
from admin_dashboards.states import (
    account_state,
    connection_state,
    document_state,
    event_state,
    label,
    message_state,
    story_state,
    verification_state,
)
from admin_dashboards.support.lines import LATEST, Line, Section
from admin_dashboards.support.privacy import erasure_and_holds
from apps.chat.models import Membership, Message
from apps.connections.models import Connection
from apps.events.models import Event, Participation
from apps.moderation.models import Strike
from apps.notifications.models import Notification
from apps.stories.models import Story
from apps.support import refused_calls
from apps.users.models import Block, Document, Session, User

MESSAGES = 4
"""How many of a room's last messages."""


def sections(person: User) -> list[Section]:
    return [
        _connections(person),
        _notifications(person),
        _rooms(person),
        _stories(person),
        _events(person),
        _documents(person),
        _sessions(person),
        _refused(person),
        _strikes(person),
        _blocks(person),
        erasure_and_holds(person),
    ]


def _why(viewer: User, kind: str, obj: Model) -> str:
    """The address of the page that explains whether `viewer` sees the object."""
    return reverse("admin:desk_support_why", args=[viewer.pk, kind, obj.pk])


def _connections(person: User) -> Section:
    rows = Connection.objects.of(person.pk).with_people().newest_first()[:LATEST]
    lines = []
    for row in rows:
        text = _("to %(name)s") if row.sender_id == person.pk else _("from %(name)s")
        other = row.receiver if row.sender_id == person.pk else row.sender
        lines.append(
            Line(
                text=text % {"name": other.username},
                state=connection_state(row),
                at=row.responded_at or row.created_at,
                why=_why(person, "connection", row),
            )
        )
    return Section("connections", _("Connections"), "handshake", lines, _("No connections."))


def _notifications(person: User) -> Section:
    rows = Notification.objects.filter(recipient=person).newest_first()[:LATEST]
    lines = [
        Line(
            text=row.text,
            state=label("drafts", _("Read")) if row.is_read else label("mail", _("Unread"), "wait"),
            at=row.created_at,
            why=_why(person, "notification", row),
        )
        for row in rows
    ]
    return Section("notifications", _("Notifications"), "notifications", lines, _("No notifications."))


def _rooms(person: User) -> Section:
    """The members and times of chats, without texts."""
    rooms = list(
        Membership.objects.filter(user=person)
        .select_related("room")
        .prefetch_related(Prefetch("room__memberships", Membership.objects.select_related("user")))
        .order_by(F("room__last_message_at").desc(nulls_last=True), "-id")[:LATEST]
    )
    # By their numbers: with those of the rooms in the query, all messages of a long one would be read.
    last = [Q(room=own.room_id, seq__gt=own.room.last_seq - MESSAGES) for own in rooms]
    found = Message.objects.filter(reduce(or_, last, Q(pk__in=[]))).select_related("sender").defer("text")
    of_room: dict[int, list[Message]] = {}
    for message in found.order_by("-seq"):
        of_room.setdefault(message.room_id, []).append(message)
    lines = []
    for own in rooms:
        others = [other.user.username for other in own.room.memberships.all() if other.user_id != person.pk]
        unread = own.room.last_seq - own.read_up_to
        lines.append(
            Line(
                text=_("with %(names)s") % {"names": ", ".join(others)},
                state=label("mark_chat_unread", ngettext("%d unread", "%d unread", unread) % unread, "wait")
                if unread > 0
                else label("done_all", _("All read")),
                at=own.room.last_message_at,
                lines=[_message(person, message) for message in of_room.get(own.room_id, [])],
            )
        )
    return Section("rooms", _("Chats"), "chat", lines, _("No chats."))


def _message(person: User, message: Message) -> Line:
    return Line(
        text=_("#%(number)d by %(name)s") % {"number": message.seq, "name": message.sender.username},
        state=message_state(message) if message.removed_at else "",
        at=message.sent_at,
        why=_why(person, "message", message),
    )


def _stories(person: User) -> Section:
    lines = [line_of_story(person, story) for story in Story.objects.filter(author=person).newest_first()[:LATEST]]
    return Section("stories", _("Stories"), "web_stories", lines, _("No stories."))


def line_of_story(viewer: User, story: Story) -> Line:
    return Line(str(story), story_state(story), story.created_at, _why(viewer, "story", story))


def _events(person: User) -> Section:
    hosted = list(Event.objects.filter(host=person).order_by("-date", "-id")[:LATEST])
    joined = list(
        Participation.objects.filter(user=person).select_related("event").order_by("-created_at", "-id")[:LATEST]
    )
    lines = [
        Line(event.title, event_state(event, role=part), event.date, _why(person, "event", event))
        for event, part in [
            *((event, _("Host")) for event in hosted),
            *((row.event, row.get_status_display()) for row in joined),
        ]
    ]
    return Section("events", _("Events"), "event", lines, _("No events."))


def _documents(person: User) -> Section:
    lines = []
    for document in Document.objects.filter(owner=person).newest_first()[:LATEST]:
        at = document.decided_at or document.created_at
        lines.append(Line(link_to(document, str(document)), document_state(document, with_reason=True), at))
    return Section("documents", _("Verification"), "badge", lines, _("No documents."))


def _sessions(person: User) -> Section:
    lines = []
    for session in Session.objects.filter(user=person).order_by("-last_seen_at", "-id")[:LATEST]:
        if session.ended_at:
            state = label("logout", session.ended_because or _("Ended"))
        elif session.is_live:
            state = label("sensors", _("Active"), "good")
        else:
            state = label("schedule", _("Expired"))
        text = " · ".join(filter(None, [device_of(session.user_agent), session.address]))
        lines.append(Line(text, state, session.last_seen_at))
    return Section("sessions", _("Sessions"), "devices", lines, _("No sessions."))


def _refused(person: User) -> Section:
    calls = refused_calls.latest(person)
    lines = [
        Line(f"{call.method} {call.path}", label("block", f"{call.status} {call.code}", "bad"), call.at)
        for call in (calls or [])[: 2 * LATEST]
    ]
    empty = (
        _("Unknown: Redis/Valkey does not answer. Try again.") if calls is None else _("No denied requests recently.")
    )
    return Section("refused", _("Denied requests"), "do_not_disturb_on", lines, empty)


def _strikes(person: User) -> Section:
    lines = []
    for strike in Strike.objects.filter(person=person).order_by("-given_at", "-id")[:LATEST]:
        if strike.lifted_at:
            state = label("undo", _("Lifted"))
        elif strike.expires_at <= timezone.now():
            state = label("timer_off", _("Expired"))
        else:
            state = label("gavel", _("Active"), "bad")
        said = ", ".join(strike.outcomes)
        lines.append(
            Line(_("Case %(case)s: %(said)s") % {"case": strike.case_id, "said": said}, state, strike.given_at)
        )
    return Section("strikes", _("Strikes"), "gavel", lines, _("None."))


def _blocks(person: User) -> Section:
    """Blocks in both directions; the app shows a user only their own."""
    rows = (
        Block.objects.filter(Q(blocker=person) | Q(blocked=person))
        .select_related("blocker", "blocked")
        .order_by("-created_at", "-id")[:LATEST]
    )
    lines = [
        Line(
            _("blocked %(name)s") % {"name": row.blocked.username}
            if row.blocker_id == person.pk
            else _("was blocked by %(name)s") % {"name": row.blocker.username},
            at=row.created_at,
        )
        for row in rows
    ]
    return Section("blocks", _("Blocks"), "person_off", lines, _("No blocks."))


def of_other(viewer: User, other: User) -> list[Line]:
    """What can be asked about another user: their profile, stories, events, and the connection of the two."""
    lines = [
        Line(
            _("Profile of %(name)s") % {"name": other.username},
            account_state(other),
            why=_why(viewer, "profile", other),
        )
    ]
    connection = Connection.objects.between(viewer.pk, other.pk).with_people().first()
    if connection is not None:
        lines.append(
            Line(
                str(connection),
                connection_state(connection),
                connection.created_at,
                _why(viewer, "connection", connection),
            )
        )
    lines += [line_of_story(viewer, story) for story in Story.objects.filter(author=other).newest_first()[:LATEST]]
    hosted = Event.objects.filter(host=other).order_by("-date", "-id")[:LATEST]
    lines += [
        Line(event.title, event_state(event, role=_("Host")), event.date, _why(viewer, "event", event))
        for event in hosted
    ]
    return lines


def summary(person: User) -> dict[str, Any]:
    """The head of the page: the user and the state of the account."""
    profile = person.profile
    return {
        "role": person.get_role_display(),
        "account": account_state(person),
        "badge": verification_state(person),
        "suspended_until": person.suspended_until if person.is_suspended else None,
        "joined": person.date_joined,
        "company": " · ".join(filter(None, [profile.company_name, profile.business_category])),
        "bio": profile.bio,
    }
