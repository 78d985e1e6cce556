"""Staff are notified of what is assigned or escalated to them, and of notes that mention them."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone

from apps.review import claims
from apps.review.models import Note, Notice
from apps.review.notices import mentioned_in
from apps.users.models import Document, User
from apps.users.verification.upload import send_document
from tests import people
from tests.console import console
from tests.drawn import png, upload

pytestmark = pytest.mark.django_db

PAGE = "/admin/notices/"


@pytest.fixture
def document(db: None) -> Document:
    return send_document(people.newton(), upload(png()), doc_type="identity")


@pytest.fixture
def vera(db: None) -> User:
    return people.make_staff("vera", "Compliance Officer")


@pytest.fixture
def omar(db: None) -> User:
    return people.make_staff("omar", "Compliance Officer")


def act(client: Client, document: Document, action: str, **posted: str) -> str:
    """Post an action about the document from its page; the page that it leads to."""
    address = f"/admin/compliance/{document.pk}/"
    if action == "note":
        return client.post(f"{address}note/", posted, follow=True).text
    client.post(f"{address}action/", {"action": "claim"})
    return client.post(f"{address}action/", {"action": action, **posted}, follow=True).text


def test_assignees_are_notified_and_open_the_item(document: Document, vera: User, omar: User) -> None:
    page = act(console(vera), document, "assign", to=str(omar.pk))
    assert f"Assigned to omar, who is notified: Identity document {document.pk} of newton." in page
    his = console(omar)
    page = his.get(PAGE).text
    assert re.sub(r"\s+", " ", page).count("assigned to you, by vera") == 1
    assert "Unread" in page
    notice = Notice.objects.get()
    opened = his.post(PAGE, {"open": notice.pk})
    assert opened.url == f"/admin/compliance/{document.pk}/"
    assert "Unread" not in his.get(PAGE).text


def test_escalation_names_and_notifies_the_recipient_with_the_reason(
    document: Document, vera: User, omar: User
) -> None:
    page = act(console(vera), document, "escalate", reason="The seal looks wrong")
    assert "Escalated to omar, who is notified" in page
    assert "The seal looks wrong" in console(omar).get(PAGE).text
    assert Notice.objects.get().staff == omar


def test_a_note_notifies_the_colleagues_whom_it_mentions_and_no_others(
    document: Document, vera: User, omar: User
) -> None:
    people.support()
    text = "Ask @Omar. (not @support, not me@omar.example, not @vera)"
    page = act(console(vera), document, "note", text=text)
    assert "Notified: omar." in page
    assert [(notice.staff, notice.text) for notice in Notice.objects.all()] == [(omar, text)]
    assert Note.objects.get().text == text
    page = act(console(vera), document, "note", text="cc @support")
    assert "No one is notified: no colleague of this queue is mentioned." in page
    assert Notice.objects.count() == 1


def test_first_approvers_cannot_be_mentioned_into_the_second_approval(document: Document, omar: User) -> None:
    first = {"first_approved_by": omar, "first_approved_at": timezone.now()}
    Document.objects.filter(pk=document.pk).update(**first)
    document.refresh_from_db()
    assert mentioned_in("@omar", document, "users.review_document") == []


def test_notices_are_one_person_s_own(document: Document, vera: User, omar: User) -> None:
    act(console(vera), document, "assign", to=str(omar.pk))
    notice = Notice.objects.get()
    assert console(vera).post(PAGE, {"open": notice.pk}).status_code == 404
    assert "assigned to you" not in console(vera).get(PAGE).text
    for odd in ("0", "x", "9" * 30, "-1"):
        assert console(omar).post(PAGE, {"open": odd}).status_code == 404
        assert console(omar).get(PAGE, {"before": odd}).status_code == 200
    console(vera).post(PAGE)
    notice.refresh_from_db()
    assert notice.read_at is None
    console(omar).post(PAGE)
    notice.refresh_from_db()
    assert notice.read_at is not None


def test_the_text_of_a_notice_is_shown_only_while_its_item_is_open_to_the_viewer(
    document: Document, vera: User, omar: User
) -> None:
    act(console(vera), document, "escalate", reason="The seal looks wrong")
    address = f"/admin/compliance/{document.pk}/"
    Group.objects.get(name="Compliance Officer").user_set.remove(omar)
    brands = Permission.objects.get(codename="review_brand_document")
    for more in ((), (brands,)):  # no desk, then the desk without this item
        omar.user_permissions.set(more)
        client = console(User.objects.get(pk=omar.pk))
        page = client.get(PAGE).text
        assert f"Document #{document.pk}" in page
        assert "The seal looks wrong" not in page
        assert client.post(PAGE, {"open": Notice.objects.get().pk}).url == PAGE
    assert client.get(address).status_code == 404


def test_older_notices_are_paged_by_key_at_the_same_cost(
    document: Document, vera: User, omar: User, django_assert_max_num_queries: object
) -> None:
    claims.assign(vera, Document, document.pk, to=omar)
    first = Notice.objects.get()
    Notice.objects.bulk_create(
        Notice(staff=omar, actor=vera, kind="mentioned", target_type=first.target_type, target_id=document.pk)
        for _ in range(60)
    )
    client = console(omar)
    client.get(PAGE)
    with django_assert_max_num_queries(14):
        page = client.get(PAGE).text
    assert page.count('class="desk-row ') == 25
    older = re.search(r'href="\?before=(\d+)"', page)
    assert older
    page = client.get(PAGE, {"before": older[1]}).text
    assert page.count('class="desk-row ') == 25
    older = re.search(r'href="\?before=(\d+)"', page)
    assert older
    assert client.get(PAGE, {"before": older[1]}).text.count('class="desk-row ') == 11
