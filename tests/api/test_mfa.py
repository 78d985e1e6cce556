"""The second factor of client apps, and the list of one's logins."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.users.models import Session, User
from apps.users.models.second_factors import Authenticator
from tests.authenticator import App, code_of, enrol, wrong
from tests.client import Api, api, assert_problem
from tests.jobs import run_jobs
from tests.people import PASSWORD, alice, bob, make_staff
from tests.races import at_once

pytestmark = pytest.mark.django_db


def login(otp: str | None = None, password: str = PASSWORD, **headers: str) -> Any:
    body = {"username": "alice", "password": password} | ({} if otp is None else {"otp": otp})
    return api(None, **headers).post("/users/auth/login", body)


def test_a_client_app_sets_it_up_and_signs_in_with_it() -> None:
    with time_machine.travel("2026-06-01 12:00:00Z", tick=False) as clock:
        app_of_alice = api(alice())
        assert app_of_alice.get("/users/auth/mfa").json() == {"enabled": False, "backup_codes_left": 0}

        begun = app_of_alice.post("/users/auth/mfa", {"password": PASSWORD})
        assert begun.status_code == 200
        assert sorted(begun.json()) == ["qr", "secret", "uri"]
        assert begun.json()["qr"].startswith("data:image/png;base64,")
        assert login().status_code == 200  # nothing is asked for until a code has confirmed it

        totp = App.scanning(begun.json()["uri"])
        confirmed = app_of_alice.post("/users/auth/mfa/confirm", {"code": code_of(totp)})
        assert confirmed.status_code == 200
        codes = confirmed.json()["backup_codes"]
        assert len(codes) == 10
        assert app_of_alice.get("/users/auth/mfa").json() == {"enabled": True, "backup_codes_left": 10}

        clock.shift(30)
        assert login(code_of(totp)).status_code == 200
        assert login(codes[0]).status_code == 200
        assert app_of_alice.get("/users/auth/mfa").json()["backup_codes_left"] == 9


def test_logins_ask_for_a_code_after_the_right_password() -> None:
    enrol(alice())
    for otp in (None, ""):
        assert_problem(login(otp), 401, "otp-required")
    assert_problem(login(password="not it"), 401, "wrong-credentials")
    assert_problem(login("000000", password="not it"), 401, "wrong-credentials")
    assert not Session.objects.exists()


def test_wrong_and_used_codes_do_not_sign_in() -> None:
    with time_machine.travel("2026-06-01 12:00:00Z", tick=False):
        totp, codes = enrol(alice())
        assert_problem(login(wrong(totp)), 401, "otp-wrong")
        assert login(code_of(totp)).status_code == 200
        assert_problem(login(code_of(totp)), 401, "otp-wrong")
        assert login(codes[0]).status_code == 200
        assert_problem(login(codes[0]), 401, "otp-wrong")


def test_codes_are_taken_however_they_are_shown() -> None:
    with time_machine.travel("2026-06-01 12:00:00Z", tick=False) as clock:
        totp, codes = enrol(alice())
        for between in ("\u202f", "\u2013", "\u200b "):
            code = code_of(totp)
            assert login(f" {code[:3]}{between}{code[3:]}\ufeff").status_code == 200
            clock.shift(30)
        assert login("".join(chr(0xFF10 + int(digit)) for digit in code_of(totp))).status_code == 200
        assert login(codes[0].upper().replace("-", " ")).status_code == 200
        assert login(codes[1].replace("-", "\u2014")).status_code == 200
        assert login("\u200b".join(codes[2])).status_code == 200


def test_malformed_login_codes_cost_no_try() -> None:
    user = alice()
    totp, codes = enrol(user)
    for odd in ("12345", "1234567", "123 45x", codes[0][:-1], codes[0] + "a", "0000-0000-0000-0000") * 2:
        assert_problem(login(odd), 401, "otp-malformed")
    assert login(code_of(totp)).status_code == 200
    assert Authenticator.objects.get().throttling_failure_count == 0


def test_a_stolen_token_sets_nothing_up() -> None:
    thief = api(alice())
    for body, code in (({}, "missing"), ({"password": "wrong"}, "wrong-password")):
        [error] = assert_problem(thief.post("/users/auth/mfa", body), 422, "invalid")["errors"]
        assert (error["field"], error["code"]) == ("password", code)
    assert not Authenticator.objects.exists()
    for _guess in range(9):
        thief.post("/users/auth/mfa", {"password": "wrong"})
    assert_problem(thief.post("/users/auth/mfa", {"password": PASSWORD}), 429, "too-many-requests")


def test_ten_wrong_codes_are_all_that_one_gets() -> None:
    totp, codes = enrol(alice())
    for _guess in range(10):
        assert login(wrong(totp)).status_code == 401
    for otp in (code_of(totp), codes[0]):
        answer = login(otp)
        assert answer.status_code == 429
        assert int(answer["Retry-After"]) > 0


def test_the_lock_stays_where_the_broker_has_forgotten(broker: Any) -> None:
    totp, _codes = enrol(alice())
    for _guess in range(10):
        login(wrong(totp))
    broker.flushdb()
    answer = login(code_of(totp))
    assert_problem(answer, 429, "otp-locked")
    assert 540 < int(answer["Retry-After"]) <= 600


def test_right_codes_are_not_counted() -> None:
    with time_machine.travel("2026-06-01 12:00:00Z", tick=False) as clock:
        totp, _codes = enrol(alice())
        for _login in range(12):
            assert login().json()["type"] == "otp-required"
            assert login(code_of(totp)).status_code == 200
            clock.shift(30)


def test_others_are_not_delayed_by_guesses_at_an_account() -> None:
    totp, _codes = enrol(alice())
    bob()
    for _guess in range(11):
        login(wrong(totp))
    answer = api().post("/users/auth/login", {"username": "bob", "password": PASSWORD})
    assert answer.status_code == 200


def test_a_code_where_none_is_asked_for_does_no_harm() -> None:
    alice()
    assert login("123456").status_code == 200


def test_an_account_as_before_asks_for_nothing() -> None:
    alice()
    assert login().status_code == 200


def test_confirming_needs_the_right_code_and_something_begun() -> None:
    app_of_alice = api(alice())
    assert_problem(app_of_alice.post("/users/auth/mfa/confirm", {"code": "123456"}), 409, "no-enrolment")
    secret = app_of_alice.post("/users/auth/mfa", {"password": PASSWORD}).json()["secret"]
    answer = app_of_alice.post("/users/auth/mfa/confirm", {"code": wrong(App(secret))})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "code"
    app_of_alice.post("/users/auth/mfa/confirm", {"code": code_of(App(secret))})
    assert_problem(app_of_alice.post("/users/auth/mfa", {"password": PASSWORD}), 409, "mfa-enabled")


def test_second_factor_is_deactivated_with_password_and_code() -> None:
    user = alice()
    totp, codes = enrol(user)
    app_of_alice = api(user)
    for body, field in [
        ({"password": "not it", "otp": codes[0]}, "password"),
        ({"password": PASSWORD, "otp": wrong(totp)}, "otp"),
        ({"password": PASSWORD}, "otp"),
        ({"password": PASSWORD, "otp": codes[0], "sure": True}, "sure"),
    ]:
        answer = app_of_alice.delete("/users/auth/mfa", body)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == field
    assert app_of_alice.delete("/users/auth/mfa", {"password": PASSWORD, "otp": codes[0]}).status_code == 204
    assert not Authenticator.objects.exists()
    assert login().status_code == 200
    assert_problem(app_of_alice.delete("/users/auth/mfa", {"password": PASSWORD, "otp": "123456"}), 409, "mfa-off")


def test_a_stolen_token_guesses_neither_password_nor_code() -> None:
    user = alice()
    totp, _codes = enrol(user)
    thief = api(user)
    bodies = [{"password": "not it", "otp": "000000"}] * 5 + [{"password": PASSWORD, "otp": wrong(totp)}] * 5
    for body in bodies:
        assert thief.delete("/users/auth/mfa", body).status_code == 422
    assert thief.delete("/users/auth/mfa", {"password": PASSWORD, "otp": code_of(totp)}).status_code == 429


@pytest.mark.parametrize("otp", ["\x00", "१२३४५६", "x" * 41, 123456, None, ["1"], "\ud800"])
def test_odd_codes_never_crash(otp: Any) -> None:
    enrol(alice())
    assert login(otp).status_code in (400, 401, 422)


def test_a_password_reset_by_mail_does_not_take_it_away() -> None:
    user = alice()
    _totp, codes = enrol(user)
    api().post("/users/auth/password_reset", {"email": user.email})
    run_jobs()
    code = re.search(r"\b\d{6}\b", str(mail.outbox[-1].body))[0]  # type: ignore[index]
    new = "another-long-one"
    sent = {"email": user.email, "otp": code, "password": new}
    assert api().post("/users/auth/password_reset/confirm", sent).status_code == 200
    assert_problem(login(password=new), 401, "otp-required")
    assert login(codes[0], password=new).status_code == 200


def test_staff_get_no_tokens_by_a_code() -> None:
    staff = make_staff("vera")
    totp, _codes = enrol(staff)
    body = {"username": "vera", "password": PASSWORD, "otp": code_of(totp)}
    assert_problem(api().post("/users/auth/login", body), 403, "staff-account")


# --- One's logins ---------------------------------------------------------------------------------------------------


def tokens_to_client(answer: Any) -> Api:
    return api(Authorization=f"Bearer {answer.json()['access']}")


def test_users_see_their_logins_and_the_current_one() -> None:
    alice()
    api(bob())
    phone = tokens_to_client(login(**{"User-Agent": "Phone"}))
    tokens_to_client(login(**{"User-Agent": "Tablet"}))
    page = phone.get("/users/auth/sessions").json()
    assert page["count"] == 2
    assert {(row["user_agent"], row["current"]) for row in page["results"]} == {("Phone", True), ("Tablet", False)}
    for row in page["results"]:
        assert sorted(row) == ["address", "created_at", "current", "id", "last_seen_at", "user_agent"]
        assert row["address"] == "127.0.0.1"
        assert row["created_at"].endswith("Z")


def test_ending_a_login_kills_its_tokens_and_no_others() -> None:
    alice()
    phone, answer = tokens_to_client(login()), login()
    tablet = tokens_to_client(answer)
    listed = phone.get("/users/auth/sessions").json()["results"]
    (other,) = [row["id"] for row in listed if not row["current"]]
    assert phone.delete(f"/users/auth/sessions/{other}").status_code == 204
    assert tablet.get("/users/profile").status_code == 401
    assert api().post("/users/auth/refresh", {"refresh": answer.json()["refresh"]}).status_code == 401
    assert phone.get("/users/profile").status_code == 200
    assert phone.get("/users/auth/sessions").json()["count"] == 1
    assert phone.delete(f"/users/auth/sessions/{other}").status_code == 404


def test_a_call_ends_all_other_logins_of_its_user() -> None:
    user, app_of_bob = alice(), api(bob())
    phone, others = tokens_to_client(login()), [login() for _ in range(2)]
    assert phone.delete("/users/auth/sessions").status_code == 204
    assert phone.get("/users/auth/sessions").json()["count"] == 1
    for answer in others:
        assert tokens_to_client(answer).get("/users/profile").status_code == 401
        assert api().post("/users/auth/refresh", {"refresh": answer.json()["refresh"]}).status_code == 401
    assert app_of_bob.get("/users/profile").status_code == 200
    assert phone.delete("/users/auth/sessions").status_code == 204
    ended = Entry.objects.get(verb=Action.SESSION_ENDED)
    assert (ended.actor, ended.subject, ended.detail) == (user, user, {"count": 2})


def test_logins_of_others_are_not_there() -> None:
    api(bob())
    theirs = Session.objects.get().pk
    app_of_alice = api(alice())
    for session_id in (theirs, 2**63 - 1, 0, "x"):
        assert app_of_alice.delete(f"/users/auth/sessions/{session_id}").status_code == 404
    assert Session.objects.get(pk=theirs).is_live


def test_a_list_of_many_logins_costs_no_more_queries() -> None:
    user = alice()
    assert queries(user, 1) == queries(user, 9)


def queries(user: User, logins: int) -> int:
    client = api(user)
    for _login in range(logins):
        api(user)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get("/users/auth/sessions").status_code == 200
    return len(captured)


@pytest.mark.django_db(transaction=True)
def test_a_code_gives_tokens_to_one_of_twenty_logins(settings: Any) -> None:
    settings.LIMITS_SCALE = 10
    person = alice()
    totp, codes = enrol(person)
    for code in (code_of(totp, 1), codes[0]):
        answers = at_once([partial(login, code)] * 20)
        assert sorted(answer.status_code for answer in answers) == [200] + [401] * 19
    assert Session.objects.count() == 2
