"""Signing up, signing in and out, passwords."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unicodedata import normalize

import jwt
import pytest
import time_machine
from django.conf import settings
from django.core import mail
from django.utils import timezone

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.users.models import Session, User
from tests.client import NEW, api, ask_for_code, assert_problem, client_of, login, refresh, works
from tests.jobs import run_jobs
from tests.people import PASSWORD, admin, alice, bob, compliance, make_user

pytestmark = pytest.mark.django_db

NO_ACCOUNT = "No active account found with the given credentials"


# --- Signing up -----------------------------------------------------------------------------------------------------


def test_a_newcomer_registers_and_has_a_profile() -> None:
    answer = api().post("/users/auth/register", NEW | {"phone": "+1234567890"})
    assert answer.status_code == 201
    assert answer.json() == {
        "id": User.objects.get(username="nora").pk,
        "username": "nora",
        "email": "nora@example.com",
        "role": "influencer",
        "phone": "+1234567890",
        "is_verified": False,
    }
    assert login("nora", NEW["password"]).status_code == 200
    assert User.objects.get(username="nora").profile.bio == ""


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"role": "staff"}, "role"),
        ({"role": "admin"}, "role"),
        ({"role": None}, "role"),
        ({"username": "ALICE"}, "username"),
        ({"username": ""}, "username"),
        ({"username": "with space"}, "username"),
        ({"username": "a@b"}, "username"),
        ({"username": "Image"}, "username"),
        ({"username": "x" * 151}, "username"),
        ({"username": "a/b"}, "username"),
        ({"email": "Alice@Example.com"}, "email"),
        ({"email": "nonsense"}, "email"),
        ({"email": "a@b\r\nBcc: c@d.example"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "12345678901"}, "password"),
        ({"password": "nora@example"}, "password"),
        ({"password": "Infloo-Influencer1!"}, "password"),
        ({"password": "x" * 257}, "password"),
        ({"phone": "call me"}, "phone"),
        ({"is_verified": True}, "is_verified"),
        ({"is_staff": True}, "is_staff"),
        ({"id": 1}, "id"),
    ],
)
def test_invalid_registrations_name_the_field(change: dict[str, Any], field: str) -> None:
    alice()
    answer = api().post("/users/auth/register", NEW | change)
    problem = assert_problem(answer, 422, "invalid")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert not User.objects.filter(username="nora").exists()


@pytest.mark.parametrize("missing", ["username", "email", "password", "role"])
def test_registering_needs_each_of_these(missing: str) -> None:
    body = {name: value for name, value in NEW.items() if name != missing}
    problem = assert_problem(api().post("/users/auth/register", body), 422, "invalid")
    assert problem["errors"] == [{"field": missing, "code": "missing", "message": "Field required"}]


def test_letters_of_every_script_make_a_user_name() -> None:
    for number, name in enumerate(["Łukasz", "İbrahim", "ÆØÅ", "юзер", "用户"]):
        body = NEW | {"username": name, "email": f"n{number}@example.com"}
        assert api().post("/users/auth/register", body).status_code == 201
        assert login(name, NEW["password"]).status_code == 200
        assert_problem(api().post("/users/auth/register", body | {"email": "other@example.com"}), 422, "invalid")


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("adrnin", "look-alike", "This user name looks like one that is taken."),
        ("brandl", "look-alike", "This user name looks like one that is taken."),
        ("aIice", "look-alike", "This user name looks like one that is taken."),
        ("ａIice", "look-alike", "This user name looks like one that is taken."),
        ("АСЕ", "look-alike", "This user name looks like one that is taken."),
        ("ALICE", "taken", "This user name is taken."),
        ("аdmin", "invalid", "Use letters and digits of one script, all of them visible."),
        ("пora", "invalid", "Use letters and digits of one script, all of them visible."),
        ("nora\u3164", "invalid", "Use letters and digits of one script, all of them visible."),
    ],
    ids=ascii,
)
def test_a_name_that_could_be_mistaken_for_another_is_not_registered(name: str, code: str, message: str) -> None:
    admin(), alice(), make_user("brand1"), make_user("ace")
    problem = assert_problem(api().post("/users/auth/register", NEW | {"username": name}), 422, "invalid")
    assert problem["errors"] == [{"field": "username", "code": code, "message": message}]
    assert not User.objects.filter(email=NEW["email"]).exists()


@pytest.mark.parametrize("name", ["alicia", "brand2", "Miia", "асса", "ace-1"], ids=ascii)
def test_a_name_that_looks_like_no_other_is_registered(name: str) -> None:
    alice(), make_user("brand1"), make_user("ace"), make_user("Mila")
    assert api().post("/users/auth/register", NEW | {"username": name}).status_code == 201


@pytest.mark.parametrize(
    ("registered", "spellings"),
    [
        ("İbrahim", ["İbrahim", "i\u0307brahim", "ibrahim", "IBRAHIM", "I\u0307BRAHIM"]),
        ("jose\u0301", ["jose\u0301", "josé", "JOSÉ", "JOSE\u0301"]),
        (" nora\u00a0", ["nora", "\u200bnora \ufeff", "\u2068NORA\u2069", "ｎｏｒａ"]),
        ("Straße", ["straße", "STRASSE", "strasse"]),
        ("Ὀδυσσεύς", ["ὀδυσσεύς", "ὈΔΥΣΣΕΎΣ"]),
        ("नमस्ते", ["नमस्ते "]),
    ],
    ids=ascii,
)
def test_a_name_is_one_account_s_however_it_is_written(registered: str, spellings: list[str]) -> None:
    answer = api().post("/users/auth/register", NEW | {"username": registered})
    assert answer.status_code == 201
    assert answer.json()["username"] == normalize("NFC", registered).strip()
    for number, spelling in enumerate(spellings):
        assert login(spelling, NEW["password"]).status_code == 200, ascii(spelling)
        body = NEW | {"username": spelling, "email": f"n{number}@example.com"}
        [error] = api().post("/users/auth/register", body).json()["errors"]
        assert error["field"] == "username"
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    "email",
    [" Nora@Example.com ", "\ufeffnora@example.com", "nora@example.com\u200b\u00a0", "NORA@EXAMPLE.COM"],
    ids=ascii,
)
def test_a_mail_address_is_one_account_s_however_it_is_written(email: str) -> None:
    alice()
    answer = api().post("/users/auth/register", NEW | {"email": email})
    assert answer.json()["email"].lower() == "nora@example.com"
    assert login(email, NEW["password"]).status_code == 200
    again = api().post("/users/auth/register", NEW | {"username": "other", "email": "nora@example.com"})
    assert again.json()["errors"][0]["code"] == "taken"
    ask_for_code(email.swapcase())
    run_jobs()
    assert [message.to for message in mail.outbox] == [[answer.json()["email"]]]


# --- Signing in -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["alice", "ALICE", "alice@example.com", "Alice@EXAMPLE.com"])
def test_users_sign_in_by_name_or_email(name: str) -> None:
    alice()
    answer = login(name)
    assert answer.status_code == 200
    assert set(answer.json()) == {"access", "refresh"}
    assert client_of(answer).get("/users/profile").json()["username"] == "alice"


@pytest.mark.parametrize(("name", "password"), [("alice", "wrong"), ("unknown", PASSWORD), ("switched-off", PASSWORD)])
def test_a_failed_login_says_the_same_for_whatever_reason(name: str, password: str) -> None:
    alice()
    off = bob()
    User.objects.filter(pk=off.pk).update(username="switched-off", is_active=False)
    answer = login(name, password)
    assert assert_problem(answer, 401, "wrong-credentials")["detail"] == NO_ACCOUNT
    assert answer["WWW-Authenticate"] == "Bearer"


def test_staff_sign_in_at_the_console_only() -> None:
    compliance()
    assert_problem(login("compliance"), 403, "staff-account")
    assert_problem(login("compliance", "wrong"), 401, "wrong-credentials")


def test_guesses_at_staff_are_written_down_and_their_owner_hears_of_a_right_one() -> None:
    staff = compliance()
    for password in ("wrong", PASSWORD, PASSWORD):
        login("Compliance", password, **{"User-Agent": "a phone"})
    tries = Entry.objects.filter(verb=Action.SIGN_IN_FAILED).order_by("id")
    assert [(entry.target_id, entry.detail, entry.actor) for entry in tries] == [
        (str(staff.pk), {"at": "api", "password_was_right": right}, None) for right in (False, True, True)
    ]
    run_jobs()
    [message] = mail.outbox
    assert message.to == [staff.email]
    assert message.subject == "Your Infloo password was used in the app"
    assert "127.0.0.1" in message.body
    assert "a phone" in message.body
    assert PASSWORD not in message.body + str(tries.values())


def test_the_right_password_of_staff_is_a_guess_like_a_wrong_one() -> None:
    compliance()
    answers = [login("compliance", PASSWORD if number % 2 else "wrong").status_code for number in range(11)]
    assert answers == [401, 403] * 5 + [429]


def test_guesses_at_end_users_are_lines_with_the_number_of_the_account(caplog: pytest.LogCaptureFixture) -> None:
    """Not entries: strangers would fill the audit log."""
    person = alice()
    login(password="wrong")
    login("no-account-of-that-name")
    assert not Entry.objects.exists()
    lines = [record.getMessage() for record in caplog.records if "sign_in_failed" in record.getMessage()]
    assert lines == [f"sign_in_failed: account {number}, by password" for number in (person.pk, "unknown")]
    assert "no-account-of-that-name" not in caplog.text


def test_the_suspended_are_refused_at_login_and_on_every_call_until_it_is_over() -> None:
    person = alice()
    signed_in = api(person)
    User.objects.filter(pk=person.pk).update(suspended_until=timezone.now() + timedelta(hours=1))
    assert_problem(login(), 403, "account-suspended")
    assert_problem(login(password="wrong"), 401, "wrong-credentials")
    assert_problem(signed_in.get("/users/profile"), 403, "account-suspended")
    assert_problem(signed_in.post("/users/auth/login", {}), 403, "account-suspended")
    with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=1)):
        assert login().status_code == 200


def test_a_login_is_listed_with_where_it_came_from() -> None:
    person = alice()
    login(**{"User-Agent": "Infloo/1.0" + "x" * 500})
    session = Session.objects.get(user=person)
    assert session.address == "127.0.0.1"
    assert session.user_agent.startswith("Infloo/1.0")
    assert session.is_live


# --- Tokens ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer nonsense", "Bearer a.b.c", "Basic YTpi", "nonsense", "Bearer ä.ö.ü", ""]
)
def test_a_bad_token_is_refused_on_a_public_call_too(header: str) -> None:
    body = {"username": "alice", "password": PASSWORD}
    answer = api(Authorization=header).post("/users/auth/login", body)
    assert_problem(answer, 401, "invalid-token")
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert_problem(api(Authorization=header).get("/users/profile"), 401, "invalid-token")


def forged(**changes: Any) -> str:
    """Like a real token of the only session, but for the changes."""
    session = Session.objects.get()
    claims = {
        "typ": "access",
        "sub": str(session.user_id),
        "sid": str(session.key),
        "ver": session.token_version,
        "jti": "00000000-0000-0000-0000-000000000000",
        "exp": timezone.now() + timedelta(minutes=5),
    } | changes
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, settings.JWT_SIGNING_KEY)


def test_calls_need_a_complete_access_token() -> None:
    alice()
    answer = login()

    def status(token: str) -> int:
        return api(Authorization=f"Bearer {token}").get("/users/profile").status_code

    assert status(forged()) == 200
    assert status(answer.json()["refresh"]) == 401
    for claim in ("typ", "sub", "sid", "ver", "jti", "exp"):
        assert status(forged(**{claim: None})) == 401, claim
    assert status(forged(exp=timezone.now() - timedelta(seconds=1))) == 401
    assert status(forged(ver=2)) == 401
    assert status(forged(sid="nonsense")) == 401
    assert status(forged(sid="00000000-0000-0000-0000-000000000000")) == 401
    assert status(jwt.encode(jwt.decode(forged(), options={"verify_signature": False}), "", "none")) == 401
    assert status(jwt.encode(jwt.decode(forged(), options={"verify_signature": False}), "x" * 32)) == 401


def test_an_access_token_lives_fifteen_minutes_and_a_refresh_token_seven_days() -> None:
    alice()
    answer = login()
    with time_machine.travel(timezone.now() + timedelta(minutes=14, seconds=50)):
        assert works(client_of(answer))
    with time_machine.travel(timezone.now() + timedelta(minutes=15, seconds=1)):
        assert not works(client_of(answer))
    with time_machine.travel(timezone.now() + timedelta(days=7, seconds=1)):
        assert_problem(refresh(answer.json()["refresh"]), 401, "invalid-token")
    with time_machine.travel(timezone.now() + timedelta(days=6)):
        assert refresh(answer.json()["refresh"]).status_code == 200


def test_refreshing_rotates_both_tokens() -> None:
    alice()
    first = login()
    second = refresh(first.json()["refresh"])
    assert second.status_code == 200
    assert works(client_of(second))
    assert works(client_of(first))
    assert refresh(second.json()["refresh"]).status_code == 200


def test_a_refresh_token_used_again_ends_that_login_and_no_other() -> None:
    alice()
    first, elsewhere = login(), login()
    second = refresh(first.json()["refresh"])
    assert_problem(refresh(first.json()["refresh"]), 401, "invalid-token")
    assert not works(client_of(first))
    assert not works(client_of(second))
    assert_problem(refresh(second.json()["refresh"]), 401, "invalid-token")
    assert works(client_of(elsewhere))
    assert refresh(elsewhere.json()["refresh"]).status_code == 200


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": True, "role": "staff"}, {"token_version": 2}])
def test_tokens_end_when_the_account_changes(change: dict[str, Any]) -> None:
    person = alice()
    answer = login()
    User.objects.filter(pk=person.pk).update(**change)
    assert not works(client_of(answer))
    assert_problem(refresh(answer.json()["refresh"]), 401, "invalid-token")


def test_the_suspended_cannot_refresh() -> None:
    person = alice()
    answer = login()
    User.objects.filter(pk=person.pk).update(suspended_until=timezone.now() + timedelta(hours=1))
    assert_problem(refresh(answer.json()["refresh"]), 403, "account-suspended")


def test_a_login_lasts_ninety_days_however_often_it_is_refreshed() -> None:
    alice()
    tokens = login().json()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _week in range(14):
            clock.shift(timedelta(days=6, hours=10))
            tokens = refresh(tokens["refresh"]).json()
        clock.shift(timedelta(hours=4) + timedelta(minutes=1))
        assert_problem(refresh(tokens["refresh"]), 401, "invalid-token")
        assert login().status_code == 200


def test_an_access_token_refreshes_nothing() -> None:
    alice()
    assert_problem(refresh(login().json()["access"]), 401, "invalid-token")


def test_logging_out_ends_that_login_and_no_other() -> None:
    alice()
    here, elsewhere = login(), login()
    answer = client_of(here).post("/users/auth/logout", {"refresh": here.json()["refresh"]})
    assert answer.status_code == 204
    assert answer.content == b""
    assert not works(client_of(here))
    assert_problem(refresh(here.json()["refresh"]), 401, "invalid-token")
    assert works(client_of(elsewhere))


def test_users_cannot_end_logins_of_others() -> None:
    alice()
    bob()
    hers, his = login(), login("bob")
    problem = assert_problem(
        client_of(his).post("/users/auth/logout", {"refresh": hers.json()["refresh"]}), 422, "invalid"
    )
    assert problem["errors"][0]["field"] == "refresh"
    assert works(client_of(hers))
    assert_problem(client_of(his).post("/users/auth/logout", {"refresh": "x"}), 422, "invalid")


def test_being_seen_is_written_at_most_once_a_minute(django_assert_num_queries: Any) -> None:
    client = api(alice())
    seen = Session.objects.get().last_seen_at
    with django_assert_num_queries(1):
        client.get("/users/profile")
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        with django_assert_num_queries(2):
            client.get("/users/profile")
        with django_assert_num_queries(1):
            client.get("/users/profile")
    assert Session.objects.get().last_seen_at > seen
