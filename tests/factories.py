"""Content, documents, reports and decisions of the cast, as rows of the database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.utils import timezone

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.chat.models import Membership, Message, Room, direct_key
from apps.connections.models import Connection
from apps.events.models import Event
from apps.moderation.models import Case, Report
from apps.moderation.reporting import report as send_report
from apps.notifications.models import Kind, Notification
from apps.stories.models import Story
from apps.users.models import BlindCheck, Document, QualityShare, User
from apps.users.verification.review import review_document
from tests import people
from tests.drawn import mp4, picture, upload

# One white pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108020000009077"
    "53de0000000c49444154789c63f8ffff3f0005fe02fe0def46b80000000049454e44ae426082"
)


def make_story(author: User, caption: str = "Sunrise", *, hours_old: float = 0, **given: Any) -> Story:
    given = {"media_type": "image/png"} | given
    story = Story(
        author=author,
        caption=caption,
        content_file=ContentFile(PNG, "sunrise.png"),
        size=len(PNG),
        sha256="0" * 64,
        created_at=timezone.now() - timedelta(hours=hours_old),
        **given,
    )
    return save_as(author, story, action=Action.STORY_POSTED)


def make_video_story(author: User) -> Story:
    """A story with a video of 1,000 bytes."""
    content = upload(mp4(size=1000), "video.mp4")
    return Story.objects.create(author=author, content_file=content, media_type="video/mp4", size=1000, sha256="")


def make_event(host: User, title: str = "Launch Party", *, in_hours: float = 24, **given: Any) -> Event:
    date = timezone.now() + timedelta(hours=in_hours)
    given = {"location": "Zoom", "description": "Come one, come all."} | given
    return save_as(host, Event(host=host, title=title, date=date, **given), action=Action.EVENT_CREATED)


def make_message(sender: User, receiver: User, text: str = "See you at eight", **given: Any) -> Message:
    room, made = Room.objects.get_or_create(direct_key=direct_key(sender.pk, receiver.pk))
    if made:
        for person in (sender, receiver):
            save_as(sender, Membership(room=room, user=person), action=Action.ROOM_OPENED)
    room.last_seq += 1
    room.save()
    return save_as(
        sender, Message(room=room, seq=room.last_seq, sender=sender, text=text, **given), action=Action.MESSAGE_SENT
    )


def make_report(reporter: User, kind: str, target: Any, author: User, **given: Any) -> Report:
    given = {"reason": Report.Reason.SPAM} | given
    report = Report(reporter=reporter, kind=kind, target_id=target.pk, author=author, **given)
    return save_as(reporter, report, action=Action.REPORTED)


def make_connection(sender: User, receiver: User, **given: Any) -> Connection:
    return save_as(sender, Connection(sender=sender, receiver=receiver, **given), action=Action.CONNECTION_REQUESTED)


def make_notification(recipient: User, text: str = "bob wants to connect", **given: Any) -> Notification:
    given = {"kind": Kind.CONNECTION_REQUEST} | given
    return Notification.objects.create(recipient=recipient, text=text, **given)


def make_case(reporter: User, kind: str, target: Any, reason: str = "spam", note: str = "") -> Case:
    """The open case that a report by `reporter` has made or joined."""
    made = send_report(reporter, kind=kind, target_id=target.pk, reason=reason, note=note)
    assert made.case is not None
    return made.case


def make_document(owner: User, content: bytes = b"", media_type: str = "image/png", **given: Any) -> Document:
    content = content or picture(size=(400, 300))
    document = Document(
        owner=owner,
        doc_type=given.pop("doc_type", "identity"),
        file=ContentFile(content, "document"),
        media_type=media_type,
        size=len(content),
        sha256="a" * 64,
        **given,
    )
    return save_as(owner, document, action=Action.DOCUMENT_SUBMITTED)


def make_documents(count: int) -> list[Document]:
    """One pending document each of so many new users."""
    return [make_document(people.make_user(f"person{number}", verified=False)) for number in range(count)]


def make_blind_check(officer: User, verdict: str = "approved", reason: str = "", name: str = "newton") -> BlindCheck:
    """A blind check of a decision that `officer` took on a document of a new user of that name."""
    QualityShare.objects.get_or_create(percent=100)
    document = make_document(people.make_user(name, verified=False))
    review_document(officer, document.pk, verdict=verdict, reason=reason)
    return BlindCheck.objects.get(document=document)
