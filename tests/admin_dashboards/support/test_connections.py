"""Connections in the console, for support: who asked whom, and what came of it."""

from typing import Any

import pytest

from tests import people
from tests.console import console, links
from tests.factories import make_connection

pytestmark = pytest.mark.django_db
CONNECTIONS = "/admin/connections/connection/"


def test_support_reads_pending_connection_requests() -> None:
    connection = make_connection(people.alice(), people.bob())
    client = console(people.support())
    page = client.get(CONNECTIONS, {"q": "bob"}).content.decode()
    assert "alice → bob" in page
    assert "Pending" in page
    assert client.get(f"{CONNECTIONS}{connection.pk}/change/").status_code == 200


def test_connections_are_found_by_either_side_and_by_state() -> None:
    alice, bob, carol = people.alice(), people.bob(), people.carol()
    make_connection(alice, bob)
    make_connection(bob, carol)
    client = console(people.support())
    assert "bob → carol" not in client.get(CONNECTIONS, {"q": "alice"}).content.decode()
    assert "bob → carol" in client.get(CONNECTIONS, {"q": "carol"}).content.decode()
    assert "alice → bob" in client.get(CONNECTIONS, {"status__exact": "pending"}).content.decode()
    assert "alice → bob" not in client.get(CONNECTIONS, {"status__exact": "accepted"}).content.decode()


def test_people_lead_to_their_profiles_where_users_are_not_open() -> None:
    alice = people.alice()
    make_connection(alice, people.bob())
    found = links(console(people.support()).get(CONNECTIONS))
    assert f"/admin/users/profile/{alice.profile.pk}/change/" in found
    assert not any(link.startswith("/admin/users/user/") for link in found)


def test_a_page_of_connections_takes_the_same_queries_however_full_it_is(django_assert_num_queries: Any) -> None:
    alice = people.alice()
    client = console(people.support())
    client.get(CONNECTIONS)
    for number in range(3):
        make_connection(alice, people.make_user(f"friend{number}"))
        with django_assert_num_queries(8):
            client.get(CONNECTIONS)
