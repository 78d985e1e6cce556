"""Stories and documents: what has a file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from random import Random
from typing import Any

from apps.stories.models import LIFETIME, Story
from apps.users.models import DocType, Document, Reason
from demo import texts
from demo.bulk import copy_rows, reserve_ids, store
from demo.drawing.documents import Holder, business_paper, identity_card
from demo.drawing.scenes import scene
from demo.seeding.amounts import Seeding


def write_stories(run: Seeding) -> range:
    count = run.amounts.stories
    if not count:
        return range(0)
    ids = reserve_ids(Story, count)
    files = [
        store(f"stories/seed-{number}.jpg", "image/jpeg", scene(Random(number), size=(360, 640))) for number in range(4)
    ]

    def rows() -> Iterator[tuple[Any, ...]]:
        for number in range(count):
            file = files[number % len(files)]
            # The oldest is six hours old, so that a day's work can be done on them.
            posted = run.ago(hours=6 * (count - number) / count)
            audience = Story.Audience.CONNECTIONS if number % 5 == 4 else Story.Audience.PUBLIC
            caption = texts.CAPTIONS[number % len(texts.CAPTIONS)]
            yield (
                ids[number], run.user(number), file.name, file.media_type, file.size, file.sha256,
                caption, audience.value, posted, posted + LIFETIME,
            )  # fmt: skip

    copy_rows(
        Story,
        (
            "id", "author_id", "content_file", "media_type", "size", "sha256",
            "caption", "audience", "created_at", "expires_at",
        ),
        rows(),
    )  # fmt: skip
    return ids


def write_documents(run: Seeding) -> range:
    """The first of each user and kind is pending, unless every third; the rest were decided."""
    count = run.amounts.documents
    if not count:
        return range(0)
    ids = reserve_ids(Document, count)
    files = {
        DocType.IDENTITY: store("documents/seed-card.png", "image/png", identity_card(Random(1), Holder("Sam Seed"))),
        DocType.BUSINESS: store(
            "documents/seed-paper.pdf", "application/pdf", business_paper("Seed Ltd", "Sam Seed", "A-1")
        ),
    }
    reasons = [reason.value for reason in Reason]

    def rows() -> Iterator[tuple[Any, ...]]:
        for number in range(count):
            turn, owner = divmod(number, run.amounts.users)
            doc_type = (DocType.IDENTITY, DocType.BUSINESS)[(turn + owner) % 2]
            file = files[doc_type]
            sent = run.ago(days=60 * (count - number) / count)
            status, reason, decided = Document.Status.PENDING, "", None
            if number >= 2 * run.amounts.users or (number + number // 3) % 3 == 2:  # of every role some
                status, decided = Document.Status.APPROVED, sent + timedelta(minutes=90)
                if number % 2:
                    status, reason = Document.Status.REJECTED, reasons[number % len(reasons)]
            # All share few files, yet each counts as a file of its own, or every one were a duplicate.
            digest = sha256(f"{file.sha256} {number}".encode()).hexdigest()
            yield (
                ids[number], run.user(number), doc_type.value, file.name, file.media_type, file.size, digest,
                status.value, reason, decided, sent, 1,
            )  # fmt: skip

    copy_rows(
        Document,
        (
            "id", "owner_id", "doc_type", "file", "media_type", "size", "sha256",
            "status", "reason", "decided_at", "created_at", "pages",
        ),
        rows(),
    )  # fmt: skip
    return ids
