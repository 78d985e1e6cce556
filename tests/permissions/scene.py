"""The people and objects of the permission tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from typing import Any

from django.core.files.base import ContentFile
from django.utils import timezone
from PIL import Image

from apps.chat.models import Membership, Message, Room, direct_key
from apps.connections.models import Connection
from apps.events.models import Event
from apps.moderation.models import Case, Report, Strike
from apps.notifications.models import Kind, Notification
from apps.review.decisions.models import Decision
from apps.stories.models import Story
from apps.users.authentication.api_sessions import Tokens, begin
from apps.users.models import Block, Document, Passkey, Role, Session, User
from tests.people import alice, bob, carol, make_staff, make_user, newton


def small_png() -> bytes:
    out = BytesIO()
    Image.new("RGB", (8, 8), "teal").save(out, "PNG")
    return out.getvalue()


@dataclass
class Scene:
    people: dict[str, User]
    ids: dict[str, Any]
    tokens: dict[str, Tokens] = field(default_factory=dict)

    def tokens_of(self, name: str) -> Tokens:
        if name not in self.tokens:
            self.tokens[name] = begin(self.people[name])
        return self.tokens[name]

    def fill(self, template: Any, who: str) -> Any:
        """`template` with the names in braces filled in, as `who` would."""
        if isinstance(template, dict):
            return {key: self.fill(value, who) for key, value in template.items()}
        if not isinstance(template, str) or "{" not in template:
            return template
        person = self.people.get(who)
        if template in ("{refresh}", "{own_refresh}"):
            return self.tokens_of("carol" if template == "{refresh}" or person is None else who).refresh
        if template.startswith("{own_"):
            return getattr(person or self.people["carol"], template[5:-1])
        key = template[1:-1]
        return self.ids[key] if template == f"{{{key}}}" and key in self.ids else template.format(**self.ids)


def build() -> Scene:
    people = {
        "alice": alice(),
        "bob": bob(),
        "carol": carol(),
        "dave": make_user("dave"),
        "erin": make_user("erin", role=Role.BRAND),
        "newton": newton(),
        "sam": make_user("sam", suspended_until=timezone.now() + timedelta(days=2)),
        "vera": make_staff("vera"),
    }
    owner, friend, stranger = people["alice"], people["bob"], people["carol"]
    Block.objects.create(blocker=owner, blocked=people["dave"])
    now = timezone.now()
    accepted = Connection.objects.create(sender=owner, receiver=friend, status="accepted", responded_at=now)
    pending = Connection.objects.create(sender=owner, receiver=people["erin"])
    room = Room.objects.create(direct_key=direct_key(owner.pk, friend.pk), last_seq=1, last_message_at=now)
    for member in (owner, friend):
        Membership.objects.create(room=room, user=member)
    message = Message.objects.create(room=room, seq=1, sender=owner, text="Hello")

    def event(**fields: Any) -> Event:
        return Event.objects.create(
            host=owner, title="Opening", location="Berlin", date=now + timedelta(days=3), **fields
        )

    def story(**fields: Any) -> Story:
        row = Story(author=owner, media_type="image/png", size=70, sha256="0" * 64, caption="Hi", **fields)
        row.content_file.save("story.png", ContentFile(small_png()), save=False)
        row.save()
        return row

    document = Document(owner=owner, doc_type="identity", media_type="image/png", size=70, sha256="0" * 64)
    document.file.save("document.png", ContentFile(small_png()), save=False)
    document.save()
    rows = {
        "accepted": accepted,
        "pending": pending,
        "message": message,
        "event": event(),
        "removed_event": event(removed_at=now, removed_by=people["vera"]),
        "story": story(),
        "connections_story": story(audience="connections"),
        "expired_story": story(created_at=now - timedelta(days=2)),
        "removed_story": story(removed_at=now, removed_by=people["vera"]),
        "document": document,
        "notification": Notification.objects.create(recipient=owner, kind=Kind.NEW_FOLLOWER, text="Bob follows you."),
    }
    rows["report"] = Report.objects.create(
        reporter=stranger, kind="event", target_id=rows["event"].pk, author=owner, reason="spam"
    )
    case = Case.objects.create(kind="event", target_id=rows["removed_event"].pk, author=owner)
    rows["decision"] = decision = Decision.objects.create(
        verb="case.settled",
        actor=people["vera"],
        target_type="moderation.case",
        target_id=case.pk,
        subject=owner,
        told_at=now,
    )
    Strike.objects.create(
        person=owner, decision=decision, case=case, outcomes=["removed"], points=2, expires_at=now + timedelta(days=90)
    )
    ids: dict[str, Any] = {name: row.pk for name, row in rows.items()}
    ids |= {name: person.pk for name, person in people.items()}
    ids["room"] = room.name
    begin(owner)
    ids["session"] = Session.objects.get().pk
    ids["passkey"] = Passkey.objects.create(user=owner, name="Phone").pk
    return Scene(people, ids)
