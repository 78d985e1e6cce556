"""What the files of documents show, and where else the same paper was sent in.

Papers of one form, such as one country's identity cards, look alike as a whole; a photograph of a paper and its scan
do not. So pages are compared on their form:

1. A page is laid onto the form that it shares with others, by features that both show (SIFT) and a homography. That
   takes out how it was held, turned, cropped and what lies around it. The first document of a form stands for it until
   enough others have shown which of its features are the form's own.
2. Each block of a page so laid is hashed. A hash that many documents of the form share is the form's and is neither
   kept nor counted; one that few share finds candidates, by index: the rarer, the more it counts.
3. Candidates are compared block by block, and what counts is the few blocks that agree least. Different people's
   papers differ in some (portrait, name, number), copies of one paper nowhere.

Forms are found by hashes of their features, the same way. No look-up reads more than `COMMON` rows of one hash, so the
cost does not grow with the number of documents. docs/duplicates.md has the figures.

Pictures are decoded and compared by children with limits, never here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from apps.access import granted, may
from apps.registration import FEATURE_BYTES, Form, Laid, Placed, form_of, lay_on_forms, scores
from apps.rendering import MAX_SHORT, Unrenderable, inspect
from apps.renditions import rendition
from apps.users.models import (
    Document,
    DocumentBand,
    DocumentForm,
    DocumentFormBand,
    DocumentPrint,
    DocumentTwin,
    User,
)

VERSION = 1
"""Raise it when pages come to be laid or hashed another way: what was made before is then made anew."""
SAME = 0.75
"""Least score of copies of one paper. Measured on drawn ones: copies 0.78 and more, other people's 0.68 and less."""
COMMON = 64
"""A hash that so many documents share belongs to their form."""
CANDIDATES = 12
FORMS = 4
"""So many forms are tried at most."""
SETTLED = 8
"""After so many documents, the features that two of them share are the form; the rest is forgotten."""
FEWEST_FEATURES = 60
LEFT_OVER = 200
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A document of another account that shows the same."""

    document: Document
    same_file: bool
    """The very same file; otherwise one that looks alike."""
    score: float
    """How alike, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Duplicates:
    shown: list[Duplicate]
    hidden: int
    """How many more there are that the viewer may not look at. At most `MOST_SHOWN` in all."""


def inspect_document(document_id: int) -> None:
    """Note the pages and the fingerprint of a document, once, and its duplicates on other accounts.

    Raises `Unavailable` or `OSError` where the file cannot be had now.
    """
    document = Document.objects.filter(pk=document_id).select_related("print").first()
    if document is None or not (document.pages is None or _is_stale(document)):
        return
    with document.file.open("rb") as file:
        content = file.read()
    try:
        seen = inspect(content, document.media_type)
        pages, missing = seen.pages, seen.letters_missing
        picture = _picture(document)
    except Unrenderable:
        pages, missing = 0, False
        DocumentPrint.objects.filter(document=document).delete()
    else:
        _find_twins(document, picture)
    # Facts of the file are no version of the document. Last, so that a run that broke off is made anew.
    document.pages, document.letters_missing = pages, missing
    Document.objects.filter(pk=document.pk).update(pages=pages, letters_missing=missing)


def inspect_left_over() -> int:
    """Inspect some that were missed or were inspected another way, the latest first; how many there were."""
    missed = Document.objects.filter(pages__isnull=True).order_by("-id").values_list("id", flat=True)[:LEFT_OVER]
    stale = DocumentPrint.objects.filter(_STALE).order_by("-document_id").values_list("document_id", flat=True)
    waiting = list(dict.fromkeys([*missed, *stale[: LEFT_OVER - len(missed)]]))
    for document_id in waiting:
        try:
            inspect_document(document_id)
        except FileNotFoundError:
            # It shows nothing; asking again for ever would keep the others waiting.
            Document.objects.filter(pk=document_id).update(pages=0)
            DocumentPrint.objects.filter(document_id=document_id).delete()
    return len(waiting)


def seen_documents(viewer: User) -> QuerySet[Document]:
    """The documents that a member of staff may look at: those granted to them, for looking or deciding."""
    if may(viewer, "users.view_document") or may(viewer, "users.review_document"):
        return Document.objects.all()
    looked_at, decided = granted(viewer, Document, "view"), granted(viewer, Document, "review")
    return Document.objects.filter(Q(pk__in=looked_at.values("pk")) | Q(pk__in=decided.values("pk")))


