"""A document's details at the desk and the table: typed, compared, flagged, and shown to whom they concern."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import strip_tags

from apps.users.models import Document, DocumentDetails, Profile, Role
from apps.users.verification.matching import update_keys
from tests import people
from tests.client import api, submit_document
from tests.console import console, document_page, fields
from tests.factories import make_blind_check, make_document
from tests.people import brand_reviewer, officers

pytestmark = pytest.mark.django_db

DESK = "/admin/compliance/"
SAID = {
    "details_version": 0,
    "name": "LUND Maya",
    "born": "1994-05-17",
    "number": "X4T28K91",
    "valid_until": "2031-05-16",
    "checks": ["corners", "one_person"],
}


@pytest.fixture
def document() -> Document:
    return make_document(people.newton(), legal_name="Maya Lund")


def details_page(document: Document) -> str:
    return f"{DESK}{document.pk}/details/"


def panel(answer: Any) -> str:
    """The words of the panel, without the names of its icons."""
    [found] = re.findall(r'<section class="details".*?</section>', answer.content.decode(), re.DOTALL)
    bare = re.sub(r'<span class="material-symbols[^>]*>\w+</span>', "", found)
    return re.sub(r"\s+", " ", strip_tags(bare)).strip()


def test_details_are_typed_at_the_desk_and_compared_at_once(document: Document) -> None:
    client = console(people.compliance())
    page = f"{DESK}{document.pk}/"
    assert "Saved by" not in panel(client.get(page))
    answer = client.post(details_page(document), SAID, follow=True)
    assert answer.redirect_chain == [(page, 302)]
    shown = panel(answer)
    for words in ("Maya Lund", "Matches", "18 or older", "Not expired", "Saved by compliance"):
        assert words in shown
    assert "Suggested reason" not in shown
    text = answer.content.decode()
    assert 'value="LUND Maya"' in text
    assert 'value="1994-05-17"' in text
    assert re.search(r'value="corners" checked', text)
    assert not re.search(r'value="untampered" checked', text)
    assert not re.search(r'name="reason" value="\w+"[^>]* checked', text)
    assert "recorded document details" in text


@pytest.mark.parametrize(
    ("said", "flag", "reason"),
    [
        ({"name": "Maya Underhill"}, "Differs", "Name differs"),
        ({"born": -5000}, "Under 18", "Not eligible"),
        ({"valid_until": "2026-05-03"}, "Expired on 3 May 2026", "Expired"),
        ({"valid_until": 12}, "Expires in 12 days", ""),
        ({"valid_until": 0}, "Expires today", ""),
    ],
)
def test_flagged_details_suggest_a_reason(
    document: Document, said: dict[str, str | int], flag: str, reason: str
) -> None:
    """A number is a date that many days from today, the day of the test and not of its collection."""
    today = timezone.localdate()
    dated = {key: str(today + timedelta(days=one)) if isinstance(one, int) else one for key, one in said.items()}
    client = console(people.compliance())
    answer = client.post(details_page(document), SAID | dated, follow=True)
    assert flag in panel(answer)
    assert ("Suggested reason:" in panel(answer)) == bool(reason)
    assert reason in panel(answer)


def test_a_name_that_was_not_given_is_called_so(document: Document) -> None:
    Document.objects.update(legal_name="")
    assert "Not given" in panel(console(people.compliance()).post(details_page(document), SAID, follow=True))


def test_the_same_number_and_name_lead_to_the_other_documents(document: Document) -> None:
    client = console(people.compliance())
    other = make_document(people.make_user("keiko.berger"), legal_name="Keiko Berger")
    client.post(details_page(other), SAID | {"name": "Keiko Berger"})
    namesake = make_document(people.alice(), legal_name="Lund Maya")
    update_keys(namesake)
    answer = client.post(details_page(document), SAID, follow=True)
    assert f"Same document number as #{other.pk} of keiko.berger" in panel(answer)
    assert f"Same name on #{namesake.pk} of alice" in panel(answer)
    assert "Suggested reason: Already used on another account" in panel(answer)
    assert f'href="{DESK}{other.pk}/"' in answer.content.decode()
    at_table = client.get(document_page(document))
    assert f'href="{document_page(other)}"' in at_table.content.decode()


def test_bulk_approval_names_what_expired_and_numbers_used_twice(document: Document) -> None:
    client = console(people.compliance())
    other = make_document(people.make_user("keiko.berger"))
    client.post(details_page(other), SAID)
    client.post(details_page(document), SAID | {"valid_until": "2026-05-03"})
    text = client.post(f"{DESK}bulk/", {"action": "approve", "item": [document.pk]}).content.decode()
    assert f"Expired on 3 May 2026. Same document number as #{other.pk} of keiko.berger." in text


def test_a_bulk_preview_asks_for_the_matches_of_all_documents_at_once(document: Document) -> None:
    client = console(people.compliance())
    documents = [document, *(make_document(people.make_user(f"person{place}")) for place in range(5))]
    for each in documents:
        client.post(details_page(each), SAID)

    def cost(chosen: list[Document]) -> tuple[str, int]:
        posted = {"action": "approve", "item": [each.pk for each in chosen]}
        with CaptureQueriesContext(connection) as queries:
            page = client.post(f"{DESK}bulk/", posted).text
        return page, sum("documentkey" in query["sql"] for query in queries)

    cost(documents[:1])
    page, queries = cost(documents)
    assert page.count("Same document number as #") == len(documents)
    assert queries == cost(documents[:1])[1] == 1


def test_brand_reviewers_see_and_type_those_of_brands_alone(document: Document) -> None:
    acme = make_document(people.make_user("acme", verified=False, role=Role.BRAND))
    console(people.compliance()).post(details_page(document), SAID)
    client = console(brand_reviewer())
    assert client.post(details_page(document), SAID | {"details_version": 1}).status_code == 404
    assert client.get(details_page(document)).status_code == 404
    answer = client.post(details_page(acme), SAID, follow=True)
    assert "Same document number as one more that you have no permission to see" in panel(answer)
    assert "newton" not in answer.content.decode()
    bulk = client.post(f"{DESK}bulk/", {"action": "approve", "item": [acme.pk]}).content.decode()
    assert "Same document number as on another account." in bulk


@pytest.mark.parametrize("name", ["support", "community", "access"])
def test_other_staff_neither_type_nor_see_them(document: Document, name: str) -> None:
    client = console(getattr(people, name)())
    assert client.post(details_page(document), SAID).status_code == 403
    assert client.get(f"{DESK}{document.pk}/").status_code == 403
    assert not DocumentDetails.objects.exists()


def test_support_sees_legal_names_masked(document: Document) -> None:
    officer = people.support()
    page = f"/admin/support/{document.owner_id}/as_seen/"
    text = console(officer).post(page, {"reason": "They called about their document."}, follow=True).content.decode()
    assert "M••• L•••" in text
    assert "Maya Lund" not in text


def test_conflicting_details_stay_in_the_form_beside_the_saved_ones(document: Document) -> None:
    vera, omar = officers()
    console(vera).post(details_page(document), SAID)
    client = console(omar)
    answer = client.post(details_page(document), SAID | {"number": "X9", "checks": ["untampered"]})
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "vera saved details meanwhile; they are shown beside yours. Save again to replace them." in text
    assert 'value="X9"' in text
    assert "Saved: X4T28K91" in panel(answer)
    assert re.search(r'value="untampered" checked', text)
    assert not re.search(r'value="corners" checked', text)
    assert 'name="details_version" value="1"' in text
    assert DocumentDetails.objects.get().number == "X4T28K91"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"name": "M\x07aya"}, "name"),
        ({"name": "m" * 5000}, "name"),
        ({"born": "yesterday"}, "born"),
        ({"valid_until": "2026-13-01"}, "valid_until"),
        ({"number": "<script>" * 20}, "number"),
    ],
)
def test_bad_input_is_answered_at_its_field(document: Document, said: dict[str, str], field: str) -> None:
    answer = console(people.compliance()).post(details_page(document), SAID | said)
    assert answer.status_code == 422
    assert re.search(rf'name="{field}"[^>]* aria-invalid="true"', answer.content.decode())
    assert "<script><script>" not in answer.content.decode()
    assert not DocumentDetails.objects.exists()


def test_a_null_character_is_refused_in_any_field(document: Document) -> None:
    client = console(people.compliance())
    for name in SAID:
        assert client.post(details_page(document), SAID | {name: "1\x00"}).status_code == 422
    assert not DocumentDetails.objects.exists()


@pytest.mark.parametrize("version", ["", "-1", "x", "1", "9" * 30, "0\x07"])
def test_odd_versions_overwrite_nothing(document: Document, version: str) -> None:
    assert (
        console(people.compliance()).post(details_page(document), SAID | {"details_version": version}).status_code
        == 409
    )
    assert not DocumentDetails.objects.exists()


def test_a_document_that_another_has_claimed_or_decided_shows_them_to_read(document: Document) -> None:
    vera, omar = officers()
    console(vera).post(details_page(document), SAID)
    console(omar).post(f"{DESK}{document.pk}/action/", {"action": "claim"})
    client = console(vera)
    answer = client.get(f"{DESK}{document.pk}/")
    assert "details_version" not in fields(answer)
    assert "X4T28K91" in panel(answer)
    assert "No sign of tampering (not ticked)" in panel(answer)
    assert client.post(details_page(document), SAID | {"details_version": 1}).status_code == 409


def test_the_table_shows_them_to_read_and_decides_as_before(document: Document) -> None:
    client = console(people.compliance())
    client.post(details_page(document), SAID | {"valid_until": "2026-05-03"})
    page = client.get(document_page(document))
    for words in ("Maya Lund", "LUND Maya", "Matches", "X4T28K91", "17 May 1994", "Expired on 3 May 2026"):
        assert words in panel(page)
    assert not {"details_version", "name", "number"} & set(fields(page))
    form = {"status": "approved", "reason": "", "comment": "", "seen_version": document.version}
    client.post(document_page(document), form)
    document.refresh_from_db()
    assert document.status == "approved"


def test_the_blind_review_shows_the_legal_name_and_nothing_that_was_typed() -> None:
    officer, second = people.compliance(), people.make_staff("vera", "Compliance Officer")
    check = make_blind_check(officer)
    Document.objects.update(legal_name="Maya Lund")
    text = console(second).get(f"{DESK}quality/{check.pk}/").content.decode()
    assert "Maya Lund" in text
    assert "On the document" not in text


def test_values_stay_out_of_exports_history_and_the_log(
    document: Document, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    client = console(people.admin())
    client.post(details_page(document), SAID)
    client.post(details_page(document), SAID | {"born": "odd", "details_version": 1})
    logged = caplog.text + "".join(capsys.readouterr())
    assert "details" in logged
    exported = client.post("/admin/users/document/export/", {"format": "0"}, follow=True).content.decode()
    history = client.get(f"/admin/users/document/{document.pk}/history/").content.decode()
    for value in ("Maya Lund", "LUND Maya", "X4T28K91", "1994-05-17", "17 May 1994"):
        assert value not in logged + exported + history


def test_the_legal_name_comes_from_the_upload() -> None:
    submit_document(api(people.newton()), legal_name="Maya Lund")
    assert "Maya Lund" in panel(console(people.compliance()).get(f"{DESK}{Document.objects.get().pk}/"))


def test_a_company_beside_its_profile(document: Document) -> None:
    acme = make_document(people.make_user("acme", role=Role.BRAND), doc_type="business", legal_name="Acme Ltd")
    Profile.objects.filter(user=acme.owner).update(company_name="Acme Shoes")
    client = console(people.compliance())
    shown = panel(client.post(details_page(acme), {"details_version": 0, "name": "ACME LTD"}, follow=True))
    assert "Company name Acme Ltd Matches Company in the profile Acme Shoes Differs" in shown
    assert "Issued by a register or authority" in shown
    assert "Date of birth" not in shown
    assert "Suggested reason" not in shown


def test_the_panel_costs_the_same_for_any_number_of_matches(document: Document, django_assert_num_queries: Any) -> None:
    client = console(people.compliance())
    client.post(details_page(document), SAID)
    page = f"{DESK}{document.pk}/"
    client.get(page)
    for place in range(12):
        client.post(details_page(make_document(people.make_user(f"person{place}"))), SAID)
    with django_assert_num_queries(25):
        assert len(client.get(page).context["details"].matches.number.shown) == 12
