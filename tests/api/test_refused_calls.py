"""Refused calls are kept for support: bounded, without content, and without delaying the answer."""

from __future__ import annotations

import pytest
from django.conf import settings

from api import as_seen
from apps.infra import valkey
from apps.support import refused_calls
from tests import people
from tests.client import api

pytestmark = pytest.mark.django_db


def test_refused_calls_are_kept_newest_first_without_what_was_sent() -> None:
    alice = people.alice()
    app = api(alice)
    app.get("/stories/999999")
    app.post("/chat/rooms?note=private-query", {"participant": 999999, "oops": "private-body"})
    app.get("/users/profile")
    calls = refused_calls.latest(alice)
    assert calls is not None
    assert [(call.method, call.path, call.status, call.code) for call in calls] == [
        ("POST", "/api/chat/rooms", 422, "invalid"),
        ("GET", "/api/stories/999999", 404, "not-found"),
    ]
    assert "private" not in str(calls)
    assert refused_calls.latest(people.bob()) == []


def test_only_the_latest_refused_calls_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused_calls, "KEPT", 2)
    alice = people.alice()
    for number in (1, 2, 3):
        api(alice).get(f"/stories/99999{number}")
    calls = refused_calls.latest(alice)
    assert calls is not None
    assert [call.path for call in calls] == ["/api/stories/999993", "/api/stories/999992"]


def test_views_as_the_user_are_not_among_refused_calls() -> None:
    alice = people.alice()
    [answer] = as_seen.answers_for(alice, ["/api/stories/999999"], base="http://testserver")
    assert answer.status == 404
    assert refused_calls.latest(alice) == []


def test_refusals_stay_the_same_without_valkey(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:1/0")
    alice = people.alice()
    assert api(alice).get("/stories/999999").status_code == 404
    assert refused_calls.latest(alice) is None
    with pytest.raises(valkey.Away), valkey.asked() as client:
        client.ping()
