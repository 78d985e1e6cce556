"""What the file of a document shows, and the same one found on other accounts."""

from __future__ import annotations

from functools import partial
from io import BytesIO
from random import Random

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from guardian.shortcuts import assign_perm
from PIL import Image, ImageDraw

from apps.users import likeness
from apps.users.documents import send_document
from apps.users.models import Document, DocumentPrint, DocumentTwin, User
from tests.drawn import filled_form, pdf, png, upload
from tests.jobs import run_jobs, waiting
from tests.people import alice, bob, carol, compliance, make_staff, make_user, newton
from tests.races import at_once

pytestmark = pytest.mark.django_db


def card(seed: int, *, kind: str = "PNG", scale: float = 1, quality: int = 40) -> bytes:
    """A drawn card with a face of its own."""
    random = Random(seed)
    image = Image.new("RGB", (640, 400), "#dfe7ee")
    draw = ImageDraw.Draw(image)
    for _ in range(14):
        left, top = random.randint(0, 560), random.randint(0, 330)
        shade = random.randint(0, 255)
        draw.rectangle((left, top, left + random.randint(30, 160), top + random.randint(20, 110)), fill=(shade,) * 3)
    return encoded(image.resize((int(640 * scale), int(400 * scale))), kind, quality)


def paper(company: str, *, kind: str = "PNG", quality: int = 40) -> bytes:
    """A form that is the same for everybody but for one line."""
    image = Image.new("RGB", (620, 880), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((40, 40, 580, 120), fill="#224466")
    for top in range(200, 800, 40):
        draw.rectangle((40, top, 500, top + 8), fill="#888888")
    draw.text((60, 140), company, font_size=36, fill="black")
    return encoded(image, kind, quality)


def encoded(image: Image.Image, kind: str, quality: int) -> bytes:
    out = BytesIO()
    image.save(out, kind, quality=quality)
    return out.getvalue()


def send(owner: User, content: bytes, doc_type: str = "identity") -> Document:
    document = send_document(owner, upload(content), doc_type=doc_type)
    likeness.inspect_document(document.pk)
    document.refresh_from_db()
    return document


def found(viewer: User, document: Document) -> list[tuple[str, bool]]:
    return [(one.document.owner.username, one.same_file) for one in likeness.duplicates(viewer, document).shown]


def test_a_job_looks_through_what_was_sent_in() -> None:
    document = send_document(newton(), upload(pdf(3)), doc_type="identity")
    assert document.pages is None
    versions = document.history.count()
    assert len(waiting("users.inspect_document")) == 1
    run_jobs()
    document.refresh_from_db()
    assert document.pages == 3
    assert document.history.count() == versions, "facts of the file are no version of it"


def test_what_cannot_be_drawn_has_no_pages() -> None:
    document = send_document(newton(), upload(png()), doc_type="identity")
    with document.file.open("wb") as file:
        file.write(b"\x89PNG nothing")
    likeness.inspect_document(document.pk)
    document.refresh_from_db()
    assert document.pages == 0
    assert not DocumentPrint.objects.exists()


def test_a_file_that_is_away_is_asked_for_again_and_one_that_is_gone_is_not() -> None:
    document = send_document(newton(), upload(png()), doc_type="identity")
    default_storage.delete(document.file.name)
    with pytest.raises(OSError, match=r"document"):
        likeness.inspect_document(document.pk)
    document.refresh_from_db()
    assert document.pages is None
    assert likeness.inspect_left_over() == 1
    assert likeness.inspect_left_over() == 0


def test_the_same_file_is_found_before_any_job_has_run() -> None:
    first = send_document(alice(), upload(card(1)), doc_type="identity")
    second = send_document(newton(), upload(card(1)), doc_type="identity")
    officer = compliance()
    assert found(officer, second) == [("alice", True)]
    assert found(officer, first) == [("newton", True)]


@pytest.mark.parametrize(
    "copy",
    [card(1, kind="JPEG"), card(1, kind="WEBP"), card(1, scale=0.5), card(1, kind="JPEG", quality=15)],
    ids=["jpeg", "webp", "smaller", "poor"],
)
def test_a_copy_of_a_picture_is_found_and_another_picture_is_not(copy: bytes) -> None:
    officer = compliance()
    original, other = send(alice(), card(1)), send(bob(), card(2))
    copied = send(newton(), copy)
    assert found(officer, copied) == [("alice", False)]
    assert found(officer, original) == [("newton", False)]
    assert found(officer, other) == []


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_copy_is_found_and_no_other_card_or_paper(turn: int) -> None:
    officer = compliance()
    original = send(alice(), card(1))
    for seed, place in enumerate(range(4), start=2):
        send(make_user(f"other{place}"), card(seed))
    send(make_user("roasters"), paper("Copper Kettle Roasters"))
    papers = send(make_user("studio"), paper("Northwind Studio"))
    copy = Image.open(BytesIO(card(1, kind="JPEG", scale=0.6, quality=25))).rotate(turn, expand=True)
    assert found(officer, send(newton(), encoded(copy, "JPEG", 60))) == [("alice", False)]
    assert found(officer, original) == [("newton", False)]
    upside_down = Image.open(BytesIO(paper("Northwind Studio", kind="JPEG"))).rotate(turn, expand=True)
    assert found(officer, send(carol(), encoded(upside_down, "JPEG", 60))) == [("studio", False)]
    assert found(officer, papers) == [("carol", False)]


def test_two_papers_of_one_form_are_not_the_same_paper() -> None:
    officer = compliance()
    send(alice(), paper("Copper Kettle Roasters"))
    other = send(bob(), paper("Northwind Studio"))
    assert found(officer, other) == []
    assert found(officer, send(carol(), paper("Northwind Studio", kind="JPEG"))) == [("bob", False)]


def test_blank_pages_are_not_each_other_s_copies() -> None:
    send(alice(), pdf())
    assert found(compliance(), send(newton(), png())) == []
    assert not DocumentPrint.objects.exists()


def test_one_s_own_earlier_document_is_no_duplicate() -> None:
    person = newton()
    send(person, card(1))
    assert found(compliance(), send(person, card(1), "business")) == []


def test_who_may_see_only_some_documents_learns_of_the_others_that_they_are_there() -> None:
    document = send(newton(), card(1))
    granted, hidden = send(alice(), card(1)), send(bob(), card(1))
    helper = make_staff("helper")
    for one in (document, granted):
        assign_perm("users.review_document", helper, one)
    result = likeness.duplicates(helper, document)
    assert [one.document for one in result.shown] == [granted]
    assert result.hidden == 1
    assert hidden not in likeness.seen_documents(helper)


def test_prints_within_seven_bits_are_found_and_by_index() -> None:
    documents = [send_document(make_user(f"person{number}"), upload(png()), doc_type="identity") for number in range(4)]
    # One bit in each quarter but one, two more, one too many; and the sign, which is a bit like any other.
    apart = [0b1, 1 << 63 | 1 << 40 | 0b11 << 20 | 0b101, 1 << 50 | 0b11 << 33 | 0b11 << 17 | 0b11, 0xFF]
    for document, change in zip(documents, apart, strict=True):
        bits = 0x0F0F0F0F0F0F0F0F ^ change
        signed = bits - (1 << 64) if bits >> 63 else bits
        DocumentPrint.objects.create(document=document, bits=signed, bands=likeness.bands(signed), sketch=bytes(1024))
    near = likeness.near(0x0F0F0F0F0F0F0F0F)
    assert [(one.document_id, one.apart) for one in near] == [
        (documents[0].pk, 1), (documents[1].pk, 6), (documents[2].pk, 7),
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "document_print_bands" in near.explain()


@pytest.mark.django_db(transaction=True)
def test_of_copies_inspected_at_once_each_pair_is_noted_once() -> None:
    people = [make_user(f"person{number}") for number in range(4)]
    documents = [
        send_document(person, upload(card(1, scale=1 - place / 50)), doc_type="identity")
        for place, person in enumerate(people)
    ]
    at_once([partial(likeness.inspect_document, document.pk) for document in documents] * 2)
    assert DocumentTwin.objects.count() == 6


def test_at_most_fifty_pages_are_counted() -> None:
    content = pdf(60)
    sent = Document(
        owner=newton(), doc_type="identity", file=upload(content), media_type="application/pdf", size=1, sha256=""
    )
    sent.save()
    likeness.inspect_document(sent.pk)
    sent.refresh_from_db()
    assert sent.pages == 50


def test_two_peoples_forms_tell_apart_and_copies_of_one_do_not() -> None:
    first = send(alice(), filled_form("Ada Lovelace"))
    second = send(newton(), filled_form("Grace B. Hopper"))
    copied = send(bob(), filled_form("Ada Lovelace") + b"\n%\n")
    officer = compliance()
    assert found(officer, second) == []
    assert [name for name, _ in found(officer, copied)] == ["alice"]
    assert [name for name, _ in found(officer, first)] == ["bob"]


# --- From before to now ----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_migrating_has_pending_forms_drawn_again() -> None:
    form = filled_form("Ada")
    ada, bobs, other = send(alice(), form), send(bob(), filled_form("Bob")), send(newton(), card(1))
    decided = send(carol(), form, doc_type="business")
    Document.objects.filter(pk=decided.pk).update(status="rejected", decided_at=timezone.now())
    versions = Document.history.count()
    try:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.get_migration("users", "0026_redraw_pending_forms").dependencies)
        # As the release before left them: drawn empty, and so like each other.
        DocumentTwin.objects.all().delete()
        empty = DocumentPrint.objects.get(document=decided)
        for one in (ada, bobs):
            DocumentPrint.objects.filter(document=one).update(
                bits=empty.bits, bands=empty.bands, sketch=bytes(empty.sketch)
            )
        DocumentTwin.objects.create(document=bobs, other=ada)
        DocumentTwin.objects.create(document=decided, other=ada)
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
    assert not DocumentTwin.objects.exists()
    assert set(DocumentPrint.objects.values_list("document_id", flat=True)) == {other.pk, decided.pk}
    assert set(Document.objects.filter(pages=None)) == {ada, bobs}
    likeness.inspect_left_over()
    assert DocumentPrint.objects.count() == 4
    assert not Document.objects.filter(pages=None).exists()
    assert found(compliance(), ada) == [("carol", True)]
    assert Document.history.count() == versions, "facts of the file are no version of it"
