"""Inspection of document files: pages, fingerprints, and duplicates on other accounts.

Documents of one form, such as one country's identity cards, look alike as a whole; a photograph and a scan of one
do not. So duplicates are found in three steps:

1. The features of a page, independent of place and rotation, are hashed. A hash of `COMMON` documents is shared by all
   documents of a form, and is neither stored nor searched; the others find at most `CANDIDATES` documents of other
   accounts, by index: the fewer documents have a hash, the more it counts.
2. Each candidate is aligned with the page by the features of both, which removes perspective, rotation and cropping,
   and compared block by block. The few blocks that agree least count. Documents of different users differ in some
   (portrait, name, number), copies of one document nowhere; so a wrong candidate does no harm. Where there are many,
   this is done at half the size, with the stored features of each.
3. The few that agree best are compared at full size, with more features.

The cost does not grow with the number of documents. docs/duplicates.md has the figures.

Images are decoded and compared in child processes with limits, never here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from apps.access import granted, may
from apps.infra.files import comparing
from apps.infra.files.rendering import MAX_SHORT, Unrenderable, inspect
from apps.infra.files.renditions import rendition
from apps.users.models import Document, DocumentFingerprint, DuplicateMatch, User

logger = logging.getLogger(__name__)

VERSION = 1
"""Raise it when pages come to be hashed or compared another way: what was made before is then made anew."""
SAME = 0.8
"""Least score of copies of one document."""
COMMON = 64
"""A hash that so many documents have belongs to a form."""
CANDIDATES = 64
LEFT_OVER = 200
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A document of another account that shows the same."""

    document: Document
    same_file: bool
    """The identical file; otherwise a similar page."""
    score: float
    """How alike, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Duplicates:
    shown: list[Duplicate]
    hidden: int
    """How many more there are that the viewer may not view. At most `MOST_SHOWN` in all."""


def inspect_document(document_id: int) -> None:
    """Note the pages and the fingerprint of a document, once, and its duplicates on other accounts.

    Raises `Unavailable` or `OSError` where the file cannot be had now, `Unrenderable` where comparing it takes too
    long; it can be asked again then.
    """
    document = Document.objects.filter(pk=document_id).select_related("fingerprint").first()
    if document is None or not (document.pages is None or _is_stale(document)):
        return
    try:
        properties = _properties(document)
        picture = _picture(document)
    except Unrenderable:
        _note_pages(document_id, pages=0, letters_missing=False)
        return
    with transaction.atomic():
        # Stale until it has been compared, so that a run that breaks off is made anew. In one statement: another run
        # may delete it as soon as this one has found it there.
        DocumentFingerprint.objects.bulk_create(
            [DocumentFingerprint(document=document, version=0)],
            update_conflicts=True,
            update_fields=["version"],
            unique_fields=["document"],
        )
        Document.objects.filter(pk=document_id).update(**properties)
    _find_duplicates(document, picture)


def inspect_left_over(*, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Inspect some that were missed or were inspected another way, the latest first; how many there were.

    A stopping worker finishes the one under way, not all.
    """
    missed = Document.objects.filter(pages__isnull=True).order_by("-id").values_list("id", flat=True)[:LEFT_OVER]
    stale = DocumentFingerprint.objects.filter(_STALE).order_by("-document_id").values_list("document_id", flat=True)
    waiting = list(dict.fromkeys([*missed, *stale[: LEFT_OVER - len(missed)]]))
    for number, document_id in enumerate(waiting):
        if is_stopping():
            return number
        # Asking again for ever would keep the others waiting.
        try:
            inspect_document(document_id)
        except FileNotFoundError:
            _note_pages(document_id, pages=0)
        except Unrenderable:
            logger.exception("Document %s is not compared with others", document_id)
            DocumentFingerprint.objects.filter(document_id=document_id).update(version=VERSION)
    return len(waiting)


def _properties(document: Document) -> dict[str, int]:
    if document.media_type != "application/pdf":
        return {"pages": 1, "letters_missing": False}  # a picture that can be drawn is one page
    with document.file.open("rb") as file:
        seen = inspect(file.read(), document.media_type)
    return {"pages": seen.pages, "letters_missing": seen.letters_missing}


def _note_pages(document_id: int, **properties: int) -> None:
    """Store the properties of a file without a fingerprint. They make no new version of the document."""
    Document.objects.filter(pk=document_id).update(**properties)
    DocumentFingerprint.objects.filter(document_id=document_id).delete()


def viewable_documents(viewer: User) -> QuerySet[Document]:
    """The documents that a member of staff may view: those granted for viewing or deciding."""
    if may(viewer, "users.view_document") or may(viewer, "users.review_document"):
        return Document.objects.all()
    viewing, deciding = granted(viewer, Document, "view"), granted(viewer, Document, "review")
    return Document.objects.filter(Q(pk__in=viewing.values("pk")) | Q(pk__in=deciding.values("pk")))


