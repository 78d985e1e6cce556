"""What a page of one row costs: a fixed, small number of queries."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from apps.users.models import User
from apps.users.staff.object_grants import grant_on_row
from tests import people
from tests.console import console
from tests.factories import make_connection, make_event, make_message, make_notification, make_report, make_story
from tests.undoing import undone

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def rows(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, Any]]:
    with django_db_blocker.unblock(), undone():
        alice, bob = people.alice(), people.bob()
        story = make_story(alice)
        yield {
            "stories/story": story,
            "events/event": make_event(alice),
            "chat/message": make_message(alice, bob),
            "moderation/report": make_report(bob, "story", story, alice),
            "connections/connection": make_connection(alice, bob),
            "users/profile": alice.profile,
            "notifications/notification": make_notification(alice),
        }


@pytest.fixture(scope="module")
def numbers(rows: dict[str, Any], django_db_blocker: Any) -> Iterator[dict[str, int]]:
    """Those of the rows, and of users and a group, among some more of each."""
    with django_db_blocker.unblock(), undone():
        officer, peer = people.compliance(), people.make_staff("peer", "Access Manager")
        team = officer.groups.get()
        for place in range(4):
            one_more = people.make_staff(f"officer{place}", team.name)
            grant_on_row(peer, one_more, "stories.view_story", rows["stories/story"])
            make_story(people.make_user(f"alicia{place}"))
            console(one_more).get("/admin/")
        known = {name.split("/")[1]: row.pk for name, row in rows.items()}
        known |= {user.username: user.pk for user in User.objects.filter(username__in=["alice", "bob"])}
        yield known | {"officer": officer.pk, "peer": peer.pk, "team": team.pk}


@pytest.mark.parametrize(
    ("who", "table", "what", "count"),
    [
        ("community", "stories/story", "change", 9),
        ("community", "stories/story", "delete", 8),
        ("community", "stories/story", "history", 10),
        ("community", "events/event", "change", 8),
        ("community", "chat/message", "change", 11),
        ("community", "moderation/report", "change", 10),
        ("support", "connections/connection", "change", 6),
        ("support", "users/profile", "change", 7),  # one more: whether the view is recorded already
        ("support", "notifications/notification", "change", 6),
    ],
)
def test_a_page_costs_so_many_queries(
    rows: dict[str, Any], django_assert_num_queries: Any, who: str, table: str, what: str, count: int
) -> None:
    client = console(getattr(people, who)())
    address = f"/admin/{table}/{rows[table].pk}/{what}/"
    client.get(address)
    with django_assert_num_queries(count):
        assert client.get(address).status_code == 200


@pytest.mark.parametrize(
    ("who", "address", "count"),
    [
        ("access", "/admin/access/", 32),
        ("access", "/admin/access/explain/?person=compliance&perm=users.review_document", 13),
        ("access", "/admin/auth/group/", 8),
        ("access", "/admin/auth/group/{team}/change/", 11),
        ("access", "/admin/users/staff/", 10),
        ("access", "/admin/users/staff/{officer}/change/", 21),
        ("access", "/admin/users/staff/{peer}/change/", 21),
        ("access", "/admin/stories/story/{story}/permissions/", 20),
        ("access", "/admin/users/session/", 8),
        ("access", "/admin/users/session/of/{officer}/end/", 8),
        ("support", "/admin/support/", 5),
        ("support", "/admin/support/?q=ali", 7),
        ("support", "/admin/support/{alice}/", 35),
        ("support", "/admin/support/{alice}/pick/?q=bob", 12),
        ("support", "/admin/support/{bob}/why/story/{story}/", 27),
        ("support", "/admin/support/{bob}/why/connection/{connection}/", 19),
        ("support", "/admin/support/{bob}/why/message/{message}/", 21),
        ("support", "/admin/support/{bob}/why/event/{event}/", 21),
        ("support", "/admin/support/{bob}/why/notification/{notification}/", 16),
        ("support", "/admin/support/{bob}/why/profile/{alice}/", 21),
        ("support", "/admin/support/{bob}/why/story/{story}/?at={then}", 30),
        ("support", "/admin/support/{bob}/as_seen/", 6),
    ],
)
def test_a_desk_s_page_costs_so_many_queries_however_many_people_there_are(
    numbers: dict[str, int], django_assert_num_queries: Any, who: str, address: str, count: int
) -> None:
    client = console(getattr(people, who)())
    client.get("/admin/")
    path = address.format(**numbers, then=timezone.now().isoformat().replace("+", "%2B"))
    client.get(path, follow=True)
    with django_assert_num_queries(count):
        assert client.get(path).status_code == 200