def duplicates(viewer: User, document: Document) -> Duplicates:
    """Where else the same was sent in: on other accounts, latest first. What the viewer may not see is only counted."""
    pairs = DocumentTwin.objects.filter(Q(document=document) | Q(other=document), score__isnull=False).order_by("-id")
    alike = {
        one if one != document.pk else other: score
        for one, other, score in pairs.values_list("document_id", "other_id", "score")[:100]
    }
    same = Document.objects.filter(Q(sha256=document.sha256) | Q(pk__in=alike)).exclude(owner=document.owner_id)
    found = list(same.select_related("owner").newest_first()[:MOST_SHOWN])
    seen = set(seen_documents(viewer).filter(pk__in=[one.pk for one in found]).values_list("pk", flat=True))
    shown = [
        Duplicate(one, True, 1.0) if one.sha256 == document.sha256 else Duplicate(one, False, alike[one.pk] or 0.0)
        for one in found
        if one.pk in seen
    ]
    return Duplicates(shown, len(found) - len(shown))


def candidates(bands: Sequence[int], owner_id: int) -> list[int]:
    """Documents on other accounts that share rare hashes: those that share the most and rarest first."""
    return _sharing(
        f"""
        SELECT shared.id FROM ({_SHARED.format(table=DocumentBand._meta.db_table, column="document_id")}) shared
        JOIN {Document._meta.db_table} document ON document.id = shared.id
        WHERE document.owner_id <> %(owner)s ORDER BY shared.weight DESC, shared.id DESC LIMIT {CANDIDATES}
        """,  # noqa: S608  # names of tables, and our own numbers
        bands,
        owner=owner_id,
    )


def _find_twins(document: Document, picture: bytes) -> None:
    """Lay a document onto its form, and note which others on that are alike."""
    DocumentTwin.objects.filter(Q(document=document) | Q(other=document)).delete()
    laid = _laid(document, picture)
    if laid is None:
        DocumentPrint.objects.filter(document=document).delete()
        return
    form, placed, bands = laid
    # What is noted is committed before anything is compared with it: of two at once, the later one finds the other.
    others = [number for number in candidates(bands, document.owner_id) if number != document.pk]
    first = form.document
    if first is not None and first.owner_id != document.owner_id and first.pk not in others:
        others.append(first.pk)
    pages = [(picture, placed)]
    compared = []
    prints = DocumentPrint.objects.filter(pk__in=others, form=form, version=VERSION).select_related("document")
    for other in prints:
        try:
            pages.append((_picture(other.document), Placed(other.placed or [], other.hull or [])))
        except (Unrenderable, FileNotFoundError):
            continue
        compared.append(other.pk)
    if not compared:
        return
    found = scores(Form(form.width, form.height, b""), pages)
    twins = [
        DocumentTwin(document=document, other_id=other, score=score)
        for other, score in zip(compared, found, strict=True)
        if score >= SAME
    ]
    DocumentTwin.objects.bulk_create(twins, ignore_conflicts=True)


def _laid(document: Document, picture: bytes) -> tuple[DocumentForm, Placed, list[int]] | None:
    """A document on the form that fits best, or on one of its own; none where it shows too little."""
    own, feature_bands = form_of(picture)
    if not own.features:
        return None
    tried: set[int] = set()
    laid, form = None, None
    while True:
        offered = [one for one in _forms(feature_bands) if one.pk not in tried]
        if offered:
            tried |= {one.pk for one in offered}
            laid = lay_on_forms(picture, [_known(one) for one in offered])
            if laid is not None:
                form = offered[laid.form]
                break
        with transaction.atomic():
            # One at a time, so that two first documents of a form do not make two of it.
            _lock_forms()
            if all(one.pk in tried for one in _forms(feature_bands)):
                form = _created(document, own, feature_bands)
                break
    if laid is None:
        laid = lay_on_forms(picture, [own])
    if laid is None:
        return None
    bands = [form.pk << 32 | band for band in laid.bands]
    with transaction.atomic():
        _note_found(form, laid, document)
        DocumentPrint.objects.update_or_create(
            document=document,
            defaults={
                "version": VERSION,
                "form": form,
                "placed": laid.placed.homography,
                "hull": laid.placed.hull,
                "bits": None,
                "bands": None,
                "sketch": None,
            },
        )
        DocumentBand.objects.filter(document=document).delete()
        common = set(_common(bands))
        DocumentBand.objects.bulk_create(
            [DocumentBand(band=band, document=document) for band in dict.fromkeys(bands) if band not in common],
            ignore_conflicts=True,
        )
    return form, laid.placed, bands


