"""Calls of the API pass by the console's middleware, and lose nothing by it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.users.authentication.api_sessions import begin
from tests import people
from tests.console import console
from tests.people import alice

PROTECTION = {
    "Content-Security-Policy",
    "Cross-Origin-Resource-Policy",
    "Cross-Origin-Opener-Policy",
    "Permissions-Policy",
    "Referrer-Policy",
    "Reporting-Endpoints",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
}
# Of what each kind of answer has alone.
OWN = {
    "Allow",
    "Cache-Control",
    "Content-Length",
    "Content-Type",
    "Expires",
    "Set-Cookie",
    "Vary",
    "WWW-Authenticate",
    "X-Request-ID",
}


@pytest.fixture(autouse=True)
def _with_hsts(settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS = 31536000
    settings.SECURE_HSTS_PRELOAD = True


def protection(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.items() if name not in OWN}


@pytest.mark.django_db
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "path", ["/api/events", "/api/users/profile", "/api/nowhere", "/api/openapi.json", "/healthz", "/csp-reports"]
)
def test_calls_have_the_headers_of_pages(scheme: str, path: str) -> None:
    client = Client()
    call, page = (client.get(each, **{"wsgi.url_scheme": scheme}) for each in (path, "/nowhere"))
    assert protection(call) == protection(page)
    assert set(protection(call)) == PROTECTION - ({"Strict-Transport-Security"} if scheme == "http" else set())


@pytest.mark.django_db
def test_an_answer_has_these_headers_and_no_others() -> None:
    answer = Client().get("/api/users/profile", headers={"Authorization": f"Bearer {begin(alice()).access}"})
    assert set(answer.headers) == (PROTECTION | {"Cache-Control", "Content-Length", "Content-Type", "X-Request-ID"}) - {
        "Strict-Transport-Security"
    }
    assert answer["Content-Type"] == "application/json; charset=utf-8"
    assert answer["Cache-Control"] == "no-store"
    assert int(answer["Content-Length"]) == len(answer.content)


@pytest.mark.django_db
def test_a_call_is_asked_for_by_a_known_host_and_over_https(settings: Any) -> None:
    assert Client().get("/api/events", headers={"Host": "elsewhere.example"}).status_code == 400
    settings.SECURE_SSL_REDIRECT = True
    for path in ("/api/events?page=2", "/api/nowhere", "/api/docs"):
        answer = Client().get(path)
        assert (answer.status_code, answer.json()["type"]) == (403, "https-required")
        assert not answer.has_header("Location")
    assert Client().get("/api/events", secure=True).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/nowhere", "/api/events", "/api/users/profile"])
def test_a_session_of_the_console_is_not_even_read(path: str) -> None:
    browser = console(people.support())
    with CaptureQueriesContext(connection) as queries:
        answer = browser.get(path)
    assert not [query for query in queries if "django_session" in query["sql"]]
    assert not answer.has_header("Vary")


@pytest.mark.django_db
def test_a_failure_beside_the_call_is_answered_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("api.main.keep_refused", lambda *_: 1 / 0)
    with caplog.at_level(logging.INFO):
        answer = Client(raise_request_exception=False).get("/api/events")
    assert answer.status_code == 500
    assert set(protection(answer)) >= PROTECTION - {"Strict-Transport-Security"}
    assert [record for record in caplog.records if "request_failed" in record.getMessage()]
