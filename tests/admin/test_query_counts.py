"""What a page of one thing costs: a fixed, small number of queries."""

from typing import Any

import pytest

from tests import people
from tests.console import console
from tests.things import make_connection, make_event, make_message, make_notification, make_report, make_story

pytestmark = pytest.mark.django_db


@pytest.fixture
def things() -> dict[str, Any]:
    alice, bob = people.alice(), people.bob()
    story = make_story(alice)
    return {
        "stories/story": story,
        "events/event": make_event(alice),
        "chat/message": make_message(alice, bob),
        "moderation/report": make_report(bob, "story", story, alice),
        "connections/connection": make_connection(alice, bob),
        "users/profile": alice.profile,
        "notifications/notification": make_notification(alice),
    }


@pytest.mark.parametrize(
    ("who", "table", "what", "count"),
    [
        ("community", "stories/story", "change", 7),
        ("community", "stories/story", "delete", 6),
        ("community", "stories/story", "history", 8),
        ("community", "events/event", "change", 8),
        ("community", "chat/message", "change", 9),
        ("community", "moderation/report", "change", 8),
        ("support", "connections/connection", "change", 6),
        ("support", "users/profile", "change", 6),
        ("support", "notifications/notification", "change", 6),
    ],
)
def test_a_page_costs_so_many_queries(
    things: dict[str, Any], django_assert_num_queries: Any, who: str, table: str, what: str, count: int
) -> None:
    client = console(getattr(people, who)())
    address = f"/admin/{table}/{things[table].pk}/{what}/"
    client.get(address)
    with django_assert_num_queries(count):
        assert client.get(address).status_code == 200
