"""The filters of a list or a queue are kept on the way to a row and back."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse

from apps.moderation.models import Case
from apps.users.authentication import api_sessions
from apps.users.models import User
from tests import people
from tests.console import case_page, console, links
from tests.crawling import forms
from tests.factories import make_case, make_event, make_story

pytestmark = pytest.mark.django_db
STORIES = "/admin/stories/story/"
FILTERS = "state=active&q=alice&p=1"


def row(client: Client, table: str, filters: str, pk: int) -> str:
    """The address by which the list leads to the row."""
    found = [link for link in links(client.get(f"{table}?{filters}")) if link.startswith(f"{table}{pk}/change/")]
    assert found[0].endswith(f"/change/?_changelist_filters={quote(filters, safe='')}")
    return found[0]


def led(response: Any, address: str) -> str:
    """Where the page leads under this path, whatever the query."""
    found = {link for link in links(response) if link.partition("?")[0] == address} - {address}
    assert len(found) == 1, (address, links(response))
    return found.pop()


def test_every_page_of_a_row_leads_back_to_the_filtered_list() -> None:
    story = make_story(people.alice(), "Sunrise")
    client = console(people.admin())
    change = row(client, STORIES, FILTERS, story.pk)
    back = f"{STORIES}?{FILTERS}"
    page = client.get(change)
    assert led(page, STORIES) == back
    history = client.get(led(page, f"{STORIES}{story.pk}/history/"))
    assert led(history, STORIES) == back
    assert led(history, f"{STORIES}{story.pk}/change/") == change
    version = client.get(led(history, f"{STORIES}{story.pk}/history/{story.history.latest().pk}/"))
    assert led(version, STORIES) == back
    assert led(version, f"{STORIES}{story.pk}/history/").endswith(change.partition("?")[2])
    permissions = client.get(led(page, f"{STORIES}{story.pk}/permissions/"))
    assert led(permissions, f"{STORIES}{story.pk}/change/") == change
    delete = led(page, f"{STORIES}{story.pk}/delete/")
    asked = client.get(delete)
    assert set(filter(lambda link: link.partition("?")[0] == STORIES and "?" in link, links(asked))) == {back}
    assert client.post(delete, {"post": "yes"}).headers["Location"] == back
    removed = client.get(change)
    (restore,) = [address for method, address, _sent in forms(change, removed) if "/restore/" in address]
    assert client.post(restore).headers["Location"] == change
    selected = client.post(back, {"action": "delete_selected", "_selected_action": [story.pk]})
    assert back in links(selected)
    export = client.get(f"{STORIES}export/?{FILTERS}")
    assert led(export, STORIES) == back


def test_saving_leads_back_to_the_filtered_list() -> None:
    event = make_event(people.alice(), "Party")
    client = console(people.community())
    table = "/admin/events/event/"
    change = row(client, table, "when=upcoming&o=1", event.pk)
    words = {"title": "A party", "description": "Bring cake"}
    assert client.post(change, words | {"_save": "Save"}).headers["Location"] == f"{table}?when=upcoming&o=1"
    assert client.post(change, words | {"_continue": "1"}).headers["Location"] == change


@override_settings(STAFF_MFA="optional")
def test_pages_of_our_own_lead_back_to_the_filtered_list() -> None:
    nora, access = people.make_staff("nora"), people.access()
    session = api_sessions.begin(people.alice())
    assert session
    client = Client()
    client.post("/admin/login/", {"username": "access", "password": people.PASSWORD})
    table = "/admin/users/staff/"
    page = client.get(row(client, table, "q=nora", nora.pk))
    password = client.get(led(page, f"{table}{nora.pk}/password/"))
    assert led(password, table) == f"{table}?q=nora"
    assert "_changelist_filters=q%3Dnora" in led(password, f"{table}{nora.pk}/change/")
    table, live = "/admin/users/session/", User.objects.get(username="alice").sessions.get()
    change = row(client, table, "state=live", live.pk)
    page = client.get(change)
    every = client.get(led(page, reverse("admin:users_session_end_all", args=[live.user_id])))
    assert f"{table}?state=live" in links(every)
    (end,) = [address for _method, address, _sent in forms(change, page) if f"/{live.pk}/end/" in address]
    assert client.post(end).headers["Location"] == f"{table}?state=live"
    assert access.pk


def test_another_table_or_a_stranger_s_address_takes_no_filters_along() -> None:
    story = make_story(people.alice(), "Sunrise")
    client = console(people.admin())
    page = client.get(row(client, STORIES, FILTERS, story.pk))
    menu = [link for link in links(page) if link.startswith("/admin/events/event/")]
    assert menu == [link.partition("?")[0] for link in menu]
    assert STORIES in links(page)  # the menu's own way to the table is to all of it


# --- Desks ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def cases() -> dict[str, Case]:
    """Two stories between two events, by weight."""
    alice, bob = people.alice(), people.bob()
    made = {}
    for name, kind, reason in (
        ("first", "event", "violence"),
        ("second", "story", "fraud"),
        ("third", "event", "fraud"),
        ("fourth", "story", "spam"),
    ):
        target = make_event(alice) if kind == "event" else make_story(alice)
        made[name] = make_case(bob, kind, target, reason)
    return made


def test_the_next_case_stays_inside_the_filter(cases: dict[str, Case]) -> None:
    client = console(people.community())
    inside = "?tab=waiting&kind=story"
    desk = client.get(f"/admin/moderation/{inside}")
    assert f"{case_page(cases['second'])}{inside}" in links(desk)
    assert client.get(led(desk, "/admin/moderation/next/")).headers["Location"] == case_page(cases["second"]) + inside
    page = client.get(case_page(cases["second"]) + inside)
    assert f"/admin/moderation/{inside}" in links(page)
    sent = {address.partition("?")[0]: address for method, address, _s in forms(case_page(cases["second"]), page)}
    following = client.post(sent[case_page(cases["second"], "action/")], {"action": "next"})
    assert following.headers["Location"] == case_page(cases["fourth"]) + inside
    client.get(following.headers["Location"])
    before = client.post(f"{case_page(cases['fourth'], 'action/')}{inside}", {"action": "previous"})
    assert before.headers["Location"] == case_page(cases["second"]) + inside
    client.get(before.headers["Location"])
    cases["second"].refresh_from_db()
    decided = client.post(
        sent[case_page(cases["second"], "decide/")], {"outcome": "kept", "version": cases["second"].version}
    )
    assert decided.headers["Location"] == case_page(cases["fourth"]) + inside
    page = client.get(decided.headers["Location"])
    (undo,) = [address for _m, address, _s in forms("/admin/", page) if "/undo/" in address]
    assert undo.endswith(inside)
    cases["fourth"].refresh_from_db()
    over = client.post(
        f"{case_page(cases['fourth'], 'decide/')}{inside}", {"outcome": "kept", "version": cases["fourth"].version}
    )
    assert over.headers["Location"] == f"/admin/moderation/{inside}"
    assert "No items match these filters." in client.get(over.headers["Location"]).text


def test_claimed_items_outside_the_filter_do_not_come_next(cases: dict[str, Case]) -> None:
    client = console(people.community())
    client.get(case_page(cases["first"]))
    assert client.get("/admin/moderation/next/").headers["Location"] == case_page(cases["first"])
    assert client.get("/admin/moderation/next/?kind=story").headers["Location"].startswith(case_page(cases["second"]))


def test_a_search_and_a_tab_bound_the_next_one_too(cases: dict[str, Case]) -> None:
    client = console(people.community())
    number = cases["fourth"].target_id
    assert (
        client.get(f"/admin/moderation/next/?q={cases['third'].pk}0000")
        .headers["Location"]
        .startswith("/admin/moderation/?q=")
    )
    assert number
    client.get(case_page(cases["third"]))
    client.post(case_page(cases["third"], "action/"), {"action": "escalate", "reason": "who knows"})
    passed_up = client.get("/admin/moderation/next/?tab=escalated").headers["Location"]
    assert passed_up == f"{case_page(cases['third'])}?tab=escalated"


def test_another_item_of_the_same_author_stays_inside_the_filter(cases: dict[str, Case]) -> None:
    client = console(people.admin())
    page = client.get(f"{case_page(cases['second'])}?kind=story")
    assert f"{case_page(cases['fourth'])}?kind=story" in links(page)


def test_a_tab_keeps_the_filter(cases: dict[str, Case]) -> None:
    page = console(people.community()).get("/admin/moderation/?tab=waiting&kind=story")
    assert "?tab=mine&kind=story" in links(page)
    assert cases
