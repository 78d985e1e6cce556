"""Reports over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from apps.moderation.reporting import resolve_report
from tests.client import api, assert_problem
from tests.costs import queries_of
from tests.factories import make_event, make_report, make_story
from tests.jobs import run_jobs
from tests.people import admin, alice, bob, carol, newton

pytestmark = pytest.mark.django_db


def test_a_report_is_made_and_followed_until_it_is_closed() -> None:
    story, reporter = make_story(alice()), newton()
    client = api(reporter)
    answer = client.post("/reports", {"kind": "story", "id": story.pk, "reason": "spam", "note": "Ads"})
    assert answer.status_code == 201
    body = answer.json()
    number = body.pop("id")
    assert body.pop("created_at").endswith("Z")
    assert body == {
        "kind": "story",
        "target_id": story.pk,
        "reason": "spam",
        "note": "Ads",
        "status": "open",
        "outcome": None,
        "closed_at": None,
    }
    again = {"kind": "story", "id": story.pk, "reason": "fraud"}
    assert_problem(client.post("/reports", again), 409, "already-reported")
    resolve_report(admin(), number, outcome="removed")
    [row] = client.get("/reports").json()["results"]
    assert (row["status"], row["outcome"]) == ("closed", "removed")
    assert row["closed_at"].endswith("Z")
    assert "closed_by" not in row
    assert_problem(client.post("/reports", again), 404, "not-found")
    run_jobs(later=timedelta(seconds=10))
    kinds = [note["kind"] for note in client.get("/notifications").json()["results"]]
    assert kinds == ["report_closed"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "profile"),
        ("kind", None),
        ("id", "5"),
        ("id", 0),
        ("id", None),
        ("reason", "dislike"),
        ("reason", None),
        ("note", None),
        ("note", "x" * 2001),
        ("note", "a\u0000b"),
        ("status", "closed"),
        ("outcome", "kept"),
    ],
)
def test_invalid_reports_name_the_field(field: str, value: Any) -> None:
    event = make_event(alice())
    body = {"kind": "event", "id": event.pk, "reason": "spam"} | {field: value}
    problem = assert_problem(api(bob()).post("/reports", body), 422, "invalid")
    assert [error["field"] for error in problem["errors"]] == [field]


def test_other_needs_a_note() -> None:
    body = {"kind": "event", "id": make_event(alice()).pk, "reason": "other"}
    client = api(bob())
    problem = assert_problem(client.post("/reports", body), 422, "invalid")
    assert [error["field"] for error in problem["errors"]] == ["note"]
    assert client.post("/reports", body | {"note": "It is a trap."}).status_code == 201


def test_ones_own_is_invalid_and_the_unseen_absent() -> None:
    author, other = alice(), bob()
    hidden = make_story(author, audience="connections")
    body = {"kind": "story", "id": hidden.pk, "reason": "spam"}
    problem = assert_problem(api(author).post("/reports", body), 422, "invalid")
    assert [error["field"] for error in problem["errors"]] == ["id"]
    assert_problem(api(other).post("/reports", body), 404, "not-found")
    assert_problem(api(author).post("/reports", {"kind": "user", "id": author.pk, "reason": "spam"}), 422, "invalid")


def test_the_list_has_ones_own_and_costs_the_same_however_long() -> None:
    author, reporter, other = alice(), bob(), carol()
    client = api(reporter)
    make_report(other, "event", make_event(author), author)
    assert client.get("/reports").json()["count"] == 0
    make_report(reporter, "event", make_event(author), author)
    few = queries_of(client, "/reports", 10)
    for _number in range(60):
        make_report(reporter, "event", make_event(author), author)
    assert queries_of(client, "/reports", 100) == few == 3
    assert client.get("/reports").json()["count"] == 61
