"""A copy of all data of one user, for that user: requested, made by the worker, fetched, expired."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from typing import IO, Any
from uuid import UUID, uuid4
from zipfile import ZIP_DEFLATED, ZipFile

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from apps.audit.actions import Action
from apps.audit.services import record
from apps.chat.models import Membership, Message
from apps.connections.models import Connection
from apps.errors import Absent, Conflict
from apps.events.models import Event, Participation
from apps.infra.files.storage import discard
from apps.moderation.models import Appeal, Report, Strike, known_to_author
from apps.notifications.models import Notification
from apps.privacy.files import delete_later
from apps.privacy.models import DataExport
from apps.stories.models import Story
from apps.users.accounts.access_log import view_text, views_of
from apps.users.accounts.mails import mail_account_notice
from apps.users.models import Block, Document, Follow, Profile, Session, User
from apps.users.passwords import require_password

FOLDER = "data_exports"
ANEW_AFTER = timedelta(hours=24)
"""How soon after one copy the next is made."""
BATCH = 2000


@transaction.atomic
def request_copy(user: User, *, password: str) -> DataExport:
    """Have the worker make a copy of all data of the user. The same one while it is being made.

    Raises `Invalid` for a wrong password, `Conflict` within `ANEW_AFTER` of the last.
    """
    person = User.objects.select_for_update(of=("self",)).get(pk=user.pk)
    require_password(person, password, field="password")
    last = latest_of(person)
    if last is not None and last.status == DataExport.Status.PREPARING:
        return last
    if last is not None and last.created_at > timezone.now() - ANEW_AFTER:
        raise Conflict("already-requested", _("You can have one copy of your data in 24 hours."))
    copy = DataExport.objects.create(person=person)
    record(person, Action.DATA_EXPORT_REQUESTED, person)
    app.configure_task("privacy.make_copy", allow_unknown=False).defer(key=str(copy.pk))
    return copy


def latest_of(user: User) -> DataExport | None:
    return DataExport.objects.filter(person=user).order_by("-created_at").first()


def last_copy(user: User) -> DataExport:
    """The same. Raises `Absent` where none was requested."""
    copy = latest_of(user)
    if copy is None:
        raise nothing_to_fetch()
    return copy


def nothing_to_fetch() -> Absent:
    return Absent("not-found", _("There is no copy of your data to fetch. Request one."))


def ready_copy(user: User) -> DataExport:
    """The copy that the user can fetch now. Raises `Absent`."""
    copy = latest_of(user)
    if (
        copy is None
        or copy.status != DataExport.Status.READY
        or not copy.expires_at
        or copy.expires_at <= timezone.now()
    ):
        raise nothing_to_fetch()
    return copy


def expire_due() -> None:
    """Delete the files of copies whose time is over."""
    for key in DataExport.objects.filter(status="ready", expires_at__lte=timezone.now()).values_list("pk", flat=True):
        with transaction.atomic():
            copy = DataExport.objects.select_for_update(skip_locked=True).filter(pk=key, status="ready").first()
            if copy is not None:
                delete_later(copy.file)
                copy.expire()
                copy.save()


# --- The file --------------------------------------------------------------------------------------------------------


@app.task(name="privacy.make_copy", queue="files", retry=RetryStrategy(max_attempts=8, exponential_wait=4))
def make_copy(*, key: str) -> None:
    """Write the copy and offer it. Again is no trouble: one that is ready stays."""
    copy = DataExport.objects.select_related("person__profile").filter(pk=UUID(key), status="preparing").first()
    if copy is None:
        return
    if copy.file:  # of a worker that was killed
        default_storage.delete(copy.file)
    # Noted first: a file that no row names would never be deleted.
    name = f"{FOLDER}/{uuid4()}.zip"
    if not DataExport.objects.filter(pk=copy.pk, status="preparing", file=copy.file).update(file=name):
        return
    with tempfile.TemporaryFile() as made:
        _write(copy.person, made)
        size = made.tell()
        made.seek(0)
        default_storage.save(name, File(made))
    try:
        with transaction.atomic():
            # Erased meanwhile, or begun anew by another worker: then nobody would know of the file.
            copy = DataExport.objects.select_for_update(of=("self",)).get(pk=copy.pk, status="preparing", file=name)
            copy.offer(size)
            copy.save()
            mail_account_notice(copy.person, "data_export_ready")
    except BaseException:
        discard(name)
        raise


def _write(person: User, out: IO[bytes]) -> None:
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        for name, rows in _parts(person).items():
            with archive.open(f"{name}.json", "w", force_zip64=True) as part:
                _write_rows(rows, part)
        for name in _files(person):
            _add_file(archive, name)


def _write_rows(rows: Iterator[Any], part: IO[bytes]) -> None:
    part.write(b"[")
    for number, row in enumerate(rows):
        part.write((b",\n" if number else b"\n") + json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False).encode())
    part.write(b"\n]\n")


def _add_file(archive: ZipFile, name: str) -> None:
    try:
        with default_storage.open(name) as source, archive.open(f"files/{name}", "w", force_zip64=True) as part:
            while chunk := source.read(64 * 1024):
                part.write(chunk)
    except FileNotFoundError:
        return  # it expired a moment ago


def _files(person: User) -> list[str]:
    """The names of the user's files in storage."""
    names = [str(person.profile.image.name or "")]
    names += Document.objects.filter(owner=person).values_list("file", flat=True)
    names += Story.objects.filter(author=person, freed_at__isnull=True).values_list("content_file", flat=True)
    return [name for name in names if name]


