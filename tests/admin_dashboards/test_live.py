"""What open pages poll: the counts in the menu, and the time that the session has left."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from admin_dashboards import live
from apps.users.models import Document, Session
from tests import people
from tests.clock import Clock
from tests.console import console
from tests.factories import make_document

pytestmark = pytest.mark.django_db

LIVE = "/admin/live/"
POLL = {"X-Poll": "1", "Accept": "application/json"}


def counts(client: Client) -> Any:
    answer = client.get(LIVE, headers=POLL)
    assert answer.status_code == 200
    return answer.json()


def overdue(document: Document) -> None:
    Document.objects.filter(pk=document.pk).update(created_at=timezone.now() - timedelta(days=40))


def test_the_menu_counts_open_and_overdue_items_in_words() -> None:
    documents = [make_document(people.make_user(f"user{number}")) for number in range(3)]
    overdue(documents[0])
    client = console(people.compliance())
    page = client.get("/admin/preferences/").content.decode()
    assert "3 open, 1 overdue" in page
    assert counts(client)["desks"] == {"compliance": {"open": "3", "overdue": "1", "label": "3 open, 1 overdue"}}
    assert counts(client)["notices"] == 0


def test_appeals_are_named_with_the_cases() -> None:
    client = console(people.community())
    assert counts(client)["desks"]["moderation"]["label"] == "0 open; Appeals: 0 open"
    assert set(counts(console(people.admin()))["desks"]) == {"compliance", "moderation"}


def test_staff_without_a_queue_get_no_counts() -> None:
    make_document(people.alice())
    for who in (people.support(), people.access(), people.make_staff("nora")):
        client = console(who)
        assert counts(client)["desks"] == {}
        assert "data-counts" not in client.get("/admin/").content.decode()


def test_the_counts_are_of_the_rows_that_one_may_decide() -> None:
    make_document(people.make_user("brandon", role="brand"))
    make_document(people.make_user("ivy"))
    brandy = people.make_staff("brandy")
    brandy.user_permissions.set(Permission.objects.filter(codename="review_brand_document"))
    assert counts(console(brandy))["desks"]["compliance"]["open"] == "1"


def test_counting_stops_at_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST", 2)
    for number in range(4):
        overdue(make_document(people.make_user(f"user{number}")))
    assert counts(console(people.compliance()))["desks"]["compliance"] == {
        "open": "2+",
        "overdue": "2+",
        "label": "more than 2 open, more than 2 overdue",
    }


def test_a_poll_costs_six_queries(django_assert_num_queries: Any) -> None:
    client = console(people.admin())
    counts(client)
    with django_assert_num_queries(6):  # session, user, console session, goals, counts, notices
        counts(client)


def test_a_poll_is_refused_when_signed_out_and_takes_no_posts() -> None:
    assert Client().get(LIVE, headers=POLL).status_code == 401
    assert console(people.support()).post(LIVE).status_code == 403


@pytest.mark.parametrize(
    ("address", "current"),
    [
        ("/admin/moderation/", ["/admin/moderation/"]),
        ("/admin/moderation/appeals/", ["/admin/moderation/"]),
        ("/admin/moderation/settings/", ["/admin/moderation/"]),
        ("/admin/moderation/report/", ["/admin/moderation/report/"]),
        ("/admin/users/document/", ["/admin/users/document/"]),
        ("/admin/", []),
    ],
)
def test_the_menu_marks_one_entry_as_current(address: str, current: list[str]) -> None:
    page = console(people.admin()).get(address)
    items = [item for group in page.context["sidebar_navigation"] for item in group["items"]]
    assert [str(item["link"]) for item in items if item["active"]] == current


def ends_in(client: Client) -> int:
    return int(counts(client)["session"]["ends_in"])


def test_polls_do_not_keep_a_session_alive(clock: Clock) -> None:
    client = console(people.support())
    client.get("/admin/")
    for _ in range(6):
        clock.shift(timedelta(minutes=10) - timedelta(seconds=1))
        answer = client.get(LIVE, headers=POLL)
    assert answer.json()["session"]["ends_in"] == 6
    clock.shift(timedelta(seconds=7))
    assert client.get(LIVE, headers=POLL).status_code == 401


def test_staying_signed_in_renews_the_session(clock: Clock) -> None:
    client = console(people.support())
    client.get("/admin/")
    clock.shift(timedelta(minutes=59))
    assert ends_in(client) == 60
    answer = client.post("/admin/stay/", headers={"X-Part": "1"})
    assert answer.json()["session"]["ends_in"] == 3600
    assert ends_in(client) == 3600
    assert client.post("/admin/stay/", {"next": "/admin/support/"})["Location"] == "/admin/support/"
    assert client.post("/admin/stay/", {"next": "https://evil.example/"})["Location"] == "/admin/"


def test_staying_needs_the_token_of_the_form() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.support(), backend="apps.users.backends.Accounts")
    client.get("/admin/")
    assert client.post("/admin/stay/", headers={"X-Part": "1"}).status_code == 403


def test_sessions_cannot_be_renewed_after_twelve_hours(clock: Clock) -> None:
    client = console(people.support())
    client.get("/admin/")
    for _ in range(23):
        clock.shift(timedelta(minutes=30))
        client.get("/admin/")
    clock.shift(timedelta(minutes=29))
    answer = client.post("/admin/stay/", headers={"X-Part": "1"}).json()
    assert answer["session"] == {"ends_in": 60, "warn_at": 120, "renewable": False}


def test_every_page_knows_when_its_session_ends(clock: Clock) -> None:
    client = console(people.support())
    client.get("/admin/")
    clock.shift(timedelta(minutes=30))
    page = client.get("/admin/preferences/").content.decode()
    [seconds] = re.findall(r'data-ends-in="(\d+)"', page)
    assert 3500 <= int(seconds) <= 3600
    assert Session.objects.get(user__username="support").expires_at == timezone.now() + timedelta(hours=1)
