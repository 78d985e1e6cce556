"""Events over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from apps.events.models import Event, Participation
from apps.events.participation import join_event
from apps.events.services import remove_event
from apps.users.accounts.relationships import block
from tests.client import api, assert_problem
from tests.costs import queries_of
from tests.factories import make_event
from tests.people import admin, alice, bob, carol, make_user, newton

pytestmark = pytest.mark.django_db

PARTY = {"title": "Launch Party", "date": "2030-01-01T20:00:00Z", "location": "Zoom"}


def post(host: Any, **fields: Any) -> Any:
    return api(host).post("/events", PARTY | fields)


def titles(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["title"] for row in answer.json()["results"]]


def test_an_event_is_made() -> None:
    host = alice()
    answer = post(host)
    assert answer.status_code == 201
    body = answer.json()
    assert body.pop("id") == Event.objects.get().pk
    assert body.pop("host")["username"] == "alice"
    assert body == {
        "title": "Launch Party",
        "description": "",
        "date": "2030-01-01T20:00:00Z",
        "ends_at": "2030-01-02T00:00:00Z",
        "location": "Zoom",
        "capacity": None,
        "status": "active",
        "going": 0,
        "interested": 0,
        "my_status": None,
    }


def test_times_are_taken_in_any_zone_and_past_ones_too() -> None:
    host = alice()
    assert post(host, date="2030-01-01T20:00:00+02:00").json()["date"] == "2030-01-01T18:00:00Z"
    assert post(host, date="2030-01-01T20:00:00").json()["date"] == "2030-01-01T20:00:00Z"
    assert post(host, date="2020-01-01T20:00:00Z").status_code == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "   "),
        ("title", None),
        ("title", 5),
        ("title", "x" * 201),
        ("title", "a\u0000b"),
        ("date", None),
        ("date", "tomorrow"),
        ("date", 5),
        ("date", "9999-12-31T23:59:59Z"),
        ("date", "0001-01-01T00:00:00+14:00"),
        ("location", ""),
        ("location", None),
        ("description", None),
        ("description", "x" * 5001),
        ("ends_at", "2030-01-01T20:00:00Z"),
        ("ends_at", "2029-01-01T20:00:00Z"),
        ("capacity", 0),
        ("capacity", -1),
        ("capacity", 2**31),
        ("capacity", "5"),
        ("capacity", 1.5),
        ("capacity", True),
        ("status", "cancelled"),
        ("host", 1),
        ("id", 1),
    ],
)
def test_invalid_events_name_the_field(field: str, value: Any) -> None:
    host = alice()
    event = make_event(host, in_hours=0)
    Event.objects.filter(pk=event.pk).update(
        date=datetime(2030, 1, 1, 20, tzinfo=UTC), ends_at=datetime(2030, 1, 2, tzinfo=UTC)
    )
    client = api(host)
    body = PARTY | {field: value}
    for answer in (
        client.post("/events", body),
        client.put(f"/events/{event.pk}", body),
        client.patch(f"/events/{event.pk}", {field: value}),
    ):
        problem = assert_problem(answer, 422, "invalid")
        assert [error["field"] for error in problem["errors"]] == [field]
    event.refresh_from_db()
    assert (event.title, event.capacity, event.status) == ("Launch Party", None, "active")


def test_missing_event_fields_are_named() -> None:
    host = alice()
    event = make_event(host)
    for answer in (api(host).post("/events", {}), api(host).put(f"/events/{event.pk}", {"location": "Here"})):
        problem = assert_problem(answer, 422, "invalid")
        assert {"title", "date"} <= {error["field"] for error in problem["errors"]}


def test_hosting_needs_verification() -> None:
    assert_problem(post(newton()), 403, "verification-required")
    assert_problem(api().post("/events", PARTY), 401, "unauthenticated")


def test_events_are_public_with_a_good_token_or_none() -> None:
    event = make_event(alice())
    for path in ("/events", f"/events/{event.pk}"):
        assert api().get(path).status_code == 200
        assert api(newton() if path == "/events" else bob()).get(path).status_code == 200
        assert_problem(api(Authorization="Bearer nonsense").get(path), 401, "invalid-token")
    assert api().get(f"/events/{event.pk}").json()["my_status"] is None


def test_events_are_filtered_by_time() -> None:
    host = alice()
    now = datetime(2030, 6, 1, 12, tzinfo=UTC)
    hour = timedelta(hours=1)
    with time_machine.travel(now, tick=False):
        for title, begin, end in (
            ("long past", now - 9 * hour, now - 5 * hour),
            ("just over", now - 2 * hour, now),
            ("about to end", now - 2 * hour, now + timedelta(seconds=1)),
            ("just begun", now, now + hour),
            ("about to begin", now + timedelta(seconds=1), now + hour),
            ("far off", now + 99 * hour, now + 100 * hour),
        ):
            Event.objects.create(host=host, title=title, date=begin, ends_at=end, location="x")
        client = api()
        assert titles(client.get("/events", when="past")) == ["just over", "long past"]
        assert titles(client.get("/events", when="ongoing")) == ["just begun", "about to end"]
        assert titles(client.get("/events", when="upcoming")) == ["about to begin", "far off"]
        latest_first = ["far off", "about to begin", "just begun"]
        assert titles(client.get("/events"))[:3] == latest_first
        assert titles(client.get("/events", when="all"))[:3] == latest_first
        assert_problem(client.get("/events", when="soon"), 422, "invalid")


def test_titles_and_places_are_searched() -> None:
    host = alice()
    make_event(host, "Summer Fair", location="Berlin")
    make_event(host, "Winter Ball", location="Oslo", in_hours=1)
    client = api()
    assert titles(client.get("/events", search="summer")) == ["Summer Fair"]
    assert titles(client.get("/events", search="OSLO")) == ["Winter Ball"]
    assert titles(client.get("/events", search="  fair ")) == ["Summer Fair"]
    assert titles(client.get("/events", search="%")) == []
    assert titles(client.get("/events", search="nothing")) == []
    assert titles(client.get("/events", search="winter", when="past")) == []
    assert len(titles(client.get("/events", search=""))) == 2


def test_a_patch_changes_only_what_is_sent() -> None:
    host = alice()
    event = make_event(host, capacity=5)
    body = api(host).patch(f"/events/{event.pk}", {"location": "Changed Location"}).json()
    assert (body["location"], body["title"], body["capacity"]) == ("Changed Location", "Launch Party", 5)
    assert body["description"] == "Come one, come all."
    body = api(host).patch(f"/events/{event.pk}", {"capacity": None, "description": ""}).json()
    assert (body["capacity"], body["description"]) == (None, "")
    assert api(host).patch(f"/events/{event.pk}", {}).status_code == 200
    moved = api(host).patch(f"/events/{event.pk}", {"date": "2031-01-01T10:00:00Z"}).json()
    assert moved["ends_at"] == "2031-01-01T14:00:00Z"


def test_a_put_replaces_it() -> None:
    host = alice()
    event = make_event(host, capacity=5, ends_at=timezone.now() + timedelta(days=3))
    body = api(host).put(f"/events/{event.pk}", PARTY | {"title": "New"}).json()
    assert (body["title"], body["description"], body["capacity"]) == ("New", "", None)
    assert body["ends_at"] == "2030-01-02T00:00:00Z"


def test_others_may_not_change_it() -> None:
    event, client = make_event(alice()), api(bob())
    path = f"/events/{event.pk}"
    for answer in (
        client.put(path, PARTY),
        client.patch(path, {"title": "X"}),
        client.delete(path),
        client.post(f"{path}/cancel"),
    ):
        assert_problem(answer, 403, "permission-missing")


def test_the_host_deletes_it() -> None:
    host = alice()
    path = f"/events/{make_event(host).pk}"
    assert api(host).delete(path).status_code == 204
    assert_problem(api(host).get(path), 404, "not-found")
    assert_problem(api(host).delete(path), 404, "not-found")


def test_the_host_cancels_it() -> None:
    host, guest = alice(), bob()
    path = f"/events/{make_event(host).pk}"
    api(guest).post(f"{path}/join", {"status": "going"})
    assert api(host).post(f"{path}/cancel").json()["status"] == "cancelled"
    assert_problem(api(host).post(f"{path}/cancel"), 409, "event-cancelled")
    [note] = api(guest).get("/notifications").json()["results"]
    assert note["kind"] == "event_cancelled"
    assert note["target"] == {"kind": "event", "id": int(path.rsplit("/", 1)[1])}


def test_guests_come_and_go() -> None:
    host, guest = alice(), bob()
    event = make_event(host, capacity=1)
    path, client = f"/events/{event.pk}/join", api(guest)
    body = client.post(path, {"status": "interested"}).json()
    assert (body["going"], body["interested"], body["my_status"]) == (0, 1, "interested")
    for _again in range(2):
        answer = client.post(path, {"status": "going"})
        assert answer.status_code == 200
        assert (answer.json()["going"], answer.json()["my_status"]) == (1, "going")
    assert_problem(api(carol()).post(path, {"status": "going"}), 409, "event-full")
    assert_problem(api(host).post(path, {"status": "going"}), 409, "own-event")
    for _again in range(2):
        assert client.delete(path).status_code == 204
    assert client.get(f"/events/{event.pk}").json()["my_status"] is None


def test_joining_needs_verification_and_a_known_status() -> None:
    path = f"/events/{make_event(alice()).pk}/join"
    client = api(bob())
    for wrong in ({"status": "invited"}, {"status": None}, {}, {"status": "going", "seats": 2}):
        assert_problem(client.post(path, wrong), 422, "invalid")
    # Evaluated before the body and before the event is looked up.
    assert_problem(api(newton()).post("/events/999999/join", {"status": 5}), 403, "verification-required")


def test_past_events_refuse_participants() -> None:
    event = make_event(alice(), in_hours=-5)
    assert_problem(api(bob()).post(f"/events/{event.pk}/join", {"status": "going"}), 409, "event-over")


def test_guests_are_invited_and_listed() -> None:
    host, going, invited = alice(), bob(), carol()
    event = make_event(host)
    join_event(going, event.pk, status="going")
    answer = api(host).post(f"/events/{event.pk}/invite", {"user": invited.pk})
    assert answer.status_code == 201
    assert answer.json()["person"]["username"] == "carol"
    assert answer.json()["status"] == "invited"
    page = api(newton()).get(f"/events/{event.pk}/attendees").json()
    assert [(row["person"]["username"], row["status"]) for row in page["results"]] == [
        ("bob", "going"),
        ("carol", "invited"),
    ]
    assert_problem(api(going).post(f"/events/{event.pk}/invite", {"user": invited.pk}), 403, "permission-missing")
    assert_problem(api().get(f"/events/{event.pk}/attendees"), 401, "unauthenticated")


@pytest.mark.parametrize("host_blocks", [True, False])
def test_blocks_in_either_direction_hide_events_of_the_host(host_blocks: bool) -> None:
    host, other = alice(), bob()
    event = make_event(host)
    block(*((host, "bob") if host_blocks else (other, "alice")))
    viewer = api(other)
    assert titles(viewer.get("/events")) == []
    for answer in (
        viewer.get(f"/events/{event.pk}"),
        viewer.get(f"/events/{event.pk}/attendees"),
        viewer.post(f"/events/{event.pk}/join", {"status": "going"}),
        viewer.delete(f"/events/{event.pk}/join"),
        viewer.patch(f"/events/{event.pk}", {"title": "X"}),
    ):
        assert_problem(answer, 404, "not-found")
    assert api().get(f"/events/{event.pk}").status_code == 200


def test_removed_events_are_absent_for_all_users() -> None:
    host = alice()
    event = make_event(host)
    remove_event(admin(), event.pk, reason="spam")
    for client in (api(), api(host)):
        assert titles(client.get("/events")) == []
        assert_problem(client.get(f"/events/{event.pk}"), 404, "not-found")
    assert_problem(api(host).patch(f"/events/{event.pk}", {"title": "X"}), 404, "not-found")


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "9" * 30, "٣"])
def test_malformed_event_ids_answer_404(number: str) -> None:
    assert_problem(api().get(f"/events/{number}"), 404, "not-found")


def test_a_later_page_is_as_complete_and_in_order() -> None:
    host, guest = alice(), bob()
    events = [make_event(host, f"Party {number:02}", in_hours=number + 1) for number in range(24)]
    for event in events:
        join_event(guest, event.pk, status="going")
    page = api(guest).get("/events", when="upcoming", page=2).json()
    assert [row["title"] for row in page["results"]] == [event.title for event in events[10:20]]
    assert {(row["going"], row["my_status"], row["host"]["username"]) for row in page["results"]} == {
        (1, "going", "alice")
    }
    assert titles(api(guest).get("/events", when="upcoming", page=3)) == [event.title for event in events[20:]]


def test_lists_cost_the_same_however_long() -> None:
    host, guest = alice(), bob()
    client = api(guest)
    event = make_event(host)

    Participation.objects.create(event=event, user=carol(), status="going")
    paths = ["/events", "/events?when=upcoming&search=party", f"/events/{event.pk}/attendees"]
    few = [queries_of(client, path, 10) for path in paths]
    for number in range(60):
        person = make_user(f"person{number}")
        Participation.objects.create(event=event, user=person, status="going")
        make_event(person, f"Party {number}")
    assert [queries_of(client, path, 100) for path in paths] == few
    assert max(few) == 4
    assert client.get(f"/events/{event.pk}").json()["going"] == 61
