"""What the file of a document shows, and the same one found on other accounts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from io import BytesIO
from random import Random
from typing import Any

import psycopg
import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone
from guardian.shortcuts import assign_perm
from PIL import Image, ImageDraw

from apps.infra.files import comparing
from apps.infra.files.rendering import Unrenderable
from apps.users.models import Document, DocumentFingerprint, DuplicateMatch, User
from apps.users.verification import duplicates
from apps.users.verification.upload import send_document
from benchmarks import papers as layouts
from benchmarks.papers import COPIES, jpeg, photographed, printed
from demo.drawing.documents import Holder, business_paper, identity_card
from tests import comparisons
from tests.drawn import filled_form, pdf, png, upload
from tests.jobs import run_jobs, waiting
from tests.people import alice, bob, carol, compliance, make_staff, make_user, newton
from tests.races import at_once
from tests.undoing import undone

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def _pages_are_remembered() -> Iterator[None]:
    with comparisons.pages_remembered():
        yield


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
    """A form that is the same for all owners but for one line."""
    image = Image.new("RGB", (620, 880), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((40, 40, 580, 120), fill="#224466")
    for top in range(200, 800, 40):
        draw.rectangle((40, top, 500, top + 8), fill="#888888")
    draw.text((60, 140), company, font_size=36, fill="black")
    return encoded(image, kind, quality)


def form_card_picture(number: int) -> Image.Image:
    return layouts.card(0, layouts.person(Random(f"holder {number}")))


def form_card(number: int) -> bytes:
    """A card of one form; person, portrait and number differ."""
    return encoded(form_card_picture(number), "PNG", 0)


def printed_form(number: int) -> bytes:
    return layouts.paper(0, layouts.person(Random(f"company {number}")))


def encoded(image: Image.Image, kind: str, quality: int) -> bytes:
    out = BytesIO()
    image.save(out, kind, quality=quality)
    return out.getvalue()


def send(owner: User, content: bytes, doc_type: str = "identity") -> Document:
    document = send_document(owner, upload(content), doc_type=doc_type)
    duplicates.inspect_document(document.pk)
    document.refresh_from_db()
    return document


def send_earlier(owner: User, content: bytes, doc_type: str) -> Document:
    """One that is decided, so that its owner can send the next."""
    document = send(owner, content, doc_type)
    Document.objects.filter(pk=document.pk).update(status="rejected", decided_at=timezone.now())
    return document


def found(viewer: User, document: Document) -> list[tuple[str, bool]]:
    return [(one.document.owner.username, one.same_file) for one in duplicates.duplicates(viewer, document).shown]


def test_a_job_looks_through_what_was_sent_in() -> None:
    document = send_document(newton(), upload(pdf(3)), doc_type="identity")
    assert document.pages is None
    versions = document.history.count()
    assert len(waiting("users.inspect_document")) == 1
    run_jobs()
    document.refresh_from_db()
    assert document.pages == 3
    assert document.history.count() == versions, "the measures of the file are no version of it"


def test_unreadable_documents_have_no_pages() -> None:
    document = send_document(newton(), upload(png()), doc_type="identity")
    with document.file.open("wb") as file:
        file.write(b"\x89PNG nothing")
    duplicates.inspect_document(document.pk)
    document.refresh_from_db()
    assert document.pages == 0
    assert not DocumentFingerprint.objects.exists()


def test_a_file_that_is_away_is_asked_for_again_and_one_that_is_gone_is_not() -> None:
    document = send_document(newton(), upload(png()), doc_type="identity")
    default_storage.delete(document.file.name)
    with pytest.raises(OSError, match=r"document"):
        duplicates.inspect_document(document.pk)
    document.refresh_from_db()
    assert document.pages is None
    assert duplicates.inspect_left_over() == 1
    assert duplicates.inspect_left_over() == 0


def test_a_comparison_that_takes_too_long_is_made_anew_and_keeps_no_other_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def too_slow(*_pages_of: Any) -> None:
        raise Unrenderable("too-slow-to-draw", "This file takes too long to draw.")

    officer = compliance()
    send(alice(), card(1))
    slow = send_document(newton(), upload(card(1, kind="JPEG")), doc_type="identity")
    with monkeypatch.context() as patch:
        patch.setattr(comparing, "scores", too_slow)
        with pytest.raises(Unrenderable):
            duplicates.inspect_document(slow.pk)
        slow.refresh_from_db()
        assert slow.pages == 1
        other = send_document(bob(), upload(card(2)), doc_type="identity")
        assert duplicates.inspect_left_over() == 2
        assert duplicates.inspect_left_over() == 0
    assert found(officer, other) == []
    DocumentFingerprint.objects.filter(document=slow).update(version=0)
    assert duplicates.inspect_left_over() == 1
    assert found(officer, slow) == [("alice", False)]


def test_the_same_file_is_found_before_any_job_has_run() -> None:
    first = send_document(alice(), upload(card(1)), doc_type="identity")
    second = send_document(newton(), upload(card(1)), doc_type="identity")
    officer = compliance()
    assert found(officer, second) == [("alice", True)]
    assert found(officer, first) == [("newton", True)]


def test_a_copy_of_a_picture_is_found_and_another_picture_is_not() -> None:
    officer = compliance()
    original, other = send(alice(), card(1)), send(bob(), card(2))
    copies = {
        "jpeg": card(1, kind="JPEG"),
        "webp": card(1, kind="WEBP"),
        "smaller": card(1, scale=0.5),
        "poor": card(1, kind="JPEG", quality=15),
    }
    for kind, copy in copies.items():
        with undone():
            assert found(officer, send(newton(), copy)) == [("alice", False)], kind
            assert found(officer, original) == [("newton", False)], kind
            assert found(officer, other) == [], kind


def test_a_turned_copy_is_found_and_no_other_card_or_document() -> None:
    officer = compliance()
    original = send(alice(), card(1))
    send(make_user("other"), card(2))
    send(make_user("roasters"), paper("Copper Kettle Roasters"))
    papers = send(make_user("studio"), paper("Northwind Studio"))
    copy = Image.open(BytesIO(card(1, kind="JPEG", scale=0.6, quality=25)))
    printed_copy = Image.open(BytesIO(paper("Northwind Studio", kind="JPEG")))
    for turn in (90, 180, 270):
        with undone():
            turned = encoded(copy.rotate(turn, expand=True), "JPEG", 60)
            assert found(officer, send(newton(), turned)) == [("alice", False)], turn
            assert found(officer, original) == [("newton", False)], turn
    turned = encoded(printed_copy.rotate(90, expand=True), "JPEG", 60)
    assert found(officer, send(carol(), turned)) == [("studio", False)]
    assert found(officer, papers) == [("carol", False)]


@pytest.mark.parametrize("kind", ["card", "paper"])
def test_all_kinds_of_copies_are_found_and_none_of_them_is_one_of_another_document(kind: str) -> None:
    agency, officer = make_user("agency"), compliance()
    if kind == "card":
        doc_type, drawn = "identity", form_card_picture(1)
        originals = form_card(0), form_card(1)
    else:
        doc_type, drawn = "business", printed(printed_form(1))
        originals = printed_form(0), printed_form(1)
    # Those of one owner are not compared with each other, so that all are compared with each original at once.
    # That both may be photographed has a test of its own; how the copy is made is the same.
    kinds = {copy: name for name, copy in COPIES.items()}
    copies = {send_earlier(agency, copy(drawn, Random(1)), doc_type): name for copy, name in kinds.items()}
    assert found(officer, send(alice(), originals[0], doc_type)) == []
    original = send(bob(), originals[1], doc_type)
    again = [copies[one.document] for one in duplicates.duplicates(officer, original).shown]
    assert sorted(again) == sorted(kinds.values())


def test_a_copy_is_found_where_many_documents_of_its_form_share_more_hashes_with_it() -> None:
    agency = make_user("agency")
    # Nine are alike: how they differ from each other is not asked.
    sent = [send_earlier(agency, printed_form(number), "business") for number in (0, *[1] * 9)]
    first = DocumentFingerprint.objects.get(document=sent[0])
    DocumentFingerprint.objects.filter(document=sent[0]).update(hashes=(first.hashes or [])[::10])
    copied = send(alice(), COPIES["downsized"](printed(printed_form(0)), Random(2)), "business")
    hashes = DocumentFingerprint.objects.get(document=copied).hashes or []
    by_hashes = duplicates.candidates(hashes, copied.pk, copied.owner_id)
    assert by_hashes.index(sent[0].pk) == 9, "more than are compared at full size come before it"
    assert [one.document for one in duplicates.duplicates(compliance(), copied).shown] == [sent[0]]


def test_two_photographs_of_one_card_find_each_other() -> None:
    officer = compliance()
    for number in range(2):
        send(make_user(f"holder{number}"), photographed(form_card_picture(number), Random(f"first {number}")))
    again = send(alice(), photographed(form_card_picture(1), Random("again")))
    assert found(officer, again) == [("holder1", False)]


def test_duplicate_matches_have_a_similarity_score() -> None:
    first, copied = send(alice(), form_card(1)), send(bob(), jpeg(form_card_picture(1), 40))
    send(newton(), form_card(1))
    scores = {one.document.owner.username: one.score for one in duplicates.duplicates(compliance(), first).shown}
    assert scores["newton"] == 1
    assert duplicates.SAME < scores["bob"] < 1
    assert DuplicateMatch.objects.get(document=copied, other=first).score == scores["bob"]


def test_the_demo_s_cards_and_documents_are_no_duplicates() -> None:
    officer, random = compliance(), Random("demo")
    documents = []
    for number, name in enumerate(("Luca Ivanova", "Nora Ivanova", "Nora Bello")):
        born, expires = date(1980 + number, 3, 4), date(2030, 1, number + 1)
        holder = Holder(name, born, expires, f"X{random.randint(10, 99)}K{random.randint(1000, 9999)}")
        documents.append(send(make_user(f"holder{number}"), identity_card(random, holder)))
        paper = business_paper(f"{name.split()[1]} Goods", name, str(random.randint(20_000, 90_000)))
        documents.append(send(make_user(f"company{number}"), paper, "business"))
    assert [found(officer, one) for one in documents] == [[]] * 6


def test_two_documents_of_one_form_are_not_the_same() -> None:
    officer = compliance()
    send(alice(), paper("Copper Kettle Roasters"))
    other = send(bob(), paper("Northwind Studio"))
    assert found(officer, other) == []
    assert found(officer, send(carol(), paper("Northwind Studio", kind="JPEG"))) == [("bob", False)]


def test_blank_pages_are_not_each_other_s_copies() -> None:
    send(alice(), pdf())
    assert found(compliance(), send(newton(), png())) == []
    assert not DocumentFingerprint.objects.exists()


def test_earlier_documents_of_the_owner_are_no_duplicates() -> None:
    person = newton()
    send(person, card(1))
    assert found(compliance(), send(person, card(1), "business")) == []


def test_hidden_duplicates_are_counted_for_limited_reviewers() -> None:
    document = send(newton(), card(1))
    granted, hidden = send(alice(), card(1)), send(bob(), card(1))
    helper = make_staff("helper")
    for one in (document, granted):
        assign_perm("users.review_document", helper, one)
    result = duplicates.duplicates(helper, document)
    assert [one.document for one in result.shown] == [granted]
    assert result.hidden == 1
    assert hidden not in duplicates.viewable_documents(helper)


def test_the_rarest_shared_hashes_find_candidates_by_index() -> None:
    documents = [send_document(make_user(f"person{number}"), upload(png()), doc_type="identity") for number in range(5)]
    for number, document in enumerate(documents):
        hashes = [*range(10), *((20, 21) if number < 2 else ())]
        DocumentFingerprint.objects.create(document=document, version=duplicates.VERSION, hashes=hashes)
    asked, last = [*range(10), 20, 21], documents[2]
    first, second, *others = duplicates.candidates(asked, last.pk, last.owner_id)
    assert {first, second} == {documents[0].pk, documents[1].pk}
    assert set(others) == {documents[3].pk, documents[4].pk}, "one's own is none"
    assert duplicates.candidates([99], last.pk, last.owner_id) == []


def test_a_hash_that_belongs_to_a_form_is_neither_kept_nor_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "COMMON", 3)
    documents = [send(make_user(f"person{number}"), form_card(number)) for number in range(4)]
    holders = Counter(one for kept in DocumentFingerprint.objects.all() for one in kept.hashes or ())
    common = [one for one, count in holders.items() if count == 3]
    assert len(common) > 20
    assert max(holders.values()) == 3
    assert duplicates.candidates(common, 0, 0) == []
    officer = compliance()
    assert found(officer, send(alice(), jpeg(form_card_picture(3), 40))) == [("person3", False)]
    assert found(officer, documents[0]) == []


@pytest.mark.django_db(transaction=True)
def test_concurrent_inspections_record_each_pair_once() -> None:
    people = [make_user(f"person{number}") for number in range(3)]
    documents = [
        send_document(person, upload(card(1, scale=1 - place / 50)), doc_type="identity")
        for place, person in enumerate(people)
    ]
    at_once([partial(duplicates.inspect_document, document.pk) for document in documents] * 2)
    assert DuplicateMatch.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_an_inspection_goes_on_when_another_one_deletes_the_fingerprint_it_has_made() -> None:
    document = send_document(newton(), upload(png()), doc_type="identity")
    waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted)"
    with (
        psycopg.connect(**connection.get_connection_params(), autocommit=True) as other,
        ThreadPoolExecutor() as pool,
    ):
        other.execute("BEGIN")
        other.execute("INSERT INTO users_documentprint (document_id) VALUES (%s)", [document.pk])
        inspection = pool.submit(at_once, [partial(duplicates.inspect_document, document.pk)])
        while other.execute(waits).fetchone() != (True,):
            assert not inspection.done()
        other.execute("COMMIT; DELETE FROM users_documentprint")
        assert inspection.result() == [None]
    document.refresh_from_db()
    assert document.pages == 1


def test_pages_are_counted_up_to_fifty() -> None:
    content = pdf(60)
    sent = Document(
        owner=newton(), doc_type="identity", file=upload(content), media_type="application/pdf", size=1, sha256=""
    )
    sent.save()
    duplicates.inspect_document(sent.pk)
    sent.refresh_from_db()
    assert sent.pages == 50


def test_filled_in_forms_of_two_users_differ_and_copies_match() -> None:
    first = send(alice(), filled_form("Ada Lovelace"))
    second = send(newton(), filled_form("Grace B. Hopper"))
    copied = send(bob(), filled_form("Ada Lovelace") + b"\n%\n")
    officer = compliance()
    assert found(officer, second) == []
    assert [name for name, _ in found(officer, copied)] == ["alice"]
    assert [name for name, _ in found(officer, first)] == ["bob"]


# --- From before to now ----------------------------------------------------------------------------------------------


def test_fingerprints_of_the_previous_release_are_computed_again() -> None:
    officer = compliance()
    ada, other = send(alice(), form_card(1)), send(bob(), form_card(2))
    copied = send(newton(), photographed(form_card_picture(1), Random(5)))
    DuplicateMatch.objects.all().delete()
    DocumentFingerprint.objects.update(version=0, hashes=None, bits=1, bands=[1, 2, 3, 4], sketch=bytes(1024))
    DuplicateMatch.objects.create(document=other, other=ada)
    assert found(officer, other) == []
    assert duplicates.inspect_left_over(is_stopping=iter([False, True]).__next__) == 1
    assert duplicates.inspect_left_over() == 2
    assert found(officer, other) == []
    assert found(officer, ada) == [("newton", False)]
    assert found(officer, copied) == [("alice", False)]
    assert DuplicateMatch.objects.count() == 1
    assert not DocumentFingerprint.objects.exclude(version=duplicates.VERSION, sketch=None).exists()
    assert duplicates.inspect_left_over() == 0
