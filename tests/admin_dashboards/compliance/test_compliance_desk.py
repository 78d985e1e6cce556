"""What the compliance desk does beside deciding one document after the other."""

from __future__ import annotations

import re
from typing import Any

import pytest

from apps.review.decisions.models import Decision
from apps.review.models import Note
from apps.users.models import Document, ReviewRule, User
from tests import people
from tests.console import console, fields
from tests.factories import make_document
from tests.people import officers

pytestmark = pytest.mark.django_db

DESK = "/admin/compliance/"


@pytest.fixture
def document() -> Document:
    return make_document(people.newton())


def status_of(document: Document) -> str:
    document.refresh_from_db()
    return document.status


def test_the_message_preview_is_what_is_sent(document: Document) -> None:
    client, address = console(people.compliance()), f"{DESK}{document.pk}/preview/"
    shown = client.post(address, {"verdict": "rejected", "reason": "expired", "comment": "In May."}).text
    assert "Please send one that is still valid. In May.</p>" in shown
    assert ">Your document was not accepted</span>" in shown
    assert "You may send in another one" in shown
    assert client.post(address, {"verdict": "rejected", "reason": "odd"}).status_code == 422
    assert status_of(document) == "pending"


def test_a_second_pair_of_eyes_is_asked_for_and_given(document: Document) -> None:
    vera, omar = officers()
    page = f"{DESK}{document.pk}/"
    hers = console(vera)
    hers.get(page)
    assert hers.post(f"{page}second/", {"reason": " ", "second": "1"}).status_code == 422
    answer = hers.post(f"{page}second/", {"reason": "The stamp is odd."}, follow=True)
    assert "Needs two approvals." in answer.content.decode()
    assert Note.objects.get().text == "The stamp is odd."
    hers.post(f"{page}decide/", {"verdict": "approved", "version": document.version})
    document.refresh_from_db()
    assert document.first_approved_by == vera
    # It is no work of hers any more: not in her queue, not to be claimed.
    assert not hers.get(DESK).context["lines"]
    assert "verdict" not in fields(hers.get(page))
    assert hers.post(f"{page}action/", {"action": "claim"}).status_code == 403
    his = console(omar)
    assert "vera recorded the first approval." in his.get(page).content.decode()
    his.post(f"{page}decide/", {"verdict": "approved", "version": document.version})
    assert status_of(document) == "approved"


def test_an_approval_is_revoked_at_the_desk_with_a_reason(document: Document) -> None:
    client, page = console(people.compliance()), f"{DESK}{document.pk}/"
    client.get(page)
    client.post(f"{page}decide/", {"verdict": "approved", "version": 1})
    revoking = {"verdict": "rejected", "reason": "forged", "version": 2}
    assert client.post(f"{page}override/", revoking | {"why": ""}).status_code == 422
    assert client.post(f"{page}override/", revoking | {"why": "agency", "version": 1}).status_code == 409
    assert client.post(f"{page}override/", revoking | {"why": "agency", "reason": ""}).status_code == 422
    # The preview of what was refused says what revoking would send.
    refused = client.post(f"{page}override/", revoking | {"why": ""}).text
    assert ">Your verification was withdrawn</span>" in refused
    assert status_of(document) == "approved"
    assert client.post(f"{page}override/", revoking | {"why": "agency"}).status_code == 302
    assert status_of(document) == "rejected"
    assert not User.objects.get(username="newton").identity_verified
    client.post(f"{DESK}undo/", {"decision": Decision.objects.latest("id").pk})
    assert status_of(document) == "approved"


def test_many_documents_are_rejected_at_once_and_undone(document: Document) -> None:
    vera, omar = officers()
    other, claimed = make_document(people.alice()), make_document(people.bob())
    console(omar).post(f"{DESK}{claimed.pk}/action/", {"action": "claim"})
    client = console(vera)
    chosen = {"action": "reject", "item": [document.pk, other.pk, claimed.pk]}
    preview = client.post(f"{DESK}bulk/", chosen).content.decode()
    assert "Claimed by omar. Take it over with a reason, or choose another item." in preview
    assert "Already used on another account" in preview
    versions = {f"version_{pk}": 1 for pk in (document.pk, other.pk, claimed.pk)}
    confirmed = chosen | versions | {"confirmed": "1"}
    assert client.post(f"{DESK}bulk/", confirmed).status_code == 422
    done = client.post(f"{DESK}bulk/", confirmed | {"reason": "unreadable"})
    assert [status_of(one) for one in (document, other, claimed)] == ["rejected", "rejected", "pending"]
    [batch] = re.findall(r'name="batch" value="([^"]+)"', done.content.decode())
    client.post(f"{DESK}undo/", {"batch": batch})
    assert [status_of(one) for one in (document, other)] == ["pending", "pending"]


def test_bulk_approval_is_the_first_of_two_where_a_rule_asks(document: Document) -> None:
    ReviewRule.objects.create(role="brand")
    business = make_document(people.make_user("acme", role="brand", verified=False))
    client = console(people.compliance())
    chosen = {"action": "approve", "item": [document.pk, business.pk]}
    assert "waits for a second officer." in client.post(f"{DESK}bulk/", chosen).content.decode()
    versions = {f"version_{pk}": 1 for pk in (document.pk, business.pk)}
    client.post(f"{DESK}bulk/", chosen | versions | {"confirmed": "1"})
    again = client.post(f"{DESK}bulk/", chosen).content.decode()
    assert "You recorded the first approval; a second officer has to confirm it." in again
    assert status_of(document) == "approved"
    business.refresh_from_db()
    assert business.awaits_second


def test_a_reason_that_was_not_taken_comes_back_in_its_form_alone(document: Document) -> None:
    client = console(people.compliance())
    page = client.post(f"{DESK}{document.pk}/second/", {"second": "1", "reason": "x" * 2001}).content.decode()
    assert page.count("x" * 2001) == 1
    assert 'class="desk-second" open' in page


def test_long_lists_explain_how_to_reach_the_rest(document: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("admin_dashboards.review.views.index.SHOWN", 1)
    make_document(document.owner, doc_type="business")
    client = console(people.compliance())
    assert "The first 1 are shown. More appear as" in client.get(DESK).content.decode()
    assert "The latest 1 are shown. Refine the search" in client.get(f"{DESK}?q=newton").content.decode()


def test_a_document_costs_as_much_beside_many_copies_as_alone(
    document: Document, django_assert_max_num_queries: Any
) -> None:
    client, page = console(people.compliance()), f"{DESK}{document.pk}/"
    client.get(page)
    for number in range(12):
        make_document(people.make_user(f"person{number}"), pages=1)
    for kind in ("identity", "business"):
        make_document(document.owner, status="rejected", decided_at=document.created_at, doc_type=kind)
    with django_assert_max_num_queries(29):
        assert len(client.get(page).context["duplicates"].shown) == 12