def _forms(bands: Sequence[int]) -> list[DocumentForm]:
    """Those that share most with a page; among them its own, if there is one."""
    numbers = _sharing(
        f"""
        SELECT id FROM ({_SHARED.format(table=DocumentFormBand._meta.db_table, column="form_id")}) shared
        ORDER BY weight DESC, id LIMIT {FORMS}
        """,  # noqa: S608
        bands,
    )
    known = DocumentForm.objects.select_related("document").in_bulk(numbers)
    return [known[number] for number in numbers if number in known]


def _created(document: Document, own: Form, bands: Sequence[int]) -> DocumentForm:
    form = DocumentForm.objects.create(
        document=document,
        width=own.width,
        height=own.height,
        features=own.features,
        found=bytes(len(own.features) // FEATURE_BYTES),
    )
    DocumentFormBand.objects.bulk_create([DocumentFormBand(band=band, form=form) for band in bands])
    return form


def _note_found(form: DocumentForm, laid: Laid, document: Document) -> None:
    """Count which features of a form another document has, and settle it once there are enough."""
    if form.document is None or form.document.owner_id == document.owner_id:
        return
    locked = DocumentForm.objects.select_for_update().filter(pk=form.pk, document__isnull=False).first()
    if locked is None:
        return
    counts = bytearray(locked.found)
    for number in laid.found:
        counts[number] = min(counts[number] + 1, 255)
    locked.found, locked.documents = bytes(counts), locked.documents + 1
    kept = [number for number, count in enumerate(counts) if count >= 2]
    if locked.documents > SETTLED and len(kept) >= FEWEST_FEATURES:
        packed = bytes(locked.features)
        locked.features = b"".join(packed[number * FEATURE_BYTES : (number + 1) * FEATURE_BYTES] for number in kept)
        locked.found, locked.document = b"", None
    locked.save(update_fields=["found", "documents", "features", "document"])


def _known(form: DocumentForm) -> Form:
    return Form(form.width, form.height, bytes(form.features))


def _picture(document: Document) -> bytes:
    """Its first page, as it is kept for the desk."""
    return rendition(document.file, document.media_type, max_short=MAX_SHORT)


_STALE = Q(version__lt=VERSION) | Q(form__isnull=True)


def _is_stale(document: Document) -> bool:
    kept: DocumentPrint | None = getattr(document, "print", None)
    return kept is not None and (kept.version < VERSION or kept.form_id is None)


# --- Hashes -----------------------------------------------------------------------------------------------------------

_SHARED = f"""
    SELECT found.id, sum(1.0 / (found.sharing * found.sharing)) AS weight
    FROM unnest(%(bands)s::bigint[]) AS wanted(band)
    CROSS JOIN LATERAL (
        SELECT latest.{{column}} AS id, count(*) OVER () AS sharing FROM (
            SELECT {{column}} FROM {{table}} WHERE band = wanted.band ORDER BY {{column}} DESC LIMIT {COMMON}
        ) latest
    ) found
    GROUP BY found.id
"""  # noqa: S608  # our own number


def _sharing(query: str, bands: Sequence[int], **values: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"bands": list(bands), **values})
        return [number for (number,) in cursor.fetchall()]


def _common(bands: Sequence[int]) -> list[int]:
    """Those that belong to the form."""
    return _sharing(
        f"""
        SELECT band FROM unnest(%(bands)s::bigint[]) AS wanted(band)
        WHERE (SELECT count(*) FROM (
            SELECT FROM {DocumentBand._meta.db_table} kept WHERE kept.band = wanted.band LIMIT {COMMON}
        ) counted) >= {COMMON}
        """,  # noqa: S608
        bands,
    )


def _lock_forms() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('users.DocumentForm'))")
