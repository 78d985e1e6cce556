"""Events in the console: tabs, words put right, removal, and nothing else."""

from datetime import timedelta
from typing import Any

import pytest
from guardian.shortcuts import assign_perm

from apps.events.models import Event
from apps.notifications.models import Notification
from tests import people
from tests.console import console, fields, links
from tests.factories import make_event
from tests.jobs import run_jobs

pytestmark = pytest.mark.django_db
EVENTS = "/admin/events/event/"


@pytest.fixture
def programme() -> list[Event]:
    host = people.alice()
    return [
        make_event(host, "Bygone Ball", in_hours=-48),
        make_event(host, "Current Concert", in_hours=-1),
        make_event(host, "Distant Dinner", in_hours=48),
    ]


def shown(response: Any) -> set[str]:
    page = response.content.decode()
    return {title for title in ("Bygone Ball", "Current Concert", "Distant Dinner") if title in page}


@pytest.mark.parametrize(
    ("when", "titles"),
    [
        ("", {"Bygone Ball", "Current Concert", "Distant Dinner"}),
        ("past", {"Bygone Ball"}),
        ("ongoing", {"Current Concert"}),
        ("upcoming", {"Distant Dinner"}),
    ],
)
def test_tabs_show_the_events_of_their_time(programme: list[Event], when: str, titles: set[str]) -> None:
    assert shown(console(people.community()).get(EVENTS, {"when": when} if when else {})) == titles


def test_tabs_keep_search_and_filters(programme: list[Event]) -> None:
    page = console(people.community()).get(EVENTS, {"q": "al", "status__exact": "active", "p": "2"})
    tabs = [link for link in links(page) if link.startswith("?") and "when=" in link]
    assert {"?q=al&status__exact=active&when=" + when for when in ("past", "ongoing", "upcoming")} <= set(tabs)


def test_filters_and_search_keep_the_tab(programme: list[Event]) -> None:
    page = console(people.community()).get(EVENTS, {"when": "past", "removed": "no"})
    cancelled = [link for link in links(page) if "status__exact=cancelled" in link]
    assert cancelled
    assert all("when=past" in link and "removed=no" in link for link in cancelled)
    assert '<input type="hidden" name="when" value="past">' in page.content.decode()
    assert '<input type="hidden" name="removed" value="no">' in page.content.decode()


def test_the_open_tab_is_marked(programme: list[Event]) -> None:
    page = console(people.community()).get(EVENTS, {"when": "ongoing"}).content.decode()
    assert page.split('class="active"')[1].split("</a>")[0].strip(" >\n\t") == "Ongoing"


def test_no_whole_table_is_counted(programme: list[Event], django_assert_num_queries: Any) -> None:
    client = console(people.community())
    client.get(EVENTS)
    with django_assert_num_queries(10) as seen:
        client.get(EVENTS, {"when": "past"})
    counts = [query["sql"] for query in seen.captured_queries if "COUNT(" in query["sql"]]
    assert counts
    assert all("LIMIT" in sql for sql in counts)


def test_title_and_description_are_put_right() -> None:
    event = make_event(people.alice(), "Offensive title")
    community = people.community()
    client = console(community)
    form = client.get(f"{EVENTS}{event.pk}/change/")
    assert {"title", "description"} == {name for name in fields(form) if not name.startswith(("_", "csrf", "q"))} & {
        "title", "description", "date", "date_0", "location", "host", "capacity", "status",
    }  # fmt: skip
    answer = client.post(f"{EVENTS}{event.pk}/change/", {"title": "Party", "description": "Polite", "location": "Moon"})
    assert answer.status_code == 302
    event.refresh_from_db()
    assert (event.title, event.description, event.location) == ("Party", "Polite", "Zoom")
    version = event.history.latest()
    assert version.history_user == community


def test_event_texts_are_edited_and_undone_in_the_table() -> None:
    event = make_event(people.alice(), "Rude party")
    client = console(people.community())
    page = client.get(EVENTS)
    address = f"{EVENTS}{event.pk}/text/"
    assert f'data-text-address="{address}"' in page.content.decode()
    assert f"{EVENTS}{event.pk}/change/" in links(page), "the way to the form stays"
    was = {"was_title": "Rude party", "was_description": event.description}
    answer = client.post(address, was | {"title": "Party", "description": event.description, "reason": "insult"})
    assert (answer.status_code, answer.json()["title"]) == (200, "Party")
    assert Event.history.latest().history_change_reason == "insult"
    late = client.post(address, was | {"title": "Ball", "description": event.description})
    assert (late.status_code, late.json()["sentence"][:26]) == (409, "The text has changed since")
    empty = client.post(address, was | {"was_title": "Party", "title": "", "description": ""})
    assert empty.status_code == 422
    back = client.post(address, {"undo": answer.json()["decision"]})
    assert (back.status_code, back.json()["title"]) == (200, "Rude party")
    run_jobs(later=timedelta(seconds=10))
    assert not Notification.objects.exists()
    assert client.post(address, {"undo": answer.json()["decision"]}).status_code == 409
    assert client.post(address, {"undo": "7000"}).status_code == 404


