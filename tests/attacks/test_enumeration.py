"""Whether an account or an object exists is not to be found out: answers and work are the same."""

from __future__ import annotations

from typing import Any

import pytest

from apps.users.authentication.jobs import send_reset_code
from apps.users.models import ResetCode, User
from apps.users.passwords import dummy_hash
from tests import people
from tests.client import Api, api
from tests.hashes import counted_hashes
from tests.permissions.api_table import TABLE
from tests.permissions.scene import Scene, build
from tests.undoing import undone

pytestmark = pytest.mark.django_db

NOWHERE = 987_654_321


def said(answer: Any) -> tuple[int, Any]:
    """An answer but for the number of its request."""
    problem = answer.json()
    problem.pop("request_id", None)
    return answer.status_code, problem


def test_answers_to_strangers_are_the_same_for_all_accounts_and_none(settings: Any) -> None:
    settings.LIMITS_SCALE = 1e6
    alice, off = people.alice(), people.bob()
    people.community()
    User.objects.filter(pk=off.pk).update(is_active=False)
    send_reset_code(user_id=alice.pk)
    names = ("alice", "bob", "community", "unknown")
    for path, body in (
        ("/users/auth/login", lambda name: {"username": name, "password": "not it"}),
        ("/users/auth/password_reset", lambda name: {"email": f"{name}@example.com"}),
        (
            "/users/auth/password_reset/confirm",
            lambda name: {"email": f"{name}@example.com", "otp": "000000", "password": "another-long-one"},
        ),
    ):
        answers = [said(api().post(path, body(name))) for name in names]
        assert all(answer == answers[0] for answer in answers), path


def test_codes_of_unknown_accounts_cost_as_many_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = people.alice(), people.bob()
    people.compliance()
    send_reset_code(user_id=alice.pk)
    send_reset_code(user_id=bob.pk)
    ResetCode.objects.filter(user=bob).update(tries_left=0)
    dummy_hash()
    hashed = counted_hashes(monkeypatch)
    counts: dict[str, list[int]] = {}
    for email in ("alice@example.com", "bob@example.com", "compliance@staff.example.com", "unknown@example.com"):
        for path, more in (("", {}), ("/confirm", {"otp": "000000", "password": "another-long-one"})):
            hashed.clear()
            api().post(f"/users/auth/password_reset{path}", {"email": email} | more)
            counts.setdefault(path, []).append(len(hashed))
    assert counts == {"": [0] * 4, "/confirm": [1] * 4}


@pytest.fixture
def scene() -> Scene:
    return build()


def test_hidden_objects_answer_as_absent_ones_do(scene: Scene, settings: Any) -> None:
    settings.LIMITS_SCALE = 1e6
    absent = Scene(scene.people, dict.fromkeys(scene.ids, NOWHERE) | {"room": "0" * 32}, scene.tokens)
    seen = []
    for row in TABLE:
        for who, status in row.expect.items():
            # In paths alone a person is named.
            if status != 404 or row.form is not None or who not in ("carol", "dave", "newton"):
                continue
            client = Api(scene.tokens_of(who))
            answers = []
            for where in (scene, absent):
                path = where.fill(row.path, who)
                if where is absent:
                    path = path.replace("/alice", "/nobody")
                with undone():
                    send = getattr(client.client, row.method.lower())
                    body = {} if row.method == "GET" else where.fill(row.body or {}, who)
                    kind = {} if row.method == "GET" else {"content_type": "application/json"}
                    answers.append(said(send(f"/api{path}", body, headers=client.headers, **kind)))
            assert answers[0][0] == 404, row
            assert answers[0] == answers[1], (row, who)
            seen.append(row)
    assert len(seen) > 20
