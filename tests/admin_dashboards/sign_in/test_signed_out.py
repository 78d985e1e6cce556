"""What those see whose session ended while they wrote, or whose form is out of date; and what keeps a session alive."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.utils import timezone

from apps.audit.actions import Action
from apps.audit.models import Entry, Use
from apps.events.models import Event
from apps.users.models import Document, Session, User
from apps.users.verification.upload import send_document
from tests import people
from tests.console import console
from tests.drawn import png, upload
from tests.factories import make_event

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}


@pytest.fixture
def document(db: None) -> Document:
    return send_document(people.newton(), upload(png()), doc_type="identity")


@pytest.fixture
def vera(db: None) -> User:
    return people.make_staff("vera", "Compliance Officer")


def end(user: User) -> None:
    Session.objects.filter(user=user, door=Session.EntryPoint.CONSOLE).update(expires_at=timezone.now())


def here(document: Document, page: str = "") -> str:
    return f"/admin/compliance/{document.pk}/{page}"


# --- Signed out while writing -----------------------------------------------------------------------------------------


def test_the_sign_in_page_says_what_was_not_saved_and_leads_back() -> None:
    community = people.community()
    event, client = make_event(people.alice(), "Party"), console(community)
    change = f"/admin/events/event/{event.pk}/change/?_changelist_filters=when%3Dupcoming"
    client.get(change)
    end(community)
    answer = client.post(
        change, {"title": "A party", "description": "Bring cake"}, headers={"Referer": f"http://testserver{change}"}
    )
    assert answer.status_code == 302
    sign_in = answer.headers["Location"]
    page = client.get(sign_in)
    assert "You were signed out before this was sent: nothing of it was saved." in page.text
    assert Event.objects.get(pk=event.pk).title == "Party"
    back = client.post(sign_in, {"username": "community", "password": people.PASSWORD})
    assert back.headers["Location"] == change


def test_expired_part_requests_lead_back_to_their_page(vera: User, document: Document) -> None:
    client = console(vera)
    client.get(here(document))
    end(vera)
    sent = {"Referer": f"http://testserver{here(document)}?tab=mine"}
    answer = client.post(here(document, "note/"), {"text": "Odd stamp"}, headers=sent)
    assert answer.headers["Location"].endswith(f"?next={here(document)}%3Ftab%3Dmine")
    for stranger in ("http://elsewhere.example/admin/", "http://testserver/api/docs", "nonsense"):
        answer = client.post(here(document, "note/"), {"text": "Odd"}, headers={"Referer": stranger})
        assert answer.headers["Location"].endswith(f"?next={here(document, 'note/')}")


@pytest.mark.parametrize("header", [{"X-Poll": "1"}, {"X-Part": "1"}, JSON])
def test_open_pages_are_notified_of_the_sign_out(vera: User, document: Document, header: dict[str, str]) -> None:
    client = console(vera)
    client.get(here(document))
    end(vera)
    for answer in (
        client.get(here(document, "state/"), headers=header),
        client.post(here(document, "note/"), {"text": "Odd stamp"}, headers=header),
        client.get("/admin/compliance/", headers=header),
    ):
        assert answer.status_code == 401
        assert answer.json() == {
            "type": "signed-out",
            "sentence": "You are signed out.",
            "sign_in": "/admin/login/",
            "sign_in_title": "Sign in again",
        }


# --- What is use ---------------------------------------------------------------------------------------------


def test_polling_keeps_no_session_alive(vera: User, document: Document) -> None:
    begun, client = timezone.now(), console(vera)
    poll = {"X-Poll": "1"}
    with time_machine.travel(begun, tick=False) as clock:
        client.get(here(document))
        for minutes in (20, 40, 59):
            clock.move_to(begun + timedelta(minutes=minutes))
            assert client.get(here(document, "state/")).status_code == 200
            assert client.post(here(document, "action/"), {"action": "renew"}).status_code == 204
            assert client.post(f"/admin/users/document/{document.pk}/claim/").status_code == 200
            assert client.get("/admin/compliance/", headers=poll).status_code == 200
        clock.move_to(begun + timedelta(minutes=settings.CONSOLE_IDLE_MINUTES, seconds=1))
        answer = client.get(here(document, "state/"), headers=JSON)
        assert (answer.status_code, answer.json()["type"]) == (401, "signed-out")
        assert client.get("/admin/compliance/").status_code == 302


def test_polling_records_no_use_of_permissions(vera: User, document: Document) -> None:
    client = console(vera)
    client.get(here(document, "state/"))
    assert not Use.objects.filter(user=vera).exists()
    client.get(here(document))
    assert Use.objects.filter(user=vera, perm="users.review_document").exists()


def test_the_header_of_polls_keeps_neither_refusals_nor_use_out_of_the_records(vera: User) -> None:
    client, poll = console(vera), {"X-Poll": "1"}
    assert client.get("/admin/stories/story/", headers=poll).status_code == 403
    assert client.get("/admin/compliance/", headers=poll).status_code == 200
    assert Entry.objects.filter(actor=vera, verb=Action.REFUSED).count() == 1
    assert Use.objects.filter(user=vera).exists()


def test_user_actions_keep_the_session_alive(vera: User, document: Document) -> None:
    begun, client = timezone.now(), console(vera)
    with time_machine.travel(begun, tick=False) as clock:
        client.get(here(document))
        for minutes in (50, 100, 150):
            clock.move_to(begun + timedelta(minutes=minutes))
            assert client.post(here(document, "note/"), {"text": "Odd"}, headers={"X-Part": "1"}).status_code == 302
            assert client.get(here(document, "state/")).status_code == 200


# --- Out of date ---------------------------------------------------------------------------------------------


@pytest.fixture
def strict(vera: User) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(vera, backend="apps.users.backends.Accounts")
    return client


def test_a_desk_is_given_a_new_token_and_presses_again(strict: Client, vera: User, document: Document) -> None:
    strict.get(here(document))
    note = {"text": "Odd stamp", "csrfmiddlewaretoken": "x" * 64}
    answer = strict.post(here(document, "note/"), note, headers={"X-Part": "1"})
    said = answer.json()
    assert (answer.status_code, said["type"], said["person"]) == (403, "form-out-of-date", vera.pk)
    assert said["sentence"].startswith("This page was out of date, so nothing was sent.")
    assert strict.post(here(document, "note/"), note | {"csrfmiddlewaretoken": said["token"]}).status_code == 302


def test_a_form_out_of_date_leads_back_to_itself(strict: Client, document: Document) -> None:
    change = f"/admin/users/document/{document.pk}/change/?_changelist_filters=q%3Dnewton"
    answer = strict.post(change, {"status": "approved"}, headers={"Referer": f"http://testserver{change}"})
    assert answer.status_code == 403
    assert "This form is out of date" in answer.text
    assert f'href="{change}"' in answer.text
    document.refresh_from_db()
    assert document.status == "pending"


def test_signed_out_and_out_of_date_is_signed_out(strict: Client, document: Document) -> None:
    strict.logout()
    assert strict.post(here(document, "note/"), {"text": "Odd"}, headers=JSON).status_code == 401
    assert strict.post(here(document, "note/"), {"text": "Odd"}).headers["Location"].startswith("/admin/login/?next=")


def test_a_sign_in_page_out_of_date_leads_to_the_sign_in(strict: Client) -> None:
    strict.logout()
    address = "/admin/login/?next=/admin/compliance/"
    answer = strict.post(address, {"username": "vera", "password": people.PASSWORD})
    assert answer.status_code == 403
    assert 'href="/admin/login/?next=/admin/compliance/"' in answer.text
    assert people.PASSWORD not in answer.text


def test_no_token_is_given_to_those_who_are_not_in(strict: Client, document: Document) -> None:
    strict.logout()
    answers: list[Any] = [strict.post(address, headers=JSON) for address in (here(document, "note/"), "/admin/login/")]
    assert not any("token" in answer.text.replace("csrfmiddlewaretoken", "") for answer in answers)
