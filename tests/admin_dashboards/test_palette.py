"""The command palette finds pages, items and users as far as the viewer may open them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.moderation.reporting import report as file_report
from tests import people
from tests.console import console, links
from tests.factories import make_document, make_event, make_report, make_story

pytestmark = pytest.mark.django_db


def search(client: Client, term: str) -> Any:
    return client.get("/admin/search/", {"s": term}, headers={"X-Part": "1"})


def test_the_palette_finds_people_and_items_by_name_as_far_as_one_may_open_them() -> None:
    alice, bob = people.alice(), people.bob()
    document, story, event = make_document(alice), make_story(alice), make_event(alice)
    report = make_report(bob, "story", story, alice)
    pages = {
        "document": f"/admin/compliance/{document.pk}/",
        "user": f"/admin/users/user/{alice.pk}/change/",
        "story": f"/admin/stories/story/{story.pk}/change/",
        "event": f"/admin/events/event/{event.pk}/change/",
        "report": f"/admin/moderation/report/{report.pk}/change/",
        "person": f"/admin/support/{alice.pk}/",
        "find": "/admin/support/?q=alice",
    }
    expected = {
        "compliance": {"document", "user"},
        "community": {"story", "event", "report"},
        "access": set(),
        "support": {"person", "find"},
        "admin": {"document", "user", "story", "event", "report", "find"},
    }
    for who, theirs in expected.items():
        client = console(getattr(people, who)())
        found = links(search(client, "alice"))
        assert set(found) == {pages[name] for name in theirs}, who
        for address in found:
            assert client.get(address).status_code in (200, 302), (who, address)


def test_the_palette_finds_an_item_by_its_number_first() -> None:
    alice = people.alice()
    documents = [make_document(alice, status="rejected", decided_at=timezone.now()) for _ in range(3)]
    client = console(people.compliance())
    for written in (f"{documents[0].pk}", f"#{documents[0].pk}", f"document {documents[0].pk}"):
        assert f"/admin/compliance/{documents[0].pk}/" in links(search(client, written)), written


def test_the_palette_finds_cases_and_events_by_title() -> None:
    alice, bob = people.alice(), people.bob()
    event = make_event(alice, "Launch Party")
    report = file_report(bob, kind="event", target_id=event.pk, reason="spam", note="")
    client = console(people.community())
    assert f"/admin/moderation/{report.case_id}/" in links(search(client, "alice"))
    assert f"/admin/events/event/{event.pk}/change/" in links(search(client, "launch"))


def test_the_palette_finds_staff_and_groups_for_the_access_manager_alone() -> None:
    officer = people.compliance()
    found = links(search(console(people.access()), "compliance"))
    assert f"/admin/users/staff/{officer.pk}/change/" in found
    assert any(link.startswith("/admin/auth/group/") for link in found)
    assert not [link for link in links(search(console(people.support()), "compliance")) if "staff" in link]


@pytest.mark.parametrize(
    ("who", "term", "address"),
    [
        ("compliance", "next", "/admin/compliance/next/"),
        ("compliance", "verif", "/admin/compliance/"),
        ("community", "next case", "/admin/moderation/next/"),
        ("community", "appeals", "/admin/moderation/appeals/"),
        ("community", "reports", "/admin/moderation/report/"),
        ("access", "explain", "/admin/access/explain/"),
        ("access", "add staff", "/admin/users/staff/add/"),
        ("support", "preferences", "/admin/preferences/"),
        ("support", "second factor", "/admin/mfa/"),
        ("admin", "rules", "/admin/compliance/settings/"),
    ],
)
def test_the_palette_leads_to_pages_and_actions(who: str, term: str, address: str) -> None:
    client = console(getattr(people, who)())
    assert address in links(search(client, term))
    assert client.get(address).status_code in (200, 302)
    assert address not in links(search(console(people.make_staff("nora")), term)) or address in (
        "/admin/preferences/",
        "/admin/mfa/",
    )


def test_the_palette_offers_only_what_opens() -> None:
    for who in ("compliance", "community", "access", "support"):
        client = console(getattr(people, who)())
        terms = ("a", "de", "us", "next", "add", "re", "m")
        offered = {address for term in terms for address in links(search(client, term))}
        assert len(offered) >= 5, who
        for address in offered:
            assert client.get(address).status_code in (200, 302), (who, address)


def test_the_palette_never_searches_what_is_masked() -> None:
    alice = people.make_user("alice", phone="+49301234567")
    make_document(alice)
    for who in ("compliance", "community", "access", "admin"):
        client = console(getattr(people, who)())
        for term in (alice.email, alice.email.split("@")[1], "+49301234567", "49301234567"):
            found = [link for link in links(search(client, term)) if not link.startswith("/admin/support/?q=")]
            assert found == [], (who, term)


@pytest.mark.parametrize(
    "term",
    ["", " ", "%", "_", "\\", "'", "ａｌｉｃｅ", "x" * 5000, "#" * 50, "9" * 40, "\ud7ff", "🙂", "../", "\u202ealice"],
)
def test_the_palette_takes_anything_that_is_typed(term: str) -> None:
    people.alice()
    assert search(console(people.admin()), term).status_code == 200


def test_the_palette_refuses_a_null_character() -> None:
    assert console(people.admin()).get("/admin/search/?s=a%00b").status_code == 400


def test_the_palette_is_bounded() -> None:
    alice = people.alice()
    for _ in range(12):
        make_document(alice, status="rejected", decided_at=timezone.now())
        make_story(alice)
    found = links(search(console(people.admin()), "alice"))
    assert len([link for link in found if link.startswith("/admin/compliance/")]) == 5
    assert len([link for link in found if link.startswith("/admin/stories/")]) == 5


def test_too_many_searches_are_refused_for_a_while(settings: Any) -> None:
    _most, seconds = settings.LIMITS["console_search"]
    settings.LIMITS = settings.LIMITS | {"console_search": (9, seconds)}
    client = console(people.support())
    statuses = [search(client, "al").status_code for _ in range(10)]
    assert statuses == [200] * 9 + [429]


def test_a_search_when_signed_out_says_so_to_the_script() -> None:
    assert search(Client(), "alice").status_code == 401


@pytest.mark.parametrize(
    ("who", "term", "count"),
    [
        ("compliance", "alice", 10),
        ("community", "alice", 15),
        ("access", "alice", 9),
        ("support", "alice", 8),
        ("admin", "alice", 18),
        ("admin", "12", 14),
        ("admin", "overview", 6),
    ],
)
def test_a_search_costs_so_many_queries_however_much_there_is(
    django_assert_num_queries: Any, who: str, term: str, count: int
) -> None:
    bob = people.bob()
    for number in range(6):
        user = people.make_user(f"alice{number}")
        make_document(user)
        make_report(bob, "story", make_story(user), user)
    client = console(getattr(people, who)())
    search(client, term)
    with django_assert_num_queries(count):
        search(client, term)
