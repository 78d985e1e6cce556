"""History pages: what became of a row, line by line; nothing in them can be pressed, posted or restored."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from guardian.shortcuts import assign_perm

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.connections.models import Connection
from apps.events.models import Event
from apps.events.services import edit_event, remove_event
from tests import people
from tests.console import console, fields, links
from tests.factories import make_connection, make_event, make_message, make_story

pytestmark = pytest.mark.django_db
EVENTS = "/admin/events/event/"


@pytest.fixture
def event() -> Event:
    event = make_event(people.alice(), "Offensive title")
    edit_event(people.community(), event.pk, title="Party", reason="Rude words")
    return event


def versions_of(row: Any) -> list[int]:
    return list(row.history.values_list("history_id", flat=True))


def test_a_line_says_who_did_what_why_from_what_to_what(event: Event) -> None:
    page = (
        console(people.make_staff("reader", "Community Manager")).get(f"{EVENTS}{event.pk}/history/").content.decode()
    )
    text = " ".join(page.split())
    assert "community</strong> changed it" in text
    assert "Rude words" in text
    assert "<del>Offensive title</del>" in text
    assert "<ins>Party</ins>" in text
    assert "alice</strong> created it" in text


def test_people_and_choices_are_named(event: Event) -> None:
    community = people.make_staff("second", "Community Manager")
    assign_perm("events.delete_event", community)
    remove_event(community, event.pk, reason="Fraud")
    page = console(community).get(f"{EVENTS}{event.pk}/history/").content.decode()
    assert "<ins>second</ins>" in page
    connection = make_connection(people.bob(), people.carol())
    connection.answer(Connection.Status.ACCEPTED)
    save_as(connection.receiver, connection, action=Action.CONNECTION_ACCEPTED)
    page = console(people.support()).get(f"/admin/connections/connection/{connection.pk}/history/").content.decode()
    assert "<del>Pending</del>" in page
    assert "<ins>Accepted</ins>" in page


def test_a_single_version_shows_how_it_was(event: Event) -> None:
    latest, first = versions_of(event)
    client = console(people.make_staff("reader", "Community Manager"))
    assert "Offensive title" in client.get(f"{EVENTS}{event.pk}/history/{first}/").content.decode()
    assert "Offensive title" not in client.get(f"{EVENTS}{event.pk}/history/{latest}/").content.decode()


@pytest.mark.parametrize("version", ["0", "9999999999999999999999", "x", "1-1"])
def test_a_version_that_is_not_of_the_thing_is_not_there(event: Event, version: str) -> None:
    client = console(people.admin())
    assert client.get(f"{EVENTS}{event.pk}/history/{version}/").status_code == 404
    other = make_event(event.host)
    assert client.get(f"{EVENTS}{event.pk}/history/{versions_of(other)[0]}/").status_code == 404


def test_history_pages_reject_posts(event: Event) -> None:
    """Staff who may only view could once restore an older version with this form."""
    viewer = people.make_staff("viewer")
    assign_perm("events.view_event", viewer)
    old = versions_of(event)[-1]
    for staff in (viewer, people.make_staff("second", "Community Manager"), people.admin()):
        client = console(staff)
        for address in (f"{EVENTS}{event.pk}/history/", f"{EVENTS}{event.pk}/history/{old}/"):
            assert client.get(address).status_code == 200
            for send in (client.post, client.put, client.patch, client.delete):
                assert send(address, {"title": "Offensive title"}).status_code == 403
    event.refresh_from_db()
    assert event.title == "Party"
    assert len(versions_of(event)) == 2


def test_there_is_nothing_to_press_on_history_pages(event: Event) -> None:
    client = console(people.admin())
    for address in (f"{EVENTS}{event.pk}/history/", f"{EVENTS}{event.pk}/history/{versions_of(event)[0]}/"):
        page = client.get(address)
        assert "revert" not in page.content.decode().lower()
        assert not {"title", "_save", "_change_history"} & set(fields(page))


def test_history_is_of_rows_that_one_may_see(event: Event) -> None:
    other = make_event(event.host, "Withheld")
    helper = people.make_staff("helper")
    assign_perm("view_event", helper, event)
    client = console(helper)
    assert client.get(f"{EVENTS}{event.pk}/history/").status_code == 200
    assert client.get(f"{EVENTS}{other.pk}/history/").status_code == 404
    assert client.get(f"{EVENTS}{other.pk}/history/{versions_of(other)[0]}/").status_code == 404
    assert client.get(f"{EVENTS}987654321/history/").status_code == 404
    for address in (f"{EVENTS}{event.pk}/history/", f"{EVENTS}{event.pk}/history/{versions_of(event)[0]}/"):
        assert console(people.make_staff(f"nobody{len(address)}")).get(address).status_code == 403


def test_personal_data_stays_masked_and_chat_text_is_not_there() -> None:
    alice = people.make_user("alice", phone="+1 555 0123")
    alice.email, alice.phone = "secret@example.com", "+1 555 9876"
    save_as(alice, alice, action=Action.PROFILE_CHANGED)
    message = make_message(alice, people.bob(), "Behind the mill")
    client = console(people.admin())
    page = client.get(f"/admin/users/user/{alice.pk}/history/").content.decode()
    assert "a•••@example.com" in page
    assert "•••76" in page
    assert not any(secret in page for secret in ("alice@", "secret@", "0123", "9876", "argon2", "md5$"))
    for version in versions_of(alice):
        page = client.get(f"/admin/users/user/{alice.pk}/history/{version}/").content.decode()
        assert not any(secret in page for secret in ("alice@", "secret@", "0123", "9876", "argon2", "md5$"))
    assert "mill" not in client.get(f"/admin/chat/message/{message.pk}/history/").content.decode()


def test_a_long_history_comes_in_pages(event: Event, django_assert_num_queries: Any) -> None:
    for number in range(30):
        edit_event(people.make_staff(f"editor{number}", "Community Manager"), event.pk, title=f"Title {number}")
    client = console(people.make_staff("reader", "Community Manager"))
    first = client.get(f"{EVENTS}{event.pk}/history/")
    assert "?p=2" in links(first)
    text = first.content.decode()
    assert "<del>Title 28</del>" in text
    # The changes of the oldest line of a page are against the first of the next.
    assert "<del>Title 4</del>" in text
    assert "Offensive title" in client.get(f"{EVENTS}{event.pk}/history/", {"p": 2}).content.decode()
    assert client.get(f"{EVENTS}{event.pk}/history/", {"p": "none"}).status_code == 200
    with django_assert_num_queries(10):
        client.get(f"{EVENTS}{event.pk}/history/")


def test_history_names_the_groups_that_were_added() -> None:
    helper = people.make_staff("helper")
    helper.groups.set([Group.objects.get(name="Community Manager")])
    page = console(people.admin()).get(f"/admin/users/staff/{helper.pk}/history/").content.decode()
    assert "<ins>Community Manager</ins>" in page


def test_history_names_deleted_users_by_id() -> None:
    story = make_story(people.alice())
    gone = people.make_user("gone")
    story.caption = "Seen to"
    save_as(gone, story, action=Action.STORY_CHANGED)
    number = gone.pk
    gone.delete()
    page = console(people.community()).get(f"/admin/stories/story/{story.pk}/history/")
    assert page.status_code == 200
    assert str(number) in page.content.decode()
