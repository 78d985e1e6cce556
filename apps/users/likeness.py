"""What the files of documents show, and where else the same one was sent in. Drawn by a child with limits, never here.

Three steps find a picture again, each on what the one before has left:

- a quarter of the 64-bit fingerprint that is the same but for one bit, by index, so that nothing within `NEAR` bits
  is missed;
- the fingerprint as a whole, in the database;
- the page in 32 × 32 greys, since papers of one form differ in words alone, which no fingerprint sees.

Copies that were compressed, made smaller, lighter or darker are found, and turned by quarters, since a new page is
looked for in each of its four positions; cropped ones are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean, pstdev

from django.db import models, transaction
from django.db.models import F, Func, Q, QuerySet, Value

from apps.access import granted, may
from apps.rendering import Unrenderable, inspect
from apps.users.models import Document, DocumentPrint, DocumentTwin, User

NEAR = 7
"""Most bits in which fingerprints of one picture differ."""
SAME = 0.6
"""Most that a spot differs between copies of one page, in standard deviations of its greys.

Measured on drawn cards and papers: copies stayed below 0.57, other papers of the same form began at 0.61.
"""
PLAIN = 3.0
"""A page whose greys deviate less shows nothing to compare."""
CANDIDATES = 500
"""So many of the latest near ones are compared; the second account of one person comes soon after the first."""
LEFT_OVER = 200
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A document of another account that shows the same."""

    document: Document
    same_file: bool
    """The very same file; otherwise a picture that looks the same."""


@dataclass(frozen=True, slots=True)
class Duplicates:
    shown: list[Duplicate]
    hidden: int
    """How many more there are that the viewer may not look at. At most `MOST_SHOWN` in all."""


def inspect_document(document_id: int) -> None:
    """Note the pages and the look of a document, once, and its likes on other accounts.

    Raises `Unavailable` or `OSError` where the file cannot be had now.
    """
    document = Document.objects.filter(pk=document_id, pages__isnull=True).first()
    if document is None:
        return
    with document.file.open("rb") as file:
        content = file.read()
    try:
        seen = inspect(content, document.media_type)
    except Unrenderable:
        pages = 0
        document.letters_missing = False
    else:
        pages, document.letters_missing = seen.pages, seen.letters_missing
        bits, sketch = seen.look.fingerprint, seen.look.sketch
        if _normal(sketch):
            with transaction.atomic():
                DocumentPrint.objects.get_or_create(
                    document=document, defaults={"bits": bits, "bands": bands(bits), "sketch": sketch}
                )
            # The print is committed before anybody is compared with it: of two at once, the later one finds the other.
            for look in (seen.look, *seen.turned):
                _note_twins(document, look.fingerprint, _normal(look.sketch))
    # Facts of the file are no version of the document. Last, so that a run that broke off is made anew.
    document.pages = pages
    Document.objects.filter(pk=document.pk).update(pages=pages, letters_missing=document.letters_missing)


def inspect_left_over() -> int:
    """Inspect some that were missed, the latest first; how many there were."""
    waiting = Document.objects.filter(pages__isnull=True).order_by("-id").values_list("id", flat=True)[:LEFT_OVER]
    for document_id in waiting:
        try:
            inspect_document(document_id)
        except FileNotFoundError:
            # It shows nothing; asking again for ever would keep the others waiting.
            Document.objects.filter(pk=document_id).update(pages=0)
    return len(waiting)


def seen_documents(viewer: User) -> QuerySet[Document]:
    """The documents that a member of staff may look at: those granted to them, for looking or deciding."""
    if may(viewer, "users.view_document") or may(viewer, "users.review_document"):
        return Document.objects.all()
    looked_at, decided = granted(viewer, Document, "view"), granted(viewer, Document, "review")
    return Document.objects.filter(Q(pk__in=looked_at.values("pk")) | Q(pk__in=decided.values("pk")))


def duplicates(viewer: User, document: Document) -> Duplicates:
    """Where else the same was sent in: on other accounts, latest first. What the viewer may not see is only counted."""
    pairs = DocumentTwin.objects.filter(Q(document=document) | Q(other=document)).order_by("-id")
    twins = {one if one != document.pk else other for one, other in pairs.values_list("document_id", "other_id")[:100]}
    same = Document.objects.filter(Q(sha256=document.sha256) | Q(pk__in=twins)).exclude(owner=document.owner_id)
    found = list(same.select_related("owner").newest_first()[:MOST_SHOWN])
    seen = set(seen_documents(viewer).filter(pk__in=[one.pk for one in found]).values_list("pk", flat=True))
    shown = [Duplicate(one, one.sha256 == document.sha256) for one in found if one.pk in seen]
    return Duplicates(shown, len(found) - len(shown))


def bands(bits: int) -> list[int]:
    """The four quarters of a fingerprint, each with its place above it."""
    return [place << 16 | bits >> 16 * place & 0xFFFF for place in range(4)]


def near(bits: int) -> QuerySet[DocumentPrint]:
    """The prints that differ from `bits` in at most `NEAR` bits, the nearest and latest first.

    With seven bits apart, one quarter of four differs in one at most, so that 68 look-ups miss none.
    """
    apart = Func(
        F("bits"),
        Value(bits, output_field=models.BigIntegerField()),
        template="bit_count((%(expressions)s)::bit(64))",
        arg_joiner=" # ",
        output_field=models.IntegerField(),
    )
    wanted = list(_neighbours(bits))
    rows = DocumentPrint.objects.filter(bands__overlap=wanted).annotate(apart=apart).filter(apart__lte=NEAR)
    return rows.order_by("apart", "-document_id")


def _neighbours(bits: int) -> Iterator[int]:
    for band in bands(bits):
        yield band
        for place in range(16):
            yield band ^ 1 << place


def _note_twins(document: Document, bits: int, sketch: list[float]) -> None:
    candidates = near(bits).exclude(document__owner=document.owner_id).values_list("document_id", "sketch")[:CANDIDATES]
    twins = [
        DocumentTwin(document=document, other_id=other_id)
        for other_id, greys in candidates
        if all(abs(one - other) <= SAME for one, other in zip(sketch, _normal(bytes(greys)), strict=True))
    ]
    DocumentTwin.objects.bulk_create(twins, ignore_conflicts=True)


def _normal(sketch: bytes) -> list[float]:
    """Its greys without brightness and contrast; nothing where the page is as good as blank."""
    mean, deviation = fmean(sketch), pstdev(sketch)
    return [(grey - mean) / deviation for grey in sketch] if deviation >= PLAIN else []
