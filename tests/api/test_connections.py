"""Connections over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from apps.connections.models import Connection
from apps.users.accounts.relationships import block
from tests.client import api, assert_problem
from tests.costs import queries_of
from tests.factories import make_connection
from tests.people import alice, bob, carol, compliance, make_user, newton

pytestmark = pytest.mark.django_db


def ask(sender: Any, receiver: Any) -> Any:
    return api(sender).post("/connections/request", {"receiver": receiver.pk})


def test_a_request_is_sent() -> None:
    a, b = alice(), bob()
    answer = ask(a, b)
    assert answer.status_code == 201
    body = answer.json()
    assert body["sender"] == {
        "id": a.pk,
        "username": "alice",
        "role": "influencer",
        "is_verified": True,
        "image": "http://testserver/media/default.jpg",
    }
    assert body["receiver"]["username"] == "bob"
    assert body["status"] == "pending"
    assert body["created_at"].endswith("Z")
    assert body["responded_at"] is None
    assert set(body) == {"id", "sender", "receiver", "status", "created_at", "responded_at"}


def test_the_unverified_connect_too() -> None:
    assert ask(newton(), bob()).status_code == 201


def test_a_pair_asks_once_in_either_direction_until_one_deletes_it() -> None:
    a, b = alice(), bob()
    number = ask(a, b).json()["id"]
    assert_problem(ask(a, b), 409, "already-requested")
    assert_problem(ask(b, a), 409, "already-requested")
    assert api(b).patch(f"/connections/{number}/action", {"status": "rejected"}).status_code == 200
    assert_problem(ask(a, b), 409, "already-requested")
    assert api(b).delete(f"/connections/{number}").status_code == 204
    assert ask(b, a).status_code == 201


def test_users_cannot_connect_with_themselves() -> None:
    a = alice()
    problem = assert_problem(ask(a, a), 422, "invalid")
    assert [error["field"] for error in problem["errors"]] == ["receiver"]


def test_strangers_to_the_platform_staff_and_the_blocked_are_absent() -> None:
    a, b, c = alice(), bob(), carol()
    block(b, "alice")
    block(a, "carol")
    for receiver in (b, c, compliance(), make_user("gone", is_active=False)):
        assert_problem(ask(a, receiver), 404, "not-found")
    assert_problem(api(a).post("/connections/request", {"receiver": 10**12}), 404, "not-found")


@pytest.mark.parametrize("receiver", ["2", 0, -1, 2**63, 1.5, True, None, [], {}])
def test_malformed_receiver_ids_are_invalid(receiver: Any) -> None:
    problem = assert_problem(api(alice()).post("/connections/request", {"receiver": receiver}), 422, "invalid")
    assert [error["field"] for error in problem["errors"]] == ["receiver"]


def test_the_receiver_answers_once() -> None:
    a, b = alice(), bob()
    path = f"/connections/{ask(a, b).json()['id']}/action"
    assert_problem(api(a).patch(path, {"status": "accepted"}), 403, "permission-missing")
    assert_problem(api(carol()).patch(path, {"status": "accepted"}), 404, "not-found")
    for wrong in ({"status": "pending"}, {"status": None}, {}, {"status": "accepted", "note": "x"}):
        assert_problem(api(b).patch(path, wrong), 422, "invalid")
    body = api(b).patch(path, {"status": "accepted"}).json()
    assert body["status"] == "accepted"
    assert body["responded_at"].endswith("Z")
    assert_problem(api(b).patch(path, {"status": "rejected"}), 409, "already-answered")
    assert_problem(api(a).patch(path, {"status": "accepted"}), 403, "permission-missing")


def test_either_of_the_two_deletes() -> None:
    a, b, c = alice(), bob(), carol()
    for person in (a, b):
        number = ask(a, b).json()["id"]
        assert_problem(api(c).delete(f"/connections/{number}"), 404, "not-found")
        assert api(person).delete(f"/connections/{number}").status_code == 204
        assert_problem(api(person).delete(f"/connections/{number}"), 404, "not-found")


def test_the_list_is_filtered_by_status_and_direction() -> None:
    a, b, c = alice(), bob(), carol()
    ask(a, b)
    accepted = ask(c, a).json()["id"]
    api(a).patch(f"/connections/{accepted}/action", {"status": "accepted"})
    client = api(a)

    def names(**query: str) -> list[tuple[str, str]]:
        rows = client.get("/connections", **query).json()["results"]
        return [(row["sender"]["username"], row["receiver"]["username"]) for row in rows]

    assert names() == [("carol", "alice"), ("alice", "bob")]
    assert names(status="accepted") == [("carol", "alice")]
    assert names(status="pending", direction="sent") == [("alice", "bob")]
    assert names(direction="received") == [("carol", "alice")]
    assert names(status="rejected") == []
    assert_problem(client.get("/connections", status="friends"), 422, "invalid")
    assert_problem(client.get("/connections", direction="up"), 422, "invalid")
    block(b, "alice")
    assert names() == [("carol", "alice")]
    assert client.get("/connections").json()["count"] == 1


def test_a_list_costs_the_same_however_long() -> None:
    a = alice()
    client = api(a)

    make_connection(a, bob())
    few = queries_of(client, "/connections", 10)
    for number in range(60):
        make_connection(a, make_user(f"person{number}"))
    assert Connection.objects.count() == 61
    assert queries_of(client, "/connections", 100) == few == 2


def test_requests_are_limited_by_the_day(settings: Any) -> None:
    settings.LIMITS = settings.LIMITS | {"connection_request": (2, 86400)}
    a = alice()
    people = [bob(), carol(), newton()]
    assert [ask(a, person).status_code for person in people] == [201, 201, 429]
    assert int(ask(a, people[2])["Retry-After"]) > 80_000
    assert ask(people[0], people[1]).status_code == 201
