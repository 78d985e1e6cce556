"""Notifications over HTTP."""

from __future__ import annotations

import pytest

from apps.events.participation import invite_to_event
from tests.client import api, assert_problem
from tests.costs import queries_of
from tests.factories import make_event, make_notification
from tests.people import alice, bob, newton

pytestmark = pytest.mark.django_db


def test_notifications_are_listed_newest_first_with_their_targets() -> None:
    host, guest = alice(), newton()
    make_notification(guest, "Welcome")
    event = make_event(host)
    invite_to_event(host, event.pk, guest.pk)
    newest, oldest = api(guest).get("/notifications").json()["results"]
    assert newest.pop("created_at").endswith("Z")
    newest.pop("id")
    assert newest == {
        "kind": "event_invitation",
        "text": "alice invites you to “Launch Party”.",
        "target": {"kind": "event", "id": event.pk},
        "is_read": False,
    }
    assert (oldest["text"], oldest["target"]) == ("Welcome", None)
    assert api(host).get("/notifications").json()["count"] == 0


def test_notifications_are_marked_read_singly_and_together() -> None:
    user = alice()
    client = api(user)
    first, *_rest = [make_notification(user, f"{number}") for number in range(3)]
    for _again in range(2):
        answer = client.patch(f"/notifications/{first.pk}/read")
        assert answer.status_code == 200
        assert answer.json()["is_read"] is True
    assert client.get("/notifications/unread_count").json() == {"count": 2}
    assert client.get("/notifications", unread="true").json()["count"] == 2
    assert [row["text"] for row in client.get("/notifications", unread="false").json()["results"]] == ["0"]
    assert client.get("/notifications").json()["count"] == 3
    assert client.post("/notifications/read").status_code == 204
    assert client.get("/notifications/unread_count").json() == {"count": 0}
    assert client.get("/notifications", unread="true").json()["results"] == []
    assert_problem(client.get("/notifications", unread="perhaps"), 422, "invalid")


def test_notifications_of_others_are_absent() -> None:
    note, client = make_notification(alice()), api(bob())
    for path in (f"/notifications/{note.pk}/read", "/notifications/999999999/read", "/notifications/x/read"):
        assert_problem(client.patch(path), 404, "not-found")
    assert_problem(api().get("/notifications"), 401, "unauthenticated")


def test_a_list_costs_the_same_however_long() -> None:
    user = alice()
    client = api(user)
    make_notification(user)
    few = queries_of(client, "/notifications", 10)
    for _number in range(60):
        make_notification(user)
    assert queries_of(client, "/notifications", 100) == few == 2
