"""Domain errors as the console answers them: one status each, at pages, forms and scripts."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from admin_dashboards.context import OtherSite
from admin_dashboards.errors import answers_json, status_of, with_status
from apps.errors import Absent, Conflict, DomainError, Invalid, LockedOut, Refused, TooLarge, Unavailable
from tests import people
from tests.console import console


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Refused("no", "No."), 403),
        (OtherSite("other-site", "No."), 403),
        (Absent("absent", "Gone."), 404),
        (Conflict("changed", "Changed."), 409),
        (Invalid("invalid", "Invalid.", field="name"), 422),
        (Invalid("invalid", "Invalid."), 422),
        (TooLarge("too-large", "Too large."), 422),
        (LockedOut("locked", "Wait.", wait=7), 429),
        (Unavailable("away", "Try again."), 503),
    ],
)
def test_errors_have_one_status_at_forms_and_scripts(error: DomainError, status: int) -> None:
    @answers_json
    def view() -> HttpResponse:
        raise error

    assert status_of(error) == status
    assert with_status(HttpResponse(), error).status_code == status
    answer = view()
    assert (answer.status_code, json.loads(answer.content)) == (status, {"sentence": str(error)})


def test_lockouts_say_when_to_try_again() -> None:
    assert with_status(HttpResponse(), LockedOut("locked", "Wait.", wait=7))["Retry-After"] == "7"


def test_forms_without_an_error_keep_their_status() -> None:
    assert with_status(HttpResponse(status=201), None).status_code == 201


@pytest.mark.django_db
def test_a_refused_page_asks_once_for_the_name_of_the_permission() -> None:
    client = console(people.support())
    client.get("/admin/jsi18n/")
    with CaptureQueriesContext(connection) as asked:
        page = client.get("/admin/stories/story/")
    assert "You need the permission “Can view story”." in page.text
    assert sum('"auth_permission"."name"' in query["sql"] for query in asked) == 1
