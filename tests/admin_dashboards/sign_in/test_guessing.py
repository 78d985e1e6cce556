"""Guesses at codes and passwords of the console."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.users.staff.accounts import set_staff_password
from tests import people
from tests.admin_dashboards.sign_in.steps import (
    CODE,
    LOGIN,
    half_way,
    password,
    signed_in,
)
from tests.authenticator import code_of, enrol, wrong
from tests.clock import Clock

pytestmark = pytest.mark.django_db


# --- Guessing -------------------------------------------------------------------------------------------------------


def test_wrong_codes_lock_it_and_say_for_how_long(clock: Clock) -> None:
    staff = people.compliance()
    app, codes = enrol(staff)
    for _guess in range(10):
        client = half_way(staff)
        assert "This code is wrong" in client.post(CODE, {"code": wrong(app)}).content.decode()
    for code in (code_of(app), codes[0]):
        answer = half_way(staff).post(CODE, {"code": code})
        assert (answer.status_code, answer["Retry-After"]) == (429, "600")
        assert "Try again in 10 minutes" in answer.content.decode()
    clock.shift(timedelta(minutes=10))
    client = half_way(staff)
    assert client.post(CODE, {"code": code_of(app)}).status_code == 302
    assert Entry.objects.filter(verb=Action.SIGN_IN_FAILED, target_id=str(staff.pk)).count() == 10


def test_a_code_signs_in_one_browser(clock: Clock) -> None:
    staff = people.compliance()
    app, _codes = enrol(staff)
    one, another = half_way(staff), half_way(staff)
    assert one.post(CODE, {"code": code_of(app)}).status_code == 302
    assert another.post(CODE, {"code": code_of(app)}).status_code == 200
    assert (signed_in(one), signed_in(another)) == (True, False)


def test_wrong_passwords_hold_one_up_for_longer_each_time(clock: Clock) -> None:
    staff = people.compliance()
    client = Client()

    def fails(times: int) -> None:
        for _guess in range(times):
            client.post(LOGIN, {"username": "compliance", "password": "not it"})

    def is_let_in() -> bool:
        return bool(password(client, staff).status_code == 302)

    fails(10)
    clock.shift(timedelta(minutes=9))
    assert not is_let_in()
    clock.shift(timedelta(minutes=11))
    fails(10)
    clock.shift(timedelta(minutes=15))
    assert not is_let_in()
    clock.shift(timedelta(minutes=21))
    assert is_let_in()


def test_spelling_the_name_differently_gives_no_more_tries() -> None:
    people.compliance()
    for name in ("compliance", "Compliance", "COMPLIANCE"):
        for _guess in range(5):
            last = Client().post(LOGIN, {"username": name, "password": "not it"})
    assert last.status_code == 429


@pytest.mark.parametrize("by", ["a new password", "the operator"])
def test_locked_accounts_can_be_released(by: str) -> None:
    staff = people.compliance()
    for _guess in range(11):
        Client().post(LOGIN, {"username": "compliance", "password": "not it"})
    assert password(Client(), staff).status_code == 429
    if by == "a new password":
        set_staff_password(people.access(), staff.pk, "another-long-one")
        answer = Client().post(LOGIN, {"username": "compliance", "password": "another-long-one"})
    else:
        call_command("release_account", "compliance", verbosity=0)
        answer = password(Client(), staff)
    assert answer.status_code == 302


def test_others_sign_in_meanwhile() -> None:
    people.compliance()
    client = Client()
    for _guess in range(11):
        client.post(LOGIN, {"username": "compliance", "password": "not it"})
    assert password(client, people.community()).status_code == 302
