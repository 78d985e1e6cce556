"""Wrong passwords at the console lock an account, from where they came, for longer each time, and an address."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth.backends import ModelBackend
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client

from apps.audit.models import Entry, Verb
from apps.users.models import Session, User
from tests import people
from tests.client import api
from tests.console import console, fields
from tests.races import at_once

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
SESSIONS = "/admin/users/session/"
WRONG = "not it"
HERE, ELSEWHERE = "127.0.0.1", "192.0.2.7"


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel("2026-06-01 12:00:00Z", tick=False) as traveller:
        yield traveller


def guess(username: str = "support", password: str = WRONG, address: str = HERE, **extra: Any) -> Any:
    sent = {"username": username, "password": password}
    return Client(REMOTE_ADDR=address).post(LOGIN, sent | extra.pop("sent", {}), **extra)


def guesses(number: int, username: str = "support", address: str = HERE) -> list[int]:
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


def test_each_ten_wrong_passwords_lock_for_longer_up_to_an_hour(clock: time_machine.Traveller) -> None:
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


def test_years_of_wrong_passwords_lock_for_an_hour(clock: time_machine.Traveller) -> None:
    people.support()
    guesses(1)
    AccessAttempt.objects.update(failures_since_start=99_999)
    guesses(1)
    assert minutes_locked() == 60


@pytest.mark.parametrize("end", ["a right sign-in", "a release", "a day"])
def test_it_begins_anew_after(end: str, clock: time_machine.Traveller) -> None:
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


def test_a_right_sign_in_elsewhere_ends_no_count_here(clock: time_machine.Traveller) -> None:
    people.support()
    guesses(10)
    assert opens(address=ELSEWHERE)
    assert minutes_locked() == 10


def test_trying_on_while_locked_prolongs_nothing_and_writes_nothing(clock: time_machine.Traveller) -> None:
    people.support()
    guesses(10)
    clock.shift(timedelta(minutes=9))
    rows, entries = list(AccessAttempt.objects.values()), Entry.objects.count()
    assert guesses(20) == [429] * 20
    assert not opens()
    assert (list(AccessAttempt.objects.values()), Entry.objects.count()) == (rows, entries)
    clock.shift(timedelta(minutes=1))
    assert opens()


def test_the_end_of_one_lock_does_not_end_another(clock: time_machine.Traveller) -> None:
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


def test_failures_of_yesterday_are_deleted_at_the_next_sign_in(clock: time_machine.Traveller) -> None:
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


def test_where_no_password_was_tried_nothing_is_written() -> None:
    assert guess("support\x00").status_code == 200
    assert guess("", "x").status_code == 200
    assert guess("support", "").status_code == 200
    assert failures() == []
    assert not Entry.objects.exists()


def test_the_password_of_an_app_user_is_not_tried_without_end_either() -> None:
    people.alice()
    answers = [guess("alice", people.PASSWORD).status_code for _guess in range(11)]
    assert answers == [200] * 9 + [429] * 2
    assert Entry.objects.filter(verb=Verb.SIGN_IN_FAILED).count() == 10


def test_a_hundred_from_one_address_lock_it_whatever_the_names() -> None:
    people.support()
    assert [guess(f"unknown{number}").status_code for number in range(100)] == [200] * 100
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
    answers = at_once([partial(guesses, 1, address=address)] * 20)
    assert sorted(answers) == [[200]] * 9 + [[429]] * 11
    assert failures() == [10]
    assert Entry.objects.filter(verb=Verb.SIGN_IN_FAILED).count() == 10


def test_a_right_password_opens_nothing_where_ten_wrong_ones_came_first(monkeypatch: pytest.MonkeyPatch) -> None:
    people.support()
    check = ModelBackend.authenticate
    overtaken: list[bool] = []

    def slowly(backend: ModelBackend, request: Any, username: str, password: str, **rest: Any) -> Any:
        if password == people.PASSWORD and not overtaken:
            overtaken.append(True)
            guesses(10)
        return check(backend, request, username, password, **rest)

    monkeypatch.setattr(ModelBackend, "authenticate", slowly)
    assert not opens()
    assert failures() == [10]


# --- What is kept ---------------------------------------------------------------------------------------------------


def size_of_rows() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_column_size(a.*) FROM axes_accessattempt a ORDER BY id")
        return [size for (size,) in cursor.fetchall()]


def test_fifty_failures_take_no_more_room_than_one(clock: time_machine.Traveller) -> None:
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


def test_nothing_typed_is_kept_or_logged(caplog: pytest.LogCaptureFixture) -> None:
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


def test_the_step_up_counts_the_same_and_keeps_what_was_sent(clock: time_machine.Traveller) -> None:
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


@pytest.mark.django_db(transaction=True)
def test_what_the_release_before_wrote_down_is_deleted() -> None:
    row = {"ip_address": "192.0.2.7", "user_agent": "Firefox", "path_info": "/admin/login/", "http_accept": "*/*"}
    try:
        MigrationExecutor(connection).migrate([("users", "0020_look_alike_names")])
        AccessAttempt.objects.create(
            username="support", post_data="_proof=secret", get_data="", failures_since_start=3, **row
        )
        AccessLog.objects.create(username="support", **row)
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate([key for key in executor.loader.graph.leaf_nodes() if key[0] == "users"])
    assert not AccessAttempt.objects.exists()
    assert not AccessLog.objects.exists()
