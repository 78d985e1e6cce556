"""Guesses from many addresses at one account, and from one address at many: at every entry point that takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.users.models import User
from tests import people
from tests.authenticator import App, enrol, wrong
from tests.client import api, client_of, login, works

pytestmark = pytest.mark.django_db

MANY = 14
ELSEWHERE = "203.0.113.200"
APPS: dict[int, App] = {}


def sent_from(address: str) -> dict[str, str]:
    """Where a request comes from, and where it pretends to come from."""
    return {"REMOTE_ADDR": address, "HTTP_X_FORWARDED_FOR": f"198.51.100.{address.rpartition('.')[2]}"}


def app_password(person: User, address: str) -> Any:
    body = {"username": person.username, "password": "not it"}
    return api().post("/users/auth/login", body, **sent_from(address))


def app_code(person: User, address: str) -> Any:
    body = {"username": person.username, "password": people.PASSWORD, "otp": wrong(APPS[person.pk])}
    return api().post("/users/auth/login", body, **sent_from(address))


def reset_code(person: User, address: str) -> Any:
    body = {"email": person.email, "otp": "000000", "password": "another-long-one"}
    return api().post("/users/auth/password_reset/confirm", body, **sent_from(address))


def console_password(person: User, address: str) -> Any:
    return Client(**sent_from(address)).post("/admin/login/", {"username": person.username, "password": "not it"})


def console_code(person: User, address: str) -> Any:
    client = Client(**sent_from(address))
    answer = client.post("/admin/login/", {"username": person.username, "password": people.PASSWORD})
    if answer.status_code == 429:
        return answer
    return client.post("/admin/login/code/", {"code": wrong(APPS[person.pk])})


type Guess = Callable[[User, str], Any]
GUESSES: list[tuple[Guess, bool]] = [
    # how, and whether of staff
    (app_password, False),
    (app_code, False),
    (reset_code, False),
    (console_password, True),
    (console_code, True),
]


def cast(guess: Guess, count: int, *, staff: bool) -> list[User]:
    make = people.make_staff if staff else people.make_user
    found = [make(f"{guess.__name__.replace('_', '')}{'xyzuvw'[number]}") for number in range(count)]
    if guess in (app_code, console_code):
        APPS.update({person.pk: enrol(person)[0] for person in found})
    return found


def is_answered(answer: Any) -> bool:
    assert answer.status_code in (200, 401, 422, 429), answer.content
    return bool(answer.status_code != 429)


def opens(person: User, *, staff: bool) -> bool:
    """Whether the right password is taken from another address, be it that a code is asked for then."""
    if staff:
        sent = {"username": person.username, "password": people.PASSWORD}
        return bool(Client(REMOTE_ADDR=ELSEWHERE).post("/admin/login/", sent).status_code == 302)
    body = {"username": person.username, "password": people.PASSWORD}
    answer = api().post("/users/auth/login", body, REMOTE_ADDR=ELSEWHERE)
    return answer.status_code == 200 or answer.json()["type"] == "otp-required"


def test_many_addresses_get_ten_answers_about_an_account_and_delay_no_other() -> None:
    for guess, staff in GUESSES:
        victim, other = cast(guess, 2, staff=staff)
        signed_in = None if staff or guess is app_code else client_of(login(victim.username))
        answers = [is_answered(guess(victim, f"192.0.2.{number}")) for number in range(MANY)]
        # At the console the tenth is refused like those that follow.
        assert answers in ([True] * 10 + [False] * 4, [True] * 9 + [False] * 5), guess
        assert opens(other, staff=staff), guess
        # Who is signed in stays so, and codes from a mail are counted apart from passwords.
        assert signed_in is None or works(signed_in), guess
        if guess is reset_code:
            assert opens(victim, staff=staff)
        if guess is app_password:
            assert is_answered(reset_code(victim, ELSEWHERE))


def test_an_address_gets_so_many_answers_whatever_the_accounts(settings: Any) -> None:
    settings.LIMITS = settings.LIMITS | {"login_address": (3, 600)}
    for number, (guess, staff) in enumerate(GUESSES):
        victims = cast(guess, 5, staff=staff)
        answers = [is_answered(guess(person, f"192.0.2.{number}")) for person in victims]
        assert answers == [True] * 3 + [False] * 2, guess
        assert all(opens(person, staff=staff) for person in victims), guess


def test_a_made_up_address_is_neither_counted_nor_believed(settings: Any) -> None:
    settings.LIMITS = settings.LIMITS | {"login_address": (3, 600)}
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    people.alice()
    for number in range(3):
        # What stands before the address that the proxy saw was written by the client.
        chain = f"203.0.113.{number}, 127.0.0.1, 192.0.2.1"
        assert app_answer(chain).status_code == 401
    assert app_answer("192.0.2.1").status_code == 429
    assert app_answer("192.0.2.2").status_code == 401


def app_answer(chain: str) -> Any:
    body = {"username": "unknown", "password": "not it"}
    return api().post("/users/auth/login", body, REMOTE_ADDR="10.0.0.7", HTTP_X_FORWARDED_FOR=chain)
