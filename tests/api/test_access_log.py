"""Users read when staff viewed their data, and why, but never who it was."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.audit.services import record
from apps.review.reveals import reveal
from apps.users.models import Document, User
from apps.users.verification.upload import send_document
from tests import people
from tests.client import api, assert_problem
from tests.console import console
from tests.drawn import pdf, upload
from tests.factories import make_message, make_story

pytestmark = pytest.mark.django_db
LOG = "/users/profile/access_log"


def lines(person: User) -> list[dict[str, Any]]:
    answer = api(person).get(LOG)
    assert answer.status_code == 200
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def reveal_mail(staff: User, person: User, reason: str = "calls from this address") -> None:
    sent = {"type": "users.user", "id": person.pk, "field": "email", "reason": reason, "next": "/admin/"}
    assert console(staff).post("/admin/reveal/", sent).status_code == 302


def view_page(client: Client, document: Document, page: int, **given: Any) -> None:
    """As the viewer does: an address for the page first, then its picture."""
    answer = client.get(f"/admin/users/document/{document.pk}/page/{page}/", **given)
    assert client.get(answer.json()["address"], **given).status_code == 200


def test_a_reveal_adds_a_line() -> None:
    alice = people.alice()
    assert lines(alice) == []
    reveal_mail(people.support(), alice)
    [line] = lines(alice)
    assert line == {
        "id": Entry.objects.get(verb=Action.REVEALED).pk,
        "kind": "revealed",
        "text": "Staff saw your email address.",
        "target": None,
        "field": "email",
        "reason": "calls from this address",
        "created_at": line["created_at"],
    }
    assert line["created_at"].endswith("Z")


def test_a_view_as_user_adds_a_line_and_a_refused_one_does_not() -> None:
    alice, client = people.alice(), console(people.support())
    address = f"/admin/support/{alice.pk}/as_seen/"
    assert client.get(address).status_code == 200
    assert client.post(address, {"reason": " "}).status_code == 422
    assert lines(alice) == []
    assert client.post(address, {"reason": "misses a story"}).status_code == 200
    [line] = lines(alice)
    assert (line["kind"], line["reason"], line["field"]) == ("looked_as", "misses a story", None)


def test_each_page_of_a_document_that_staff_open_adds_a_line() -> None:
    newton = people.newton()
    document = send_document(newton, upload(pdf(2), "passport.pdf"), doc_type="identity")
    client = console(people.compliance())
    for page in (1, 2):
        view_page(client, document, page)
    shown = lines(newton)
    assert len(shown) == 2
    assert {line["kind"] for line in shown} == {"document"}
    assert shown[0]["target"] == {"kind": "document", "id": document.pk}
    assert shown[0]["reason"] == "To check who you are."


def test_prefetched_documents_are_logged_as_loaded_until_shown() -> None:
    newton, officer = people.newton(), people.compliance()
    document = send_document(newton, upload(pdf(2), "passport.pdf"), doc_type="identity")
    client, page = console(officer), f"/admin/compliance/{document.pk}/"
    ahead = {"headers": {"X-Part": "1", "X-Poll": "1", "X-Ahead": "1"}}
    client.get(page, **ahead)
    view_page(client, document, 1, **ahead)
    loaded = "A document of yours was loaded for staff, and not shown yet."
    assert [line["text"] for line in lines(newton)] == [loaded] * 2
    assert Entry.objects.filter(verb=Action.VIEWED, actor=officer, subject=newton, detail__ahead=True).count() == 2
    timeline = client.get(page, headers={"X-Part": "1"}).content.decode()
    assert "fetched ahead" in timeline
    [line] = lines(newton)
    assert (line["text"], line["reason"]) == ("Staff looked at a document of yours.", "To check who you are.")
    log = console(people.access()).get("/admin/access/audit/").content.decode()
    assert "Fetched ahead" in log
    # Opened again within a while is once, at the table as well; another officer's is another.
    client.get(page)
    client.get(f"/admin/users/document/{document.pk}/change/")
    assert len(lines(newton)) == 1
    console(people.make_staff("vera", "Compliance Officer")).get(f"/admin/users/document/{document.pk}/change/")
    assert len(lines(newton)) == 2


def test_access_log_shows_message_reveals_without_their_reason() -> None:
    alice, bob = people.alice(), people.bob()
    message = make_message(alice, bob)
    sent = {"type": "chat.message", "id": message.pk, "field": "text", "reason": "bob says that she threatens him"}
    console(people.community()).post("/admin/reveal/", sent)
    [line] = lines(alice)
    assert line["text"] == "Staff read a message of yours."
    assert line["target"] == {"kind": "message", "id": message.pk}
    assert line["reason"] == "To look into a report."
    assert lines(bob) == []


def test_access_log_never_names_staff_or_audit_details() -> None:
    alice, support, officer = people.alice(), people.make_staff("gwendolyn"), people.make_staff("hildegard")
    for group, staff in (("User Support Specialist", support), ("Compliance Officer", officer)):
        staff.groups.add(people.Group.objects.get(name=group))
    document = send_document(alice, upload(pdf(1), "passport.pdf"), doc_type="identity")
    headers = {"X-Request-ID": "feedfacefeedfacefeedfacefeedface"}
    desk, viewer = console(support), console(officer)
    sent = {"type": "users.user", "id": alice.pk, "field": "phone", "reason": "calls about a story", "next": "/admin/"}
    desk.post("/admin/reveal/", sent, headers=headers, REMOTE_ADDR="203.0.113.77")
    desk.post(
        f"/admin/support/{alice.pk}/as_seen/",
        {"reason": "calls about a story"},
        headers=headers,
        REMOTE_ADDR="203.0.113.77",
    )
    view_page(viewer, document, 1, headers=headers, REMOTE_ADDR="203.0.113.77")
    entries = Entry.objects.filter(subject=alice)
    assert len(entries) == 3
    assert {entry.address for entry in entries} == {"203.0.113.77"}
    answer = api(alice).get(LOG)
    assert answer.json()["count"] == 3
    known = {"gwendolyn", "hildegard", "203.0.113.77", "feedface", *(entry.request_id for entry in entries)}
    assert [word for word in known if word and word in answer.content.decode()] == []
    assert {key for line in answer.json()["results"] for key in line} == {
        "id", "kind", "text", "target", "field", "reason", "created_at",
    }  # fmt: skip


def test_access_log_lists_views_of_the_own_account_alone() -> None:
    alice, bob, admin = people.alice(), people.bob(), people.admin()
    reveal_mail(admin, bob)
    record(admin, Action.VIEWED, make_story(alice))
    record(admin, Action.REFUSED, alice, reason="no right")
    record(admin, Action.SESSION_ENDED, alice, subject=alice, reason="by hand")
    assert lines(alice) == []


def test_access_log_is_paged_like_all_lists() -> None:
    alice, support = people.alice(), people.support()
    for number in range(12):
        reveal(support, alice, "email", subject=alice, reason=f"ticket {number}: calls")
    client = api(alice)
    page = client.get(LOG).json()
    assert (page["count"], len(page["results"]), page["previous"]) == (12, 10, None)
    assert page["results"][0]["reason"] == "ticket 11: calls"
    assert [line["reason"] for line in client.get(LOG, page=2).json()["results"]] == [
        "ticket 1: calls",
        "ticket 0: calls",
    ]
    assert client.get(LOG, page_size=25).json()["next"] is None
    assert_problem(client.get(LOG, page=3), 404, "no-such-page")
    assert_problem(client.get(LOG, page_size=20), 422, "invalid")
    assert_problem(api().get(LOG), 401, "unauthenticated")


def test_staff_see_that_users_read_their_reasons() -> None:
    alice, client = people.alice(), console(people.support())
    assert "the user can read it" in client.get(f"/admin/support/{alice.pk}/").content.decode()
    assert "finds it in their access log" in client.get(f"/admin/support/{alice.pk}/as_seen/").content.decode()