def test_table_editing_needs_the_permission_on_the_event() -> None:
    host = people.alice()
    theirs, other = make_event(host, "Granted"), make_event(host, "Withheld")
    clerk = people.make_staff("clerk")
    assign_perm("events.view_event", clerk)
    assign_perm("change_event", clerk, theirs)
    client = console(clerk)
    page = client.get(EVENTS).content.decode()
    assert f"{EVENTS}{theirs.pk}/text/" in page
    assert f"{EVENTS}{other.pk}/text/" not in page
    words = {"title": "Mine", "description": "", "was_title": "Withheld", "was_description": other.description}
    assert client.post(f"{EVENTS}{other.pk}/text/", words).status_code == 403
    other.refresh_from_db()
    assert other.title == "Withheld"


def test_event_edits_that_are_rejected_stay_in_the_form() -> None:
    event = make_event(people.alice())
    client = console(people.community())
    answer = client.post(f"{EVENTS}{event.pk}/change/", {"title": "", "description": "Kept as typed"})
    assert answer.status_code == 422
    assert "Kept as typed" in answer.content.decode()
    event.refresh_from_db()
    assert event.title == "Launch Party"


def test_junior_moderators_edit_events_and_see_nothing_else_of_them() -> None:
    event = make_event(people.alice())
    junior = people.make_staff("junior")
    assign_perm("events.change_event", junior)
    client = console(junior)
    assert client.get(EVENTS).status_code == 200
    assert client.post(f"{EVENTS}{event.pk}/change/", {"title": "Better", "description": ""}).status_code == 302
    assert client.get(f"{EVENTS}{event.pk}/delete/").status_code == 403
    assert client.post(f"{EVENTS}{event.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"{EVENTS}{event.pk}/restore/").status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"}
    assert client.post(EVENTS, chosen).status_code == 403


def test_events_are_removed_and_restored_with_the_permission_to_delete() -> None:
    event = make_event(people.alice())
    junior = people.make_staff("junior")
    assign_perm("events.delete_event", junior)
    client = console(junior)
    client.post(f"{EVENTS}{event.pk}/delete/", {"post": "yes", "reason": "Fraud"})
    assert Event.objects.get().removal_reason == "Fraud"
    assert client.post(f"{EVENTS}{event.pk}/change/", {"title": "Mine", "description": ""}).status_code == 403
    client.post(f"{EVENTS}{event.pk}/restore/")
    assert Event.objects.get().removed_at is None


def test_a_grant_on_one_event_opens_that_event_alone() -> None:
    host = people.alice()
    theirs, other = make_event(host, "Granted"), make_event(host, "Withheld")
    helper = people.make_staff("helper")
    assign_perm("change_event", helper, theirs)
    client = console(helper)
    page = client.get(EVENTS).content.decode()
    assert "Granted" in page
    assert "Withheld" not in page
    assert client.post(f"{EVENTS}{theirs.pk}/change/", {"title": "Fine", "description": ""}).status_code == 302
    assert client.post(f"{EVENTS}{other.pk}/change/", {"title": "Fine", "description": ""}).status_code == 404


@pytest.mark.parametrize("who", ["compliance", "access", "support"])
def test_other_desks_are_refused_at_every_address(who: str) -> None:
    event = make_event(people.alice())
    client = console(getattr(people, who)())
    own = f"{EVENTS}{event.pk}/"
    for address in (EVENTS, f"{EVENTS}add/", f"{own}change/", f"{own}delete/", f"{own}history/", f"{own}restore/"):
        assert client.get(address).status_code == 403
        assert client.post(address, {"title": "Mine", "description": "", "post": "yes"}).status_code == 403
    event.refresh_from_db()
    assert (event.title, event.removed_at) == ("Launch Party", None)


def test_events_are_found_by_title_host_and_number() -> None:
    event = make_event(people.alice(), "Ballroom night")
    make_event(people.bob(), "Poker")
    client = console(people.community())
    for term in ("ballROOM", "alice", str(event.pk)):
        page = client.get(EVENTS, {"q": term}).content.decode()
        assert "Ballroom night" in page
        assert "Poker" not in page


def test_a_cancelled_event_says_so() -> None:
    make_event(people.alice(), status=Event.Status.CANCELLED)
    client = console(people.community())
    assert "event_busy" in client.get(EVENTS).content.decode()
    assert "Launch Party" not in client.get(EVENTS, {"status__exact": "active"}).content.decode()


def test_an_event_that_began_long_ago_may_still_be_on() -> None:
    event = make_event(people.alice(), in_hours=-100)
    Event.objects.filter(pk=event.pk).update(ends_at=event.date + timedelta(hours=200))
    client = console(people.community())
    assert "Launch Party" in client.get(EVENTS, {"when": "ongoing"}).content.decode()
    assert "Launch Party" not in client.get(EVENTS, {"when": "past"}).content.decode()
