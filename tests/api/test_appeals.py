"""Strikes and appeals over HTTP, for the suspended too."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.moderation.appeals import rule_on_appeal
from apps.moderation.cases import resolve_case
from apps.moderation.models import Appeal, Case, Strike
from apps.moderation.reporting import report
from apps.review.decisions.models import Decision
from apps.users.models import User
from tests.client import Api, api, assert_problem
from tests.costs import queries_of
from tests.factories import make_story
from tests.jobs import run_jobs
from tests.people import PASSWORD, admin, alice, bob, community

pytestmark = pytest.mark.django_db
UNDO_WINDOW = timedelta(seconds=10)


def struck(author: User, *outcomes: str) -> Decision:
    story = make_story(author)
    made = report(bob(), kind="story", target_id=story.pk, reason="spam")
    assert made.case_id is not None
    resolve_case(admin(), made.case_id, outcomes=outcomes or ("removed",), reason="spam", text="No ads.")
    return Decision.objects.get()


def test_a_strike_says_what_may_be_appealed_and_until_when() -> None:
    author = alice()
    decision = struck(author)
    client = api(author)
    assert client.get("/strikes").json()["count"] == 0, "it may still be undone without a trace"
    run_jobs(later=UNDO_WINDOW)
    [strike] = client.get("/strikes").json()["results"]
    assert strike.pop("id")
    until = strike.pop("may_appeal_until")
    assert until.startswith((decision.made_at + timedelta(days=20)).strftime("%Y-%m-%dT%H:%M:"))
    assert until.endswith("Z")
    assert strike.pop("made_at")
    assert strike.pop("expires_at")
    assert strike == {
        "decision": decision.pk,
        "kind": "story",
        "target": Case.objects.get().target_id,
        "outcomes": ["removed"],
        "reason": "spam",
        "text": "No ads.",
        "weight": 2,
        "lifted_at": None,
    }


def test_an_appeal_is_made_and_followed_until_it_is_ruled_on() -> None:
    author = alice()
    decision = struck(author)
    run_jobs(later=UNDO_WINDOW)
    client = api(author)
    answer = client.post("/appeals", {"decision": decision.pk, "text": "It is art."})
    assert answer.status_code == 201
    made = answer.json()
    assert (made["decision"], made["status"], made["ruling"], made["ruled_at"]) == (decision.pk, "open", "", None)
    assert not {"decider", "ruled_by"} & made.keys()
    assert_problem(client.post("/appeals", {"decision": decision.pk, "text": "Again."}), 409, "already-appealed")
    assert client.get("/strikes").json()["results"][0]["may_appeal_until"] is None
    rule_on_appeal(community(), made["id"], overturn=True, text="You are right.")
    [row] = client.get("/appeals").json()["results"]
    assert (row["status"], row["ruling"]) == ("open", ""), "it may still be undone without a trace"
    Appeal.objects.update(ruled_at=timezone.now() - UNDO_WINDOW)
    [row] = client.get("/appeals").json()["results"]
    assert (row["status"], row["ruling"]) == ("overturned", "You are right.")
    assert row["ruled_at"].endswith("Z")
    assert client.get("/strikes").json()["results"][0]["lifted_at"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("decision", "5"), ("decision", 0), ("decision", None), ("text", ""), ("text", None), ("text", "x" * 2001)],
)
def test_invalid_appeals_name_the_field(field: str, value: object) -> None:
    body = {"decision": 1, "text": "It is art."} | {field: value}
    problem = assert_problem(api(alice()).post("/appeals", body), 422, "invalid")
    assert [error["field"] for error in problem["errors"]] == [field]


def test_others_know_nothing_of_it() -> None:
    author = alice()
    decision = struck(author)
    run_jobs(later=UNDO_WINDOW)
    client = api(User.objects.get(username="bob"))
    assert client.get("/strikes").json()["count"] == client.get("/appeals").json()["count"] == 0
    assert_problem(client.post("/appeals", {"decision": decision.pk, "text": "Ha."}), 404, "not-found")


def test_the_suspended_are_refused_at_login_but_can_read_their_strikes_and_appeal() -> None:
    author = alice()
    decision = struck(author, "suspended")
    run_jobs(later=UNDO_WINDOW)
    credentials = {"username": "alice", "password": PASSWORD}
    assert "access" not in assert_problem(
        api().post("/users/auth/login", credentials | {"password": "no"}), 401, "wrong-credentials"
    )
    problem = assert_problem(api().post("/users/auth/login", credentials), 403, "account-suspended")
    client = Api(None, Authorization=f"Bearer {problem['access']}")
    assert client.get("/strikes").json()["results"][0]["decision"] == decision.pk
    assert client.post("/appeals", {"decision": decision.pk, "text": "Please."}).status_code == 201
    assert client.get("/appeals").json()["count"] == 1
    for path in ("/users/profile", "/stories", "/notifications", "/reports", "/events"):
        assert "access" not in assert_problem(client.get(path), 403, "account-suspended")
    assert_problem(client.post("/chat/ticket"), 403, "account-suspended")
    rule_on_appeal(community(), Appeal.objects.get().pk, overturn=True, text="Sorry.")
    assert client.get("/users/profile").status_code == 200


def test_the_lists_cost_the_same_however_long() -> None:
    author, boss = alice(), admin()
    client, now = api(author), timezone.now()

    def strike() -> None:
        case = Case.objects.create(
            kind="event", target_id=1, author=author, status="closed", outcomes=["warned"], closed_at=now
        )
        decision = Decision.objects.create(
            verb="case.settled",
            actor=boss,
            target_type="moderation.case",
            target_id=case.pk,
            subject=author,
            told_at=now,
        )
        given = {"outcomes": ["warned"], "points": 1, "expires_at": now + timedelta(days=9)}
        Strike.objects.create(person=author, decision=decision, case=case, **given)
        Appeal.objects.create(decision=decision, case=case, author=author, decider=boss, text="No.")

    strike()
    few = [queries_of(client, path, 10) for path in ("/strikes", "/appeals")]
    for _number in range(30):
        strike()
    assert [queries_of(client, path, 50) for path in ("/strikes", "/appeals")] == few == [3, 3]
