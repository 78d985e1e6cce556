"""What is written of a request, and what is not."""

import logging
from typing import Any, cast

import pytest
from django.test import Client

from apps.users.sessions import begin
from tests import people
from tests.console import console
from tests.people import alice


def test_a_line_names_request_and_address_but_no_query(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        response = client.get("/healthz?q=alice@example.com", headers={"X-Forwarded-For": "9.9.9.9"})
    lines = [record.getMessage() for record in caplog.records if "request_finished" in record.getMessage()]
    assert len(lines) == 1
    assert "GET /healthz" in lines[0]
    assert response["X-Request-ID"] in lines[0]
    assert "127.0.0.1" in lines[0]
    assert "alice" not in caplog.text
    assert "9.9.9.9" not in caplog.text
    assert "request_started" not in caplog.text


def finished(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The lines of requests, as they were before they became text."""
    return [cast(Any, record.msg) for record in caplog.records if "request_finished" in record.getMessage()]


@pytest.mark.django_db
def test_a_call_is_of_whom_its_token_says_and_never_of_a_session(caplog: pytest.LogCaptureFixture) -> None:
    person, browser = alice(), console(people.support())
    with caplog.at_level(logging.INFO):
        browser.get("/api/events")
        browser.get("/api/users/profile", headers={"Authorization": f"Bearer {begin(person).access}"})
    public, own = finished(caplog)
    assert (public["request"], public.get("user_id")) == ("GET /api/events", None)
    assert (own["request"], own["user_id"]) == ("GET /api/users/profile", person.pk)


@pytest.mark.django_db
def test_a_page_is_of_whom_its_session_says(caplog: pytest.LogCaptureFixture) -> None:
    officer = people.support()
    with caplog.at_level(logging.INFO):
        console(officer).get("/admin/")
    [line] = finished(caplog)
    assert line["user_id"] == officer.pk
