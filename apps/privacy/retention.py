"""What goes when: each kind of data with its time, its purge, and what keeps it longer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any

from django.db import models, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.audit.actions import Action
from apps.audit.history import bulk_update_as, save_as
from apps.chat.models import Message
from apps.moderation import retention as evidence
from apps.privacy.files import delete_later
from apps.privacy.holds import holds_on, on_hold
from apps.privacy.models import Kept, LegalHold
from apps.privacy.periods import days_of, schedule
from apps.stories.models import Story, StoryView
from apps.users.models import (
    DocType,
    Document,
    DocumentDetails,
    DocumentFingerprint,
    DocumentKey,
    DuplicateMatch,
    Session,
)

logger = logging.getLogger(__name__)
AT_ONCE = 500
"""Rows of one transaction."""


@dataclass(frozen=True, slots=True)
class Retained:
    """One kind of data. `rows` has the ones still to go, with the time since which they are kept as `since`."""

    kind: Kept
    rows: Callable[[], QuerySet[Any]]
    since: Callable[[Any], datetime | None]
    """Since when a row is kept; None where it is none of this kind, or nothing is left of it."""
    owner: str
    """The field of the user concerned."""
    purge: Callable[[list[Any]], None]
    """Called with locked rows."""
    is_evidence: Callable[[Any], bool] = lambda row: False

    @property
    def model(self) -> type[models.Model]:
        return _model_of(self.rows)

    def due(self, now: datetime, days: int) -> QuerySet[Any]:
        """Rows whose time is over and whose user is not under a legal hold."""
        return self.rows().filter(~Q(on_hold(self.owner)), since__lte=now - timedelta(days=days)).order_by("pk")


@cache
def _model_of(rows: Callable[[], QuerySet[Any]]) -> type[models.Model]:
    return rows().model


@dataclass(frozen=True, slots=True)
class End:
    """When something goes. `at` is None where it stays as long as the account."""

    at: datetime | None
    days: int | None
    kind: Kept
    holds: list[LegalHold]
    """In force: nothing goes before they are released."""


def end_of(row: Any) -> End | None:
    """When a document, story, message or session goes; None where nothing of it is left, or its time has not begun."""
    for retained in RETAINED:
        if isinstance(row, retained.model) and (since := retained.since(row)) is not None:
            days = days_of(retained.kind)
            at = None if days is None else since + timedelta(days=days)
            return End(at, days, retained.kind, list(holds_on(getattr(row, f"{retained.owner}_id"))))
    return None


def purge_due(is_stopping: Callable[[], bool] = lambda: False) -> dict[str, int]:
    """Purge what is due, in batches; returns how many rows of each kind. What fails is left to the next run."""
    now, days = timezone.now(), schedule()
    purged: dict[str, int] = {}
    for retained in RETAINED:
        if (kept_for := days[retained.kind]) is not None:
            try:
                purged[retained.kind] = _purge(retained, retained.due(now, kept_for), is_stopping)
            except Exception:
                logger.exception("Retention of %s failed", retained.kind)
    return purged


def _purge(retained: Retained, due: QuerySet[Any], is_stopping: Callable[[], bool]) -> int:
    purged, last = 0, None
    while not is_stopping():
        with transaction.atomic():
            further = due if last is None else due.filter(pk__gt=last)
            rows = list(further.select_for_update(of=("self",), skip_locked=True)[:AT_ONCE])
            if not rows:
                break
            last = rows[-1].pk
            gone = [row for row in rows if not retained.is_evidence(row)]
            if gone:
                retained.purge(gone)
            purged += len(gone)
    return purged


# --- Documents -------------------------------------------------------------------------------------------------------


def _documents(doc_type: str, status: str) -> QuerySet[Document]:
    rows = Document.objects.filter(doc_type=doc_type, status=status, purged_at__isnull=True)
    return rows.annotate(since=F("decided_at"))


def _since_decided(doc_type: str, status: str, document: Document) -> datetime | None:
    is_one = (document.doc_type, document.status) == (doc_type, status)
    return document.decided_at if is_one and document.purged_at is None else None


def purge_documents(documents: list[Document]) -> None:
    """Delete file, pages drawn of it and what was read on it. What proves that it was decided stays."""
    delete_later(*(str(document.file.name) for document in documents))
    for document in documents:
        document.file, document.legal_name, document.purged_at = "", "", timezone.now()
        save_as(None, document, action=Action.PURGED)
    DocumentDetails.objects.filter(document__in=documents).delete()


def forget_documents(documents: QuerySet[Document]) -> int:
    """Delete by what a document is recognised on other accounts, too."""
    found = 0
    for model, rows in (
        (DocumentKey, Q(document__in=documents)),
        (DocumentFingerprint, Q(document__in=documents)),
        (DuplicateMatch, Q(document__in=documents) | Q(other__in=documents)),
    ):
        found += model._default_manager.filter(rows).delete()[0]
    return found


# --- Stories and messages --------------------------------------------------------------------------------------------


def _stories() -> QuerySet[Story]:
    rows = Story.objects.filter(held=False, freed_at__isnull=False)
    return rows.exclude(caption="", sha256="").annotate(since=F("expires_at"))


def _since_expired(story: Story) -> datetime | None:
    return story.expires_at if story.freed_at and not story.held and (story.caption or story.sha256) else None


def _purge_stories(stories: list[Story]) -> None:
    for story in stories:
        story.caption = story.sha256 = story.removal_reason = ""
    bulk_update_as(None, stories, ["caption", "sha256", "removal_reason"], action=Action.PURGED)
    StoryView.objects.filter(story__in=stories).delete()


def _messages(*, removed: bool) -> QuerySet[Message]:
    rows = Message.objects.filter(removed_at__isnull=not removed).exclude(text="")
    return rows.annotate(since=F("removed_at" if removed else "sent_at"))


def _since_sent(removed: bool, message: Message) -> datetime | None:
    if not message.text or removed == (message.removed_at is None):
        return None
    return message.removed_at if removed else message.sent_at


def _purge_messages(messages: list[Message]) -> None:
    # Their text is in no version.
    Message.objects.filter(pk__in=[message.pk for message in messages]).update(text="")


def _is_evidence(kind: str, row: Any) -> bool:
    return evidence.is_needed(kind, row.pk)


# --- Sessions --------------------------------------------------------------------------------------------------------


def _sessions() -> QuerySet[Session]:
    return Session.objects.filter(Q(ended_at__isnull=False) | Q(expires_at__lte=timezone.now())).annotate(
        since=Coalesce("ended_at", "expires_at")
    )


def _since_ended(session: Session) -> datetime | None:
    return None if session.is_live else session.ended_at or session.expires_at


def _purge_sessions(sessions: list[Session]) -> None:
    Session.objects.filter(pk__in=[session.pk for session in sessions]).delete()


RETAINED = (
    *(
        Retained(kind, partial(_documents, *of), partial(_since_decided, *of), owner="owner", purge=purge_documents)
        for kind, of in (
            (Kept.IDENTITY_APPROVED, (DocType.IDENTITY, Document.Status.APPROVED)),
            (Kept.IDENTITY_REJECTED, (DocType.IDENTITY, Document.Status.REJECTED)),
            (Kept.BUSINESS_APPROVED, (DocType.BUSINESS, Document.Status.APPROVED)),
            (Kept.BUSINESS_REJECTED, (DocType.BUSINESS, Document.Status.REJECTED)),
        )
    ),
    Retained(Kept.STORY, _stories, _since_expired, "author", _purge_stories, partial(_is_evidence, "story")),
    *(
        Retained(
            kind,
            partial(_messages, removed=removed),
            partial(_since_sent, removed),
            "sender",
            _purge_messages,
            partial(_is_evidence, "message"),
        )
        for kind, removed in ((Kept.MESSAGE, False), (Kept.MESSAGE_REMOVED, True))
    ),
    Retained(Kept.SESSION, _sessions, _since_ended, "user", _purge_sessions),
)
