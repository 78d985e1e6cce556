"""Documents in the console: found, opened, looked at, decided."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from guardian.shortcuts import assign_perm

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.users.models import Document, DuplicateMatch, User
from tests import people
from tests.console import DOCUMENTS, console, document_page, fields, links
from tests.factories import make_document

pytestmark = pytest.mark.django_db


def decide(client: Client, document: Document, status: str = "approved", **given: Any) -> Any:
    form = {"status": status, "reason": "", "comment": "", "seen_version": document.version} | given
    return client.post(document_page(document), form)


def messages(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def test_the_product_s_path_verifies_the_owner() -> None:
    newton, officer = people.newton(), people.compliance()
    document = make_document(newton)
    make_document(people.alice(), status="approved", decided_at=timezone.now())
    client = console(officer)
    table = client.get(DOCUMENTS)
    assert f"{DOCUMENTS}?status__exact=pending".removeprefix(DOCUMENTS) in links(table)
    pending = client.get(DOCUMENTS, {"status__exact": "pending"})
    assert [row.pk for row in pending.context["cl"].result_list] == [document.pk]
    opened = client.get(document_page(document))
    assert {"status", "reason", "comment", "_save"} <= set(fields(opened))
    assert "Admin Comment" in opened.content.decode()
    answer = client.post(
        document_page(document),
        {"status": "approved", "comment": "Welcome", "reason": "", "seen_version": 1},
        follow=True,
    )
    assert messages(answer) == [f"Identity document {document.pk} approved: newton is verified."]
    document.refresh_from_db()
    newton.refresh_from_db()
    assert (document.status, document.comment, document.decided_by) == ("approved", "Welcome", officer)
    assert newton.identity_verified
    assert document.history.first().history_user == officer


def test_a_rejection_keeps_the_badge_away_and_carries_its_reason() -> None:
    newton = people.newton()
    document = make_document(newton)
    assert decide(console(people.compliance()), document, "rejected", reason="unreadable").status_code == 302
    document.refresh_from_db()
    newton.refresh_from_db()
    assert (document.status, document.reason) == ("rejected", "unreadable")
    assert not newton.identity_verified


def test_rejected_decision_forms_keep_their_input() -> None:
    document = make_document(people.newton())
    answer = decide(console(people.compliance()), document, "approved", reason="forged", comment="Looks odd to me")
    assert answer.status_code == 422
    assert "Looks odd to me" in answer.content.decode()
    assert "A reason belongs to a rejection" in answer.content.decode()
    answer = decide(console(User.objects.get(username="compliance")), document, "pending", comment="Looks odd to me")
    assert "Approve or reject it." in answer.content.decode()
    document.refresh_from_db()
    assert document.status == "pending"


def test_opening_claims_by_a_post_and_others_only_look() -> None:
    document, first = make_document(people.newton()), people.compliance()
    second = people.make_staff("second", "Compliance Officer")
    page = console(first).get(document_page(document), headers={"Sec-Fetch-Site": "cross-site"})
    document.refresh_from_db()
    assert document.claim_holder() is None
    assert f'data-claim="{DOCUMENTS}{document.pk}/claim/" data-free="1"' in page.content.decode()
    assert "status" in fields(page)
    assert console(first).post(f"{DOCUMENTS}{document.pk}/claim/").json()["claimed"]
    document.refresh_from_db()
    assert document.claim_holder() == first
    page = console(second).get(document_page(document))
    assert "status" not in fields(page)
    assert "Claimed by compliance until " in page.content.decode()
    answer = decide(console(second), document)
    assert answer.status_code == 409
    assert "Claimed by compliance. Take it over with a reason" in answer.content.decode()
    document.refresh_from_db()
    assert document.status == "pending"


def test_a_claim_ends_by_itself_and_by_hand_and_is_renewed() -> None:
    document, first = make_document(people.newton()), people.compliance()
    second = people.make_staff("second", "Compliance Officer")
    assert console(first).post(f"{DOCUMENTS}{document.pk}/claim/").json()["claimed"]
    assert console(second).post(f"{DOCUMENTS}{document.pk}/claim/").status_code == 409
    assert console(first).post(f"{DOCUMENTS}{document.pk}/claim/").json()["claimed"]
    Document.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert "status" in fields(console(second).get(document_page(document)))
    assert console(second).post(f"{DOCUMENTS}{document.pk}/release/").status_code == 302
    document.refresh_from_db()
    assert document.claim_holder() is None


@pytest.mark.parametrize("action", ["claim", "release"])
def test_claims_and_releases_reject_get_requests(action: str) -> None:
    document = make_document(people.newton())
    assert console(people.compliance()).get(f"{DOCUMENTS}{document.pk}/{action}/").status_code == 405


def test_a_decision_on_an_older_version_says_who_decided() -> None:
    document, officer = make_document(people.newton()), people.compliance()
    decide(console(officer), document)
    answer = decide(
        console(people.make_staff("second", "Compliance Officer")), document, "rejected", comment="Too late"
    )
    assert answer.status_code == 409
    assert "Approved by compliance at" in answer.content.decode()
    assert "Too late" in answer.content.decode()
    document.refresh_from_db()
    assert (document.status, document.decided_by) == ("approved", officer)


def test_a_decided_one_is_read_only() -> None:
    document = make_document(people.newton(), status="rejected", reason="expired", decided_at=timezone.now())
    page = console(people.compliance()).get(document_page(document))
    assert page.status_code == 200
    assert not {"status", "reason", "comment", "_save"} & set(fields(page))
    document.refresh_from_db()
    assert document.claimed_by is None


def test_reviewing_the_own_document_is_denied_to_superusers_too() -> None:
    admin = people.admin()
    document = make_document(admin)
    assert "status" not in fields(console(admin).get(document_page(document)))
    answer = decide(console(admin), document)
    assert answer.status_code == 403
    assert "This is your own document. A colleague has to review it." in answer.content.decode()


def test_documents_cannot_be_added_or_deleted_in_the_console() -> None:
    document = make_document(people.newton())
    for client in (console(people.compliance()), console(people.admin())):
        for page in (f"{DOCUMENTS}add/", f"{DOCUMENTS}{document.pk}/delete/"):
            assert client.get(page).status_code == 403
            assert client.post(page, {"post": "yes"}).status_code == 403
        assert client.post(DOCUMENTS, {"action": "delete_selected", "_selected_action": document.pk}).status_code == 403
    assert Document.objects.filter(pk=document.pk).exists()


# --- What it shows ---------------------------------------------------------------------------------------------------


def test_the_list_shows_no_picture_and_no_page_names_the_file() -> None:
    document = make_document(people.newton())
    client = console(people.compliance())
    assert "<img" not in client.get(DOCUMENTS).content.decode()
    assert document.file.name not in client.get(document_page(document)).content.decode()


@pytest.mark.parametrize("name", ["community", "access", "support"])
def test_pages_are_shut_to_all_others(name: str) -> None:
    document = make_document(people.newton())
    client = console(getattr(people, name)())
    assert client.get(document_page(document)).status_code == 403
    for action in ("claim", "release"):
        assert client.post(f"{DOCUMENTS}{document.pk}/{action}/").status_code == 403
    assert decide(client, document).status_code == 403
    assert not Entry.objects.filter(verb=Action.VIEWED).exists()


# --- Grants on one row -----------------------------------------------------------------------------------------------


def test_reviewers_of_one_document_decide_that_one_alone() -> None:
    granted, other = make_document(people.newton()), make_document(people.alice())
    helper = people.make_staff("helper")
    assign_perm("users.review_document", helper, granted)
    client = console(helper)
    assert [row.pk for row in client.get(DOCUMENTS).context["cl"].result_list] == [granted.pk]
    assert client.get(document_page(other)).status_code == 404
    assert client.get(f"{DOCUMENTS}{other.pk}/history/").status_code == 404
    assert client.get(f"{DOCUMENTS}{other.pk}/page/1/").status_code == 404
    assert decide(client, other).status_code == 404
    assert client.get(document_page(granted)).status_code == 200
    assert client.get(f"{DOCUMENTS}{granted.pk}/page/1/").status_code == 200
    assert decide(client, granted).status_code == 302


def test_posts_of_mere_viewers_are_denied_naming_the_permission() -> None:
    document = make_document(people.newton())
    watcher = people.make_staff("watcher")
    assign_perm("users.view_document", watcher, document)
    client = console(watcher)
    assert "status" not in fields(client.get(document_page(document)))
    answer = decide(client, document)
    assert answer.status_code == 403
    assert "Can review document" in answer.content.decode()
    document.refresh_from_db()
    assert document.claimed_by is None


def test_the_owner_s_page_opens_only_to_those_who_may_open_it() -> None:
    document = make_document(people.newton())
    owner = f"/admin/users/user/{document.owner_id}/change/"
    assert owner in links(console(people.compliance()).get(DOCUMENTS))
    helper = people.make_staff("helper")
    assign_perm("users.review_document", helper, document)
    assert owner not in links(console(helper).get(DOCUMENTS))
    assert owner not in links(console(helper).get(document_page(document)))


# --- Users -----------------------------------------------------------------------------------------------------------


def test_users_are_for_reading_with_mail_and_phone_masked() -> None:
    alice = people.make_user("alice", phone="+1234567890")
    for client in (console(people.compliance()), console(people.admin())):
        page = client.get(f"/admin/users/user/{alice.pk}/change/")
        text = page.content.decode()
        assert "a•••@example.com" in text
        assert "alice@example.com" not in text
        assert "1234567890" not in text
        assert not {"username", "email", "role", "_save"} & set(fields(page))
        assert "alice@example.com" not in client.get("/admin/users/user/").content.decode()
        for address in (f"/admin/users/user/{alice.pk}/change/", f"/admin/users/user/{alice.pk}/delete/"):
            assert client.post(address, {"username": "mallory", "post": "yes"}).status_code == 403
    alice.refresh_from_db()
    assert alice.username == "alice"


def test_an_officer_reveals_mail_with_a_reason_on_the_page_of_the_person() -> None:
    alice, officer = people.make_user("alice", phone="+1234567890"), people.compliance()
    client, page = console(officer), f"/admin/users/user/{alice.pk}/change/"
    reveal = {"type": "users.user", "id": alice.pk, "field": "email", "reason": "name differs", "next": page}
    assert client.post("/admin/reveal/", reveal).url == page
    text = client.get(page).text
    assert "alice@example.com" in text
    assert "1234567890" not in text
    assert "alice@example.com" not in client.get("/admin/users/user/").text
    assert "alice@example.com" not in console(people.admin()).get(page).text


def test_staff_do_not_stand_among_the_users() -> None:
    officer, admin = people.compliance(), people.admin()
    client = console(officer)
    assert not client.get("/admin/users/user/").context["cl"].result_list
    assert client.get(f"/admin/users/user/{admin.pk}/change/").status_code == 404


def test_users_are_not_found_by_masked_email() -> None:
    people.alice()
    client = console(people.compliance())
    assert client.get("/admin/users/user/?q=alice").context["cl"].result_count == 1
    assert client.get("/admin/users/user/?q=alice@example.com").context["cl"].result_count == 0


# --- Speed -----------------------------------------------------------------------------------------------------------


def test_lists_ask_as_often_for_one_row_as_for_fifty(django_assert_max_num_queries: Any) -> None:
    officer = people.compliance()
    officer.page_size = 50
    officer.save()
    client = console(officer)
    for number in range(50):
        make_document(people.make_user(f"person{number:02}"))
    client.get(DOCUMENTS)
    for address in (DOCUMENTS, "/admin/users/user/"):
        with django_assert_max_num_queries(17):
            assert len(client.get(address).context["cl"].result_list) == 50
    with django_assert_max_num_queries(17):
        client.get("/admin/")


def test_the_form_of_the_table_warns_of_the_same_file_on_another_account() -> None:
    first = make_document(people.alice())
    second = make_document(people.bob())
    client = console(people.compliance())
    page = client.get(f"{DOCUMENTS}{second.pk}/change/")
    assert "Possible duplicate" in page.content.decode()
    assert f"{DOCUMENTS}{first.pk}/change/" in links(page)
    preview = client.post("/admin/compliance/bulk/", {"action": "approve", "item": [second.pk]}).content.decode()
    assert "Possible duplicate of a document of another account." in preview


def test_desk_and_table_say_how_alike_a_possible_duplicate_is() -> None:
    first, second = make_document(people.alice()), make_document(people.bob())
    Document.objects.filter(pk=second.pk).update(sha256="0" * 64, pages=1)
    DuplicateMatch.objects.create(document=second, other=first, score=0.8349)
    client = console(people.compliance())
    for address in (f"{DOCUMENTS}{second.pk}/change/", f"/admin/compliance/{second.pk}/"):
        page = client.get(address).content.decode()
        assert "Possible duplicate" in page, address
        assert "alice: Looks alike, 0.83," in page, address
    DuplicateMatch.objects.update(score=None)
    assert "Possible duplicate" not in client.get(f"{DOCUMENTS}{second.pk}/change/").content.decode()


def test_a_number_is_found_as_the_pages_write_it() -> None:
    document = make_document(people.alice())
    client = console(people.admin())
    for written in ("{}", "#{}", " # {} ", "№ {}", "document #{}", "Document {}", "(#{})", "“#{}”.", "##{},"):
        term = written.format(document.pk)
        assert any(at.startswith(document_page(document)) for at in links(client.get(DOCUMENTS, {"q": term}))), term
        found = links(client.get("/admin/compliance/", {"q": term}))
        assert any(at.startswith(f"/admin/compliance/{document.pk}/") for at in found), term
        owner = written.replace("ocument", "ser").replace("D", "U").replace("d", "u").format(document.owner_id)
        assert client.get("/admin/support/", {"q": owner})["Location"] == f"/admin/support/{document.owner_id}/"
    assert client.get(DOCUMENTS, {"q": f"story {document.pk}"}).context["cl"].result_count == 0
