"""Changing and resetting a password."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unicodedata import normalize

import pytest
import time_machine
from django.contrib.auth.hashers import make_password
from django.core import mail
from django.test import Client
from django.utils import timezone

from apps.users.models import ResetCode, User
from apps.users.passwords import dummy_hash
from tests.client import ANOTHER, NEW, api, ask_for_code, assert_problem, client_of, login, refresh, works
from tests.hashes import counted_hashes
from tests.jobs import run_jobs
from tests.people import PASSWORD, alice, bob, compliance

pytestmark = pytest.mark.django_db


# --- Passwords ------------------------------------------------------------------------------------------------------


def test_a_new_password_ends_every_login() -> None:
    alice()
    here, elsewhere = login(), login()
    body = {"old_password": PASSWORD, "new_password": ANOTHER}
    assert client_of(here).post("/users/auth/password", body).status_code == 204
    for answer in (here, elsewhere):
        assert not works(client_of(answer))
        assert_problem(refresh(answer.json()["refresh"]), 401, "invalid-token")
    assert login().status_code == 401
    assert login(password=ANOTHER).status_code == 200


@pytest.mark.parametrize(
    ("old", "new", "field"), [("wrong", ANOTHER, "old_password"), (PASSWORD, "short", "new_password")]
)
def test_a_password_that_cannot_be_changed(old: str, new: str, field: str) -> None:
    client = api(alice())
    answer = client.post("/users/auth/password", {"old_password": old, "new_password": new})
    assert assert_problem(answer, 422, "invalid")["errors"][0]["field"] == field
    assert works(client)


def code_in_mail() -> str:
    run_jobs()
    assert mail.outbox[-1].to == ["alice@example.com"]
    return next(word for word in mail.outbox[-1].body.split() if len(word) == 6 and word.isdecimal())


def confirm(code: str, email: str = "alice@example.com", password: str = ANOTHER) -> Any:
    return api().post("/users/auth/password_reset/confirm", {"email": email, "otp": code, "password": password})


@pytest.mark.parametrize("registered", ["gr\u00fcne-w\u00e4lder", "gru\u0308ne-wa\u0308lder"], ids=ascii)
@pytest.mark.parametrize("stored_as_typed", [False, True])
def test_a_password_opens_however_its_letters_are_composed(registered: str, stored_as_typed: bool) -> None:
    person = alice()
    if stored_as_typed:  # as the release before did
        User.objects.filter(pk=person.pk).update(password=make_password(registered))
    else:
        body = {"old_password": PASSWORD, "new_password": registered}
        assert api(person).post("/users/auth/password", body).status_code == 204
    for form in ("NFC", "NFD"):
        typed = normalize(form, registered)
        assert login(password=typed).status_code == 200
        body = {"old_password": typed, "new_password": "short"}
        assert api(alice_again()).post("/users/auth/password", body).json()["errors"][0]["field"] == "new_password"
    assert login(password="grune-walder").status_code == 401


def alice_again() -> User:
    return User.objects.get(username="alice")


def test_a_password_is_as_long_as_it_is_seen() -> None:
    body = NEW | {"password": normalize("NFD", "äöüäö")}
    assert assert_problem(api().post("/users/auth/register", body), 422, "invalid")["errors"][0]["field"] == "password"


@pytest.mark.parametrize("password", ["wrong", "fälsch", normalize("NFD", "fälsch")], ids=ascii)
def test_unknown_users_cost_as_many_hashes(password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compliance(), alice()
    dummy_hash()
    hashed = counted_hashes(monkeypatch)
    counts = []
    for attempt in (
        lambda: login("alice", password),
        lambda: login("unknown-name", password),
        lambda: Client().post("/admin/login/", {"username": "compliance", "password": password}),
        lambda: Client().post("/admin/login/", {"username": "unknown-name", "password": password}),
    ):
        hashed.clear()
        attempt()
        counts.append(len(hashed))
    assert len(set(counts)) == 1
    assert counts[0] >= 1


def test_password_changes_send_email() -> None:
    person = alice()
    api(person).post("/users/auth/password", {"old_password": PASSWORD, "new_password": ANOTHER})
    ask_for_code("alice@example.com")
    confirm(code_in_mail())
    run_jobs()
    subjects = [message.subject for message in mail.outbox if message.to == ["alice@example.com"]]
    assert subjects.count("The password of your Infloo account was changed") == 2


@pytest.mark.parametrize(
    "way",
    [
        lambda code: f" {code[:3]} {code[3:]}\n",
        lambda code: f"{code[:3]}\u00a0{code[3:]}",
        lambda code: f"{code[:2]}\u2011{code[2:4]}-{code[4:]}",
        lambda code: f"\u200b{code}\ufeff",
        lambda code: "".join(chr(0xFF10 + int(digit)) for digit in code),
        lambda code: "".join(chr(0x0660 + int(digit)) for digit in code),
        " ".join,
    ],
)
def test_a_code_is_taken_however_it_is_shown(way: Any) -> None:
    alice()
    ask_for_code("alice@example.com")
    assert confirm(way(code_in_mail())).status_code == 200


def test_malformed_reset_codes_cost_no_try() -> None:
    alice()
    ask_for_code("alice@example.com")
    code = code_in_mail()
    for odd in ("12345", "1234567", "abcdef", "-", "12345x", "\u00a0") * 2:
        assert assert_problem(confirm(odd), 422, "invalid")["errors"][0]["field"] == "otp"
    assert ResetCode.objects.get().tries_left == 5
    assert confirm(code).status_code == 200


def test_a_forgotten_password_is_set_anew_by_a_code_from_the_mail() -> None:
    alice()
    before = login()
    ask_for_code("Alice@example.com")
    code = code_in_mail()
    answer = confirm(code)
    assert answer.status_code == 200
    assert set(answer.json()) == {"message"}
    assert not works(client_of(before))
    assert login(password=ANOTHER).status_code == 200
    assert_problem(confirm(code), 422, "invalid")


def test_password_resets_answer_alike_for_unknown_emails() -> None:
    alice()
    compliance()
    answers = set()
    for email in ("alice@example.com", "unknown@example.com", "compliance@staff.example.com", "nonsense"):
        answer = ask_for_code(email)
        assert answer.status_code == 200
        answers.add(answer.content)
    assert len(answers) == 1
    run_jobs()
    assert [message.to for message in mail.outbox] == [["alice@example.com"]]


def test_the_code_is_kept_as_a_hash_only() -> None:
    alice()
    ask_for_code("alice@example.com")
    code = code_in_mail()
    assert code not in ResetCode.objects.get().code_hash


def test_a_code_lives_ten_minutes() -> None:
    alice()
    ask_for_code("alice@example.com")
    code = code_in_mail()
    with time_machine.travel(timezone.now() + timedelta(minutes=10, seconds=1)):
        assert assert_problem(confirm(code), 422, "invalid")["errors"][0]["field"] == "otp"
    assert confirm(code).status_code == 200


def test_a_code_bears_five_wrong_tries() -> None:
    alice()
    ask_for_code("alice@example.com")
    code = code_in_mail()
    wrong = "000000" if code != "000000" else "111111"
    for _try in range(5):
        assert_problem(confirm(wrong), 422, "invalid")
    assert_problem(confirm(code), 422, "invalid")


def test_a_new_code_replaces_the_one_before() -> None:
    alice()
    ask_for_code("alice@example.com")
    first = code_in_mail()
    ask_for_code("alice@example.com")
    second = code_in_mail()
    if first != second:
        assert_problem(confirm(first), 422, "invalid")
    assert confirm(second).status_code == 200


def test_a_weak_new_password_costs_no_try() -> None:
    alice()
    ask_for_code("alice@example.com")
    code = code_in_mail()
    assert assert_problem(confirm(code, password="short"), 422, "invalid")["errors"][0]["field"] == "password"
    assert ResetCode.objects.get().tries_left == 5
    assert confirm(code).status_code == 200


@pytest.mark.parametrize("email", ["bob@example.com", "unknown@example.com", "nonsense"])
def test_a_code_is_good_for_its_account_only(email: str) -> None:
    alice()
    bob()
    ask_for_code("alice@example.com")
    assert_problem(confirm(code_in_mail(), email=email), 422, "invalid")