def _values(rows: QuerySet[Any], *fields: str) -> Iterator[dict[str, Any]]:
    return rows.order_by("pk").values(*fields).iterator(BATCH)


def _parts(person: User) -> dict[str, Iterator[Any]]:
    """What the archive holds: rows by the name of their file. Of others, user names alone; never who of staff."""
    return {
        "account": _values(
            User.objects.filter(pk=person.pk),
            "id",
            "username",
            "email",
            "phone",
            "role",
            "identity_verified",
            "language",
            "date_joined",
            "last_login",
            "suspended_until",
        ),
        "profile": _values(
            Profile.objects.filter(user=person),
            "bio",
            "social_links",
            "company_name",
            "business_category",
            "image",
            "theme",
            "updated_at",
        ),
        "documents": _values(
            Document.objects.filter(owner=person),
            "id",
            "doc_type",
            "legal_name",
            "file",
            "media_type",
            "size",
            "status",
            "reason",
            "comment",
            "created_at",
            "decided_at",
            "details__name",
            "details__born",
            "details__number",
            "details__valid_until",
        ),
        "stories": _values(
            Story.objects.filter(author=person),
            "id",
            "content_file",
            "media_type",
            "caption",
            "audience",
            "created_at",
            "expires_at",
            "removed_at",
            "removal_reason",
        ),
        "events": _values(
            Event.objects.filter(host=person),
            "id",
            "title",
            "description",
            "date",
            "ends_at",
            "location",
            "capacity",
            "status",
            "created_at",
            "removed_at",
            "removal_reason",
        ),
        "participations": _values(
            Participation.objects.filter(user=person), "event_id", "event__title", "status", "created_at"
        ),
        "connections": _values(
            Connection.objects.filter(Q(sender=person) | Q(receiver=person)),
            "id",
            "sender__username",
            "receiver__username",
            "status",
            "created_at",
            "responded_at",
        ),
        "follows": _values(
            Follow.objects.filter(Q(follower=person) | Q(followed=person)),
            "follower__username",
            "followed__username",
            "created_at",
        ),
        "blocks": _values(Block.objects.filter(blocker=person), "blocked__username", "created_at"),
        "rooms": _values(Membership.objects.filter(user=person), "room__name", "created_at", "read_up_to"),
        "messages": _values(
            Message.objects.filter(sender=person), "id", "room__name", "seq", "text", "sent_at", "removed_at"
        ),
        "notifications": _values(
            Notification.objects.filter(recipient=person), "id", "kind", "text", "is_read", "created_at"
        ),
        "reports": _values(
            Report.objects.filter(reporter=person),
            "id",
            "kind",
            "target_id",
            "reason",
            "note",
            "status",
            "outcome",
            "created_at",
            "closed_at",
        ),
        "strikes": _values(
            Strike.objects.filter(known_to_author(), person=person),
            "id",
            "outcomes",
            "points",
            "given_at",
            "expires_at",
            "lifted_at",
        ),
        "appeals": _values(Appeal.objects.filter(author=person), "id", "text", "created_at", "status"),
        "sessions": _values(
            Session.objects.filter(user=person), "address", "user_agent", "created_at", "last_seen_at", "ended_at"
        ),
        "access_log": (
            {"at": entry.created_at, "what": view_text(entry)} for entry in views_of(person).iterator(BATCH)
        ),
    }