def duplicates(viewer: User, document: Document) -> Duplicates:
    """Duplicates on other accounts, latest first. Those that the viewer may not view are only counted."""
    pairs = DuplicateMatch.objects.filter(Q(document=document) | Q(other=document), score__isnull=False).order_by("-id")
    alike = {
        one if one != document.pk else other: score
        for one, other, score in pairs.values_list("document_id", "other_id", "score")[:100]
    }
    same = Document.objects.filter(Q(sha256=document.sha256) | Q(pk__in=alike)).exclude(owner=document.owner_id)
    found = list(same.select_related("owner").newest_first()[:MOST_SHOWN])
    seen = set(viewable_documents(viewer).filter(pk__in=[one.pk for one in found]).values_list("pk", flat=True))
    shown = [
        Duplicate(one, True, 1.0) if one.sha256 == document.sha256 else Duplicate(one, False, alike[one.pk] or 0.0)
        for one in found
        if one.pk in seen
    ]
    return Duplicates(shown, len(found) - len(shown))


def candidates(hashes: Sequence[int], document_id: int, owner_id: int) -> list[int]:
    """Documents on other accounts that have some of these hashes: those with the most and rarest first."""
    return _read(
        f"""
        SELECT voted.id FROM (
            SELECT holding.id, sum(1.0 / holding.holders) AS weight
            FROM unnest(%(hashes)s::integer[]) AS wanted(hash)
            CROSS JOIN LATERAL (
                SELECT document_id AS id, count(*) OVER () AS holders
                FROM {_FINGERPRINTS} WHERE hashes @> ARRAY[wanted.hash] AND document_id <> %(document)s
            ) holding
            WHERE holding.holders < {COMMON} GROUP BY holding.id
        ) voted
        JOIN {Document._meta.db_table} document ON document.id = voted.id
        WHERE document.owner_id <> %(owner)s ORDER BY voted.weight DESC, voted.id DESC LIMIT {CANDIDATES}
        """,  # noqa: S608  # names of tables, and our own numbers
        hashes,
        document=document_id,
        owner=owner_id,
    )


def _find_duplicates(document: Document, picture: bytes) -> None:
    """Store the fingerprint of a document and its duplicate matches."""
    found, features = comparing.fingerprint(picture)
    DuplicateMatch.objects.filter(Q(document=document) | Q(other=document)).delete()
    if not found:
        DocumentFingerprint.objects.filter(document=document).delete()
        return
    common = set(_common(found))
    values = {"hashes": [one for one in found if one not in common], "features": features}
    # It is committed before anything is compared with it: of two at once, the later one finds the other.
    DocumentFingerprint.objects.update_or_create(
        document=document, defaults=values | {"bits": None, "bands": None, "sketch": None}
    )
    if pages := _pages_of(candidates(found, document.pk, document.owner_id)):
        scores = comparing.scores(comparing.PagePicture(picture, features), list(pages.values()))
        DuplicateMatch.objects.bulk_create(
            [
                DuplicateMatch(document=document, other_id=other, score=score)
                for other, score in zip(pages, scores, strict=True)
                if score >= SAME
            ],
            ignore_conflicts=True,
        )
    DocumentFingerprint.objects.filter(document=document).update(version=VERSION)


def _pages_of(numbers: Sequence[int]) -> dict[int, comparing.PagePicture]:
    """The first pages of documents by id, in this order, without deleted ones and those without a fingerprint."""
    fingerprints = DocumentFingerprint.objects.select_related("document").in_bulk(numbers)
    pages = {}
    for number in numbers:
        # It may have been deleted, or be of the release before, meanwhile.
        if number in fingerprints and (features := fingerprints[number].features):
            with suppress(Unrenderable, FileNotFoundError):
                pages[number] = comparing.PagePicture(_picture(fingerprints[number].document), bytes(features))
    return pages


def _picture(document: Document) -> bytes:
    """The rendition of the first page."""
    return rendition(document.file, document.media_type, max_short=MAX_SHORT)


_STALE = Q(version__lt=VERSION)


def _is_stale(document: Document) -> bool:
    kept: DocumentFingerprint | None = getattr(document, "fingerprint", None)
    return kept is not None and kept.version < VERSION


_FINGERPRINTS = DocumentFingerprint._meta.db_table


def _common(hashes: Sequence[int]) -> list[int]:
    """The hashes that `COMMON` documents or more have."""
    return _read(
        f"""
        SELECT wanted.hash FROM unnest(%(hashes)s::integer[]) AS wanted(hash)
        WHERE (SELECT count(*) FROM {_FINGERPRINTS} WHERE hashes @> ARRAY[wanted.hash]) >= {COMMON}
        """,  # noqa: S608
        hashes,
    )


def _read(query: str, hashes: Sequence[int], **values: int) -> list[int]:
    with transaction.atomic(), connection.cursor() as cursor:
        # Each hash is one look-up in the index. In a table of less than some thousand documents the planner reads all
        # of it instead, for each hash: it does not count that the arrays lie elsewhere (1,000: 3.7 s for 0.02 s).
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(query, {"hashes": list(hashes), **values})
        return [number for (number,) in cursor.fetchall()]
