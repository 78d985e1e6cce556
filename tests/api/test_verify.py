"""Sending in documents, and what their owners learn about them."""

from __future__ import annotations

from typing import Any

import pytest

from apps.users.models import Document, User
from apps.users.verification.review import review_document
from tests.client import api, assert_problem, submit_document
from tests.drawn import mp4, pdf, pdf_with, picture, png, upload
from tests.people import admin, alice, bob, newton

pytestmark = pytest.mark.django_db


def test_a_newcomer_sends_in_a_document_and_waits() -> None:
    person = newton()
    client = api(person)
    answer = submit_document(client)
    document = Document.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {
        "id": document.pk,
        "doc_type": "identity",
        "legal_name": "",
        "status": "pending",
        "reason": None,
        "comment": "",
        "may_resubmit": False,
        "created_at": answer.json()["created_at"],
        "decided_at": None,
    }
    assert answer.json()["created_at"].endswith("Z")
    assert document.owner == person
    assert (document.media_type, document.size) == ("image/png", document.file.size)
    assert client.get("/users/verify").json()["results"] == [answer.json()]


def test_the_legal_name_is_kept_tidied_and_shown_to_its_owner_alone() -> None:
    person = newton()
    client = api(person)
    answer = submit_document(client, legal_name=" \u200bMa\u0308ya Lu\u0308nd ")
    assert answer.status_code == 201
    assert answer.json()["legal_name"] == "M\u00e4ya L\u00fcnd"
    document = Document.objects.get()
    assert document.legal_name == "M\u00e4ya L\u00fcnd"
    assert client.get("/users/verify").json()["results"] == [answer.json()]
    assert api(alice()).get("/users/verify").json()["results"] == []
    version = document.history.get()
    assert not hasattr(version, "legal_name")


def test_a_legal_name_of_150_characters_is_taken() -> None:
    assert submit_document(api(newton()), legal_name="m" * 150).status_code == 201


@pytest.mark.parametrize(
    ("content", "media_type"),
    [(picture("JPEG"), "image/jpeg"), (picture("WEBP"), "image/webp"), (pdf(), "application/pdf")],
)
def test_documents_are_known_by_content(content: bytes, media_type: str) -> None:
    assert submit_document(api(newton()), content).status_code == 201
    assert Document.objects.get().media_type == media_type


def test_users_have_one_pending_document_of_a_kind() -> None:
    client = api(newton())
    assert submit_document(client).status_code == 201
    assert_problem(submit_document(client), 409, "already-pending")
    assert submit_document(client, doc_type="business").status_code == 201


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"<html></html>", 415),
        (picture("GIF"), 415),
        (mp4(), 415),
        (b"MZ", 415),
        (png()[:60], 422),
        (b"%PDF-nonsense", 422),
        (pdf_with(lambda document: document.attachments.__setitem__("x", b"y")), 422),
        (png() + bytes(10 * 1024 * 1024), 413),
    ],
)
def test_files_that_are_no_documents_are_rejected(content: bytes, status: int) -> None:
    answer = submit_document(api(newton()), content)
    problem = assert_problem(answer, status, answer.json()["type"])
    assert problem["errors"][0]["field"] == "file"
    assert not Document.objects.exists()


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"doc_type": "identity"}, "file"),
        ({"doc_type": "passport"}, "doc_type"),
        ({"doc_type": ""}, "doc_type"),
        ({"doc_type": "identity", "status": "approved"}, "status"),
        ({"doc_type": "identity", "owner": "1"}, "owner"),
        ({"doc_type": "a\x00"}, "doc_type"),
        ({"doc_type": "identity", "legal_name": "Ma\x00ya"}, "legal_name"),
        ({"doc_type": "identity", "legal_name": "Ma\tya"}, "legal_name"),
        ({"doc_type": "identity", "legal_name": "Maya\u202eLund"}, "legal_name"),
        ({"doc_type": "identity", "legal_name": "m" * 151}, "legal_name"),
    ],
)
def test_a_form_that_cannot_be_taken(form: dict[str, Any], field: str) -> None:
    if field != "file":
        form = form | {"file": upload(png())}
    problem = assert_problem(api(newton()).upload("/users/verify", **form), 422, "invalid")
    assert field in {error["field"] for error in problem["errors"]}


def test_users_see_their_own_documents_alone() -> None:
    submit_document(api(newton()))
    assert api(alice()).get("/users/verify").json()["count"] == 0


def test_the_owner_reads_why_and_never_who() -> None:
    client = api(newton())
    submit_document(client)
    officer = admin()
    document = review_document(officer, Document.objects.get().pk, verdict="rejected", reason="unreadable")
    [shown] = client.get("/users/verify").json()["results"]
    assert shown["status"] == "rejected"
    assert shown["reason"] == "unreadable"
    assert shown["comment"] == "We could not read your document. Please send a sharp, well-lit picture of it."
    assert shown["may_resubmit"] is True
    assert shown["decided_at"].endswith("Z")
    assert officer.username not in str(shown)
    assert not {"decided_by", "claimed_by", "file"} & set(shown)
    assert submit_document(client).status_code == 201
    assert document.comment == ""


def test_the_reviewers_own_text_comes_before_that_of_the_reason() -> None:
    client = api(newton())
    submit_document(client)
    review_document(
        admin(), Document.objects.get().pk, verdict="rejected", reason="expired", comment="It ran out in May."
    )
    assert client.get("/users/verify").json()["results"][0]["comment"] == "It ran out in May."


def test_final_rejections_refuse_further_documents_of_that_kind() -> None:
    client = api(newton())
    submit_document(client)
    review_document(admin(), Document.objects.get().pk, verdict="rejected", reason="forged")
    assert client.get("/users/verify").json()["results"][0]["may_resubmit"] is False
    assert_problem(submit_document(client), 409, "rejected-for-good")
    assert submit_document(client, doc_type="business").status_code == 201


def test_approval_opens_the_calls_for_the_verified() -> None:
    person = newton()
    client = api(person)
    submit_document(client)
    assert client.get("/users/profile").json()["is_verified"] is False
    review_document(admin(), Document.objects.get().pk, verdict="approved")
    assert client.get("/users/profile").json()["is_verified"] is True
    assert User.objects.get(pk=person.pk).identity_verified


def test_uploads_are_limited(settings: Any) -> None:
    settings.LIMITS = settings.LIMITS | {"upload": (2, 3600)}
    client = api(newton())
    assert [submit_document(client).status_code for _again in range(3)] == [201, 409, 429]
    assert submit_document(api(bob())).status_code == 201


def test_an_upload_over_the_limit_is_refused_unread() -> None:
    client = api(newton())
    answer = client.client.post(
        "/api/users/verify",
        b"never read",
        content_type="multipart/form-data; boundary=x",
        headers=client.headers | {"Content-Length": str(11 * 1024 * 1024)},
    )
    assert_problem(answer, 413, "too-large")


def test_the_list_costs_the_same_for_any_number(django_assert_num_queries: Any) -> None:
    person = newton()
    client = api(person)
    for number in range(12):
        Document.objects.create(
            owner=person, doc_type="identity", status="rejected", decided_at="2026-01-01T00:00Z", size=number
        )
    with django_assert_num_queries(3):
        assert client.get("/users/verify", page_size=25).json()["count"] == 12
