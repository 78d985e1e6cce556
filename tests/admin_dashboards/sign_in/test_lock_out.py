"""Wrong passwords at the console lock an account, from where they came, for longer each time, and an address."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt, AccessLog
from django.core.management import call_command
from django.db import connection
from django.test import Client

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.users.authentication import mfa
from apps.users.backends import Accounts
from apps.users.models import Session, User
from tests import people
from tests.authenticator import enrol, wrong
from tests.client import api
from tests.clock import Clock
from tests.console import console, fields, undrawn_pages
from tests.races import at_once

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
SESSIONS = "/admin/users/session/"
WRONG = "not it"
HERE, ELSEWHERE = "127.0.0.1", "192.0.2.7"


def guess(username: str = "support", password: str = WRONG, address: str = HERE, **extra: Any) -> Any:
    sent = {"username": username, "password": password}
    return Client(REMOTE_ADDR=address).post(LOGIN, sent | extra.pop("sent", {}), **extra)


def login(username: str = "support", password: str = WRONG, **extra: Any) -> Any:
    return api().post("/users/auth/login", {"username": username, "password": password}, **extra)


def guesses(number: int, username: str = "support", address: str = HERE) -> list[int]:
    """The statuses of so many wrong passwords; the form is not drawn again. Not within threads."""
    with undrawn_pages():
        return [guess(username, address=address).status_code for _guess in range(number)]


def opens(username: str = "support", address: str = HERE) -> bool:
    return bool(guess(username, people.PASSWORD, address).status_code == 302)


def minutes_locked(username: str = "support") -> int:
    """As the page and its header say."""
    answer = guess(username, people.PASSWORD)
    assert answer.status_code == 429
    minutes = int(answer["Retry-After"]) // 60
    assert f"Try again in {minutes} minutes." in answer.text
    return minutes


def failures() -> list[int]:
    return list(AccessAttempt.objects.order_by("id").values_list("failures_since_start", flat=True))


# --- How long -------------------------------------------------------------------------------------------------------


def test_each_ten_wrong_passwords_lock_for_longer_up_to_an_hour(clock: Clock) -> None:
    people.support()
    locked = []
    for _round in range(6):
        assert guesses(10) == [200] * 9 + [429]
        locked.append(minutes_locked())
        clock.shift(timedelta(minutes=locked[-1], seconds=-1))
        assert not opens()
        clock.shift(timedelta(seconds=1))
    assert locked == [10, 20, 40, 60, 60, 60]
    assert opens()


def test_years_of_wrong_passwords_lock_for_an_hour(clock: Clock) -> None:
    people.support()
    guesses(1)
    AccessAttempt.objects.update(failures_since_start=99_999)
    guesses(1)
    assert minutes_locked() == 60


@pytest.mark.parametrize("end", ["a right sign-in", "a release", "a day"])
def test_failure_counts_restart_after_an_end(end: str, clock: Clock) -> None:
    people.support()
    guesses(10)
    clock.shift(timedelta(minutes=10))
    guesses(9)
    if end == "a right sign-in":
        assert opens()
    elif end == "a release":
        call_command("release_account", "SUPPORT", verbosity=0)
    else:
        clock.shift(timedelta(days=1))
    assert guesses(10) == [200] * 9 + [429]
    assert minutes_locked() == 10


def test_a_right_sign_in_elsewhere_ends_no_count_here(clock: Clock) -> None:
    people.support()
    guesses(10)
    clock.shift(timedelta(minutes=10))
    guesses(10)
    clock.shift(timedelta(minutes=10))
    assert opens(address=ELSEWHERE)
    assert minutes_locked() == 10


def test_trying_on_while_locked_prolongs_nothing_and_writes_nothing(clock: Clock) -> None:
    people.support()
    guesses(10)
    clock.shift(timedelta(minutes=9))
    rows, entries = list(AccessAttempt.objects.values()), Entry.objects.count()
    assert guesses(20) == [429] * 20
    assert not opens()
    assert (list(AccessAttempt.objects.values()), Entry.objects.count()) == (rows, entries)
    clock.shift(timedelta(minutes=1))
    assert opens()


def test_the_end_of_one_lock_does_not_end_another(clock: Clock) -> None:
    people.support()
    people.community()
    for minutes in (10, 20, 40):
        guesses(10)
        clock.shift(timedelta(minutes=minutes))
    guesses(10)
    guesses(10, "community")
    clock.shift(timedelta(minutes=11))
    assert opens("community")
    assert minutes_locked() == 49


def test_failures_of_yesterday_are_deleted_at_the_next_sign_in(clock: Clock) -> None:
    people.support()
    guesses(1, "unknown1")
    clock.shift(timedelta(hours=1))
    guesses(1, "unknown2")
    clock.shift(timedelta(hours=23))
    assert failures() == [1, 1]
    assert opens()
    assert failures() == [1]
    assert not AccessLog.objects.exists(), "it would keep every sign-in for good"


# --- Whose ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("account", [True, False], ids=["an account", "none"])
def test_names_variants_and_mail_address_share_one_count(account: bool) -> None:
    if account:
        people.support()
    names = ["support", " Support ", "SUPPORT", "ｓｕｐｐｏｒｔ"]
    if account:
        names += ["support@staff.example.com", "Support@Staff.Example.com"]
    answers = [guess(names[number % len(names)]).status_code for number in range(10)]
    assert answers == [200] * 9 + [429]
    assert failures() == [10]


def test_names_without_an_account_are_locked_alike() -> None:
    people.support()
    assert guesses(11, "unknown") == guesses(11, "support") == [200] * 9 + [429] * 2


def test_however_long_a_name_is_its_row_is_short() -> None:
    assert guesses(11, "a" * 200_000) == [200] * 9 + [429] * 2
    assert failures() == [10]
    assert size_of_rows()[0] < 200


def test_sign_ins_without_a_password_are_not_recorded() -> None:
    assert guess("support\x00").status_code == 200
    assert guess("", "x").status_code == 200
    assert guess("support", "").status_code == 200
    assert failures() == []
    assert not Entry.objects.exists()


def test_the_password_of_an_app_user_is_not_tried_without_end_either() -> None:
    people.alice()
    answers = [guess("alice", people.PASSWORD).status_code for _guess in range(11)]
    assert answers == [200] * 9 + [429] * 2
    assert Entry.objects.filter(verb=Action.SIGN_IN_FAILED).count() == 10


def test_sign_in_page_does_not_reveal_whether_a_password_was_right() -> None:
    """Of an end user, and of staff whose account is deactivated, it is as good as a wrong one."""
    people.alice()
    people.make_staff("nora", is_active=False)
    pages = [
        guess(name, password).content.split(b'<form action="/admin/login/')[0].split(b"<body")[1]
        for name in ("alice", "nora")
        for password in (people.PASSWORD, WRONG)
    ]
    assert len(set(pages)) == 1
    assert b"Please enter the correct" in pages[0]


def test_an_account_is_counted_together_from_all_addresses() -> None:
    people.support()
    answers = [answer for number in range(3) for answer in guesses(9, address=f"192.0.2.{number}")]
    assert answers == [200] * 10 + [429] * 17
    assert not opens(address=ELSEWHERE)


def test_an_account_is_counted_at_both_entry_points_together() -> None:
    people.alice()
    people.support()
    for name in ("alice", "support"):
        for _guess in range(5):
            assert login(name, REMOTE_ADDR=ELSEWHERE).status_code == 401
        assert guesses(6, name) == [200] * 5 + [429]
        assert guess(name, people.PASSWORD).status_code == 429
        assert login(name, people.PASSWORD, REMOTE_ADDR=ELSEWHERE).status_code == 429
    call_command("release_account", "support", verbosity=0)
    assert opens()
    assert login("support", people.PASSWORD).status_code == 403


def test_a_network_of_ipv6_is_one_address_and_ipv4_inside_it_is_what_it_is(settings: Any) -> None:
    settings.LIMITS = settings.LIMITS | {"login_address": (2, 600)}
    people.support()
    for one, other, third, stranger in (
        ("2001:db8::1", "2001:db8::ffff:0:0:2", "2001:db8::3", "2001:db8:0:1::1"),
        ("192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201", "192.0.2.2"),
    ):
        assert guess("unknown1", address=one).status_code == 200
        assert login("unknown2", REMOTE_ADDR=other).status_code == 401
        assert not opens(address=third)
        assert login("support", people.PASSWORD, REMOTE_ADDR=third).status_code == 429
        assert opens(address=stranger)


@pytest.mark.parametrize("name", [" Support ", "\u00a0SUPPORT\u3000", "ｓｕｐｐｏｒｔ", "\tsupport\n"])
def test_form_hold_audit_and_lock_out_see_one_name(name: str, settings: Any) -> None:
    settings.STAFF_MFA = "required"
    staff = people.support()
    assert guess(name).status_code == 200
    assert list(AccessAttempt.objects.values_list("username", flat=True)) == [str(staff.pk)]
    assert Entry.objects.get(verb=Action.SIGN_IN_FAILED).target_id == str(staff.pk)
    client = Client()
    assert client.post(LOGIN, {"username": name, "password": people.PASSWORD}).status_code == 302
    assert client.session["signing_in"]["user"] == staff.pk


def test_a_hundred_from_one_address_lock_it_whatever_the_names() -> None:
    people.support()
    assert [guesses(1, f"unknown{number}") for number in range(100)] == [[200]] * 100
    answer = guess("support", people.PASSWORD)
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 600
    guesses(20, "unknown100")
    assert len(failures()) == 100
    assert opens(address=ELSEWHERE)


def test_an_address_is_counted_at_both_entry_points_together(settings: Any) -> None:
    settings.LIMITS = settings.LIMITS | {"login_address": (4, 600)}
    people.support()
    for _guess in range(2):
        api().post("/users/auth/login", {"username": "alice", "password": "not it"})
        assert guess().status_code == 200
    assert guess().status_code == 429
    assert api().post("/users/auth/login", {"username": "alice", "password": "not it"}).status_code == 429


# --- Many at once ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("address", [HERE, ""], ids=["one address", "no address known"])
def test_twenty_at_once_get_ten_answers(address: str) -> None:
    people.support()
    answers = at_once([partial(guess, address=address)] * 20)
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [429] * 11
    assert failures() == [10]
    assert Entry.objects.filter(verb=Action.SIGN_IN_FAILED).count() == 10


def test_a_right_password_opens_nothing_where_ten_wrong_ones_came_first(monkeypatch: pytest.MonkeyPatch) -> None:
    people.support()
    check = Accounts.authenticate
    overtaken: list[bool] = []

    def slowly(backend: Accounts, request: Any, username: str, password: str, **rest: Any) -> Any:
        if password == people.PASSWORD and not overtaken:
            overtaken.append(True)
            guesses(10)
        return check(backend, request, username, password, **rest)

    monkeypatch.setattr(Accounts, "authenticate", slowly)
    assert not opens()
    assert failures() == [10]


# --- What is kept ---------------------------------------------------------------------------------------------------


def size_of_rows() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_column_size(a.*) FROM axes_accessattempt a ORDER BY id")
        return [size for (size,) in cursor.fetchall()]


def test_fifty_failures_take_no_more_room_than_one(clock: Clock) -> None:
    people.support()
    sizes = []
    for number in range(50):
        sent = {"password": f"{number}" * 100, "a": "b" * 100_000}
        guess(sent=sent, QUERY_STRING=f"next={'x' * 2000}", HTTP_USER_AGENT=f"{number}" * 100, HTTP_ACCEPT="a" * 2000)
        sizes.append(size_of_rows())
        if number % 10 == 9:
            clock.shift(timedelta(hours=1))
    assert failures() == [50]
    assert len({str(size) for size in sizes}) == 1
    assert sizes[0][0] < 200


def test_typed_credentials_are_neither_stored_nor_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    staff = people.support()
    typed = ["hunter2-my-password", "hunter2@example.com", "hunter2-again"]
    for name in typed:
        guess(name, "hunter2-as-password")
    for _guess in range(12):
        guess("support", "hunter2-as-password")
    client = console(people.access())
    client.get("/admin/")
    with time_machine.travel(Session.objects.get().created_at + timedelta(minutes=11)):
        client.post(f"{SESSIONS}of/{staff.pk}/end/", {"_proof": "hunter2-as-proof", "reason": "hunter2-sent-along"})
    assert len(failures()) == 5
    kept = [*AccessAttempt.objects.values(), *Entry.objects.values()]
    assert "hunter2" not in str(kept) + caplog.text


# --- Asked again ----------------------------------------------------------------------------------------------------


def test_the_old_password_is_guessed_at_no_more_often_than_at_sign_in() -> None:
    staff = people.support()
    client = console(staff)
    sent = {"old_password": WRONG, "new_password1": "another-long-one", "new_password2": "another-long-one"}
    guesses(5)
    for _guess in range(5):
        answer = client.post("/admin/password_change/", sent)
        assert answer.status_code == 200
        assert "This is not your present password." in answer.text
    answer = client.post("/admin/password_change/", sent | {"old_password": people.PASSWORD})
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 600
    assert "Try again in 10 minutes" in answer.text
    assert not opens()
    staff.refresh_from_db()
    assert staff.check_password(people.PASSWORD)


def test_password_and_codes_of_the_second_factor_s_page_are_counted(settings: Any) -> None:
    staff = people.support()
    app, codes = enrol(staff)
    client = console(staff)
    off = {"action": "switch_off", "password": WRONG, "otp": codes[0]}
    for number in range(10):
        sent = {"action": "renew", "code": wrong(app)} if number % 2 else off
        assert client.post("/admin/mfa/", sent).status_code == 200
    for sent in (off | {"password": people.PASSWORD}, {"action": "renew", "code": codes[0]}):
        answer = client.post("/admin/mfa/", sent)
        assert answer.status_code == 429
        assert int(answer["Retry-After"]) > 0
    assert mfa.is_enabled(staff)
    assert not opens()


def test_wrong_codes_count_for_their_address(settings: Any) -> None:
    settings.LIMITS = settings.LIMITS | {"login_address": (2, 600)}
    app, codes = enrol(people.support())
    client = Client()
    client.post(LOGIN, {"username": "support", "password": people.PASSWORD})
    for _guess in range(2):
        assert client.post("/admin/login/code/", {"code": wrong(app)}).status_code == 200
    assert client.post("/admin/login/code/", {"code": codes[0]}).status_code == 429
    assert login("unknown").status_code == 429


def test_the_step_up_counts_the_same_and_keeps_what_was_sent(clock: Clock) -> None:
    officer = people.access()
    client, address = console(officer), f"{SESSIONS}of/{people.support().pk}/end/"
    client.get("/admin/")
    clock.shift(timedelta(minutes=11))
    guesses(5, "access")
    for _guess in range(5):
        answer = client.post(address, {"reason": "left", "_proof": "not it"})
    for proof in ("not it", people.PASSWORD):
        assert answer.status_code == 401
        assert "Try again in 10 minutes" in answer.text
        assert "reason" in fields(answer)
        answer = client.post(address, {"reason": "left", "_proof": proof})
    assert not opens("access")
    assert failures() == [10]
    clock.shift(timedelta(minutes=10))
    assert client.post(address, {"reason": "left", "_proof": people.PASSWORD}).status_code == 302


def test_an_account_that_is_renamed_stays_locked() -> None:
    user = people.support()
    guesses(10)
    User.objects.filter(pk=user.pk).update(username="helper")
    assert not opens("helper")
