"""Dangerous changes ask for the password or a code again after ten minutes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client

from admin_dashboards.sign_in.reauth import recently_confirmed
from apps.users.models.second_factors import Authenticator
from tests import people
from tests.admin_dashboards.sign_in.steps import (
    request_of,
    sign_in,
)
from tests.authenticator import code_of, enrol, wrong
from tests.clock import Clock

pytestmark = pytest.mark.django_db


# --- Asked again ----------------------------------------------------------------------------------------------------


@recently_confirmed
def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.method} {sorted(request.POST.lists())}")


def ask(client: Client, method: str, data: dict[str, Any] | None = None) -> Any:
    from admin_dashboards.context import answering

    request = request_of(client, method, data)
    with answering(request):
        response = view(request)
        if hasattr(response, "render"):
            response.render()
    request.session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = request.session.session_key
    return response


def test_confirmation_is_not_asked_for_within_ten_minutes_of_login(clock: Clock) -> None:
    client = sign_in(people.access())
    clock.shift(timedelta(minutes=9, seconds=59))
    assert ask(client, "post", {"a": "1"}).content == b"POST [('a', ['1'])]"


def test_later_the_password_is_asked_for_and_what_was_sent_goes_on(clock: Clock) -> None:
    client = sign_in(people.access())
    clock.shift(timedelta(minutes=10))
    sent = {"a": ["1", "<2>"], "b": "3"}
    question = ask(client, "post", sent)
    assert question.status_code == 401
    page = question.content.decode()
    assert page.count('<input type="hidden" name="a"') == 2
    assert 'name="a" value="&lt;2&gt;"' in page
    assert 'action="/admin/grant/?to=1"' in page
    assert ask(client, "post", sent | {"_proof": "not it"}).status_code == 401
    answer = ask(client, "post", sent | {"_proof": people.PASSWORD})
    assert answer.content == b"POST [('a', ['1', '<2>']), ('b', ['3'])]"
    assert ask(client, "post", {"a": "1"}).status_code == 200


def test_a_confirmation_takes_a_new_session_key(clock: Clock) -> None:
    client = sign_in(people.access())
    clock.shift(timedelta(minutes=10))
    before = client.session.session_key
    ask(client, "post", {"_proof": "not it"})
    assert client.session.session_key == before
    assert ask(client, "post", {"_proof": people.PASSWORD}).status_code == 200
    assert client.session.session_key != before
    stale = Client()
    stale.cookies[settings.SESSION_COOKIE_NAME] = before
    assert stale.get("/admin/").status_code == 302
    # A poll that was under way would take the cookie of the new key with it.
    stale.cookies[settings.SESSION_COOKIE_NAME] = before
    answer = stale.get("/admin/", headers={"Accept": "application/json"})
    assert (answer.status_code, list(answer.cookies)) == (401, [])


def test_a_page_opens_after_the_password(clock: Clock) -> None:
    client = sign_in(people.access())
    clock.shift(timedelta(minutes=10))
    assert ask(client, "get").status_code == 401
    answer = ask(client, "post", {"_proof": people.PASSWORD, "_open": "1"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/grant/?to=1")
    assert ask(client, "get").content == b"GET []"


def test_a_code_does_instead_of_the_password_and_counts_once(clock: Clock) -> None:
    staff = people.access()
    client = sign_in(staff)
    app, _codes = enrol(staff)
    clock.shift(timedelta(minutes=10))
    code = code_of(app)
    assert ask(client, "post", {"_proof": f"{code[:3]} {code[3:]}"}).status_code == 200
    clock.shift(timedelta(minutes=10))
    assert ask(client, "post", {"_proof": code}).status_code == 401
    assert ask(client, "post", {"_proof": wrong(app)}).status_code == 401


def test_a_code_there_verifies_the_session(clock: Clock) -> None:
    staff = people.access()
    client = sign_in(staff)
    app, _codes = enrol(staff)
    clock.shift(timedelta(minutes=10))
    ask(client, "post", {"_proof": code_of(app)})
    assert client.session["otp_device_id"] == Authenticator.objects.get().persistent_id


def test_required_second_factor_makes_confirmation_ask_for_a_code(settings: Any, clock: Clock) -> None:
    staff = people.access()
    client = sign_in(staff)
    app, _codes = enrol(staff)
    settings.STAFF_MFA = "required"
    assert ask(client, "post", {"a": "1"}).status_code == 401
    assert ask(client, "post", {"_proof": people.PASSWORD}).status_code == 401
    assert ask(client, "post", {"_proof": code_of(app)}).status_code == 200


def test_guesses_at_the_question_are_counted(clock: Clock) -> None:
    client = sign_in(people.access())
    clock.shift(timedelta(minutes=10))
    for _guess in range(10):
        ask(client, "post", {"_proof": "not it"})
    assert ask(client, "post", {"_proof": people.PASSWORD}).status_code == 401
