"""Limits hold across processes, are not passed by made-up headers, and let go in time."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any, cast

import pytest
import redis
from django.db import connection

from apps.errors import WrongCredentials
from apps.infra import limits as rate_limits
from apps.infra import valkey
from tests.client import api, assert_problem
from tests.people import PASSWORD, alice, bob

pytestmark = pytest.mark.django_db


@pytest.fixture
def limits(settings: Any) -> dict[str, tuple[int, int]]:
    settings.LIMITS = dict(settings.LIMITS)
    return settings.LIMITS


WRONG = "wrong"


def login(username: str = "alice", password: str = WRONG, **extra: Any) -> Any:
    return api().post("/users/auth/login", {"username": username, "password": password}, **extra)


def test_calls_over_the_limit_are_refused_with_a_retry_time(limits: Any) -> None:
    limits["default"] = (3, 60)
    client, other = api(alice()), api(bob())
    for _call in range(3):
        assert client.get("/users/profile").status_code == 200
    answer = client.get("/users/profile")
    assert_problem(answer, 429, "too-many-requests")
    assert 0 < int(answer["Retry-After"]) <= 60
    assert other.get("/users/profile").status_code == 200


def test_the_window_opens_again(limits: Any, broker: redis.Redis) -> None:
    limits["default"] = (1, 60)
    client = api(alice())
    client.get("/users/profile")
    assert client.get("/users/profile").status_code == 429
    [key] = broker.scan_iter("limit:default:*")
    assert 0 < cast(int, broker.ttl(key)) <= 60
    broker.delete(key)
    assert client.get("/users/profile").status_code == 200


def test_anonymous_calls_and_bad_tokens_are_counted_by_address(limits: Any) -> None:
    limits["default"] = (3, 60)
    for _call in range(3):
        assert api(Authorization="Bearer nonsense").get("/users/profile").status_code == 401
    assert_problem(api(Authorization="Bearer nonsense").get("/users/profile"), 429, "too-many-requests")
    assert_problem(login(), 429, "too-many-requests")
    assert login(REMOTE_ADDR="192.0.2.7").status_code == 401


def test_a_made_up_forwarded_for_passes_no_limit(limits: Any) -> None:
    limits["default"] = (3, 60)
    answers = [login(HTTP_X_FORWARDED_FOR=f"198.51.100.{number}").status_code for number in range(5)]
    assert answers == [401, 401, 401, 429, 429]


def test_behind_a_trusted_proxy_each_client_counts_for_itself(limits: Any, settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    limits["default"] = (1, 60)
    assert login(HTTP_X_FORWARDED_FOR="198.51.100.1").status_code == 401
    assert login(HTTP_X_FORWARDED_FOR="198.51.100.2").status_code == 401
    assert login(HTTP_X_FORWARDED_FOR="203.0.113.9, 198.51.100.1").status_code == 429


def test_limits_are_scaled_for_load_tests(limits: Any, settings: Any) -> None:
    limits["default"] = (1, 60)
    settings.LIMITS_SCALE = 3
    client = api(alice())
    assert [client.get("/users/profile").status_code for _call in range(4)] == [200, 200, 200, 429]


def test_registering_is_limited_by_address(limits: Any) -> None:
    limits["register"] = (2, 3600)
    assert [api().post("/users/auth/register", {}).status_code for _call in range(3)] == [422, 422, 429]
    assert api(alice()).post("/users/auth/register", {}).status_code == 429, "whichever user is signed in there"


def test_password_resets_are_limited_by_account_whether_it_exists_or_not() -> None:
    for email in ("alice@example.com", "unknown@example.com"):
        answers = [
            api().post("/users/auth/password_reset", {"email": email.upper() if call % 2 else email}).status_code
            for call in range(6)
        ]
        assert answers == [200] * 5 + [429]


def test_password_resets_are_limited_by_address_too(limits: Any) -> None:
    limits["password_reset_address"] = (3, 3600)
    answers = [
        api().post("/users/auth/password_reset", {"email": f"unknown{number}@example.com"}).status_code
        for number in range(4)
    ]
    assert answers == [200, 200, 200, 429]
    assert (
        api().post("/users/auth/password_reset", {"email": "a@example.com"}, REMOTE_ADDR="192.0.2.7").status_code == 200
    )


def test_a_network_of_ipv6_registers_as_one_address(limits: Any) -> None:
    limits["register"] = (2, 3600)
    addresses = ["2001:db8::1", "2001:db8::a:b:c:d", "2001:db8::3", "2001:db8:0:1::1"]
    answers = [api().post("/users/auth/register", {}, REMOTE_ADDR=address).status_code for address in addresses]
    assert answers == [422, 422, 429, 422]


def test_calls_without_an_address_share_no_limit(limits: Any) -> None:
    limits["default"], limits["register"] = (1, 60), (1, 3600)
    assert [api().post("/users/auth/register", {}, REMOTE_ADDR="").status_code for _call in range(3)] == [422] * 3


# --- Guesses --------------------------------------------------------------------------------------------------------


def test_ten_wrong_passwords_close_an_account_by_whichever_name() -> None:
    alice()
    bob()
    for guess in range(10):
        assert login("alice" if guess % 2 else "Alice@example.com").status_code == 401
    answer = login(password=PASSWORD)
    assert_problem(answer, 429, "too-many-requests")
    assert 0 < int(answer["Retry-After"]) <= 600
    assert login("bob", PASSWORD).status_code == 200
    assert login("bob", PASSWORD, REMOTE_ADDR="192.0.2.7").status_code == 200


def test_right_passwords_are_not_counted() -> None:
    alice()
    for _login in range(15):
        assert login(password=PASSWORD).status_code == 200
    for _guess in range(9):
        assert login().status_code == 401
    assert login(password=PASSWORD).status_code == 200


def test_a_hundred_wrong_passwords_close_an_address_to_all_accounts() -> None:
    alice()
    for guess in range(100):
        assert login(f"unknown{guess}").status_code == 401
    assert_problem(login(password=PASSWORD), 429, "too-many-requests")
    assert login(password=PASSWORD, REMOTE_ADDR="192.0.2.7").status_code == 200


def test_the_present_password_is_guessed_at_no_more_often_than_at_login() -> None:
    client = api(alice())
    wrong = {"old_password": "wrong", "new_password": "another-long-one"}
    for _guess in range(5):
        assert login().status_code == 401
        assert client.post("/users/auth/password", wrong).status_code == 422
    assert client.post("/users/auth/password", wrong | {"old_password": PASSWORD}).status_code == 429
    assert login(password=PASSWORD).status_code == 429


def test_codes_are_limited_apart_from_passwords() -> None:
    alice()
    body = {"email": "alice@example.com", "otp": "000000", "password": "another-long-one"}
    for _guess in range(10):
        assert api().post("/users/auth/password_reset/confirm", body).status_code == 422
    assert_problem(api().post("/users/auth/password_reset/confirm", body), 429, "too-many-requests")
    assert login(password=PASSWORD).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_twenty_guesses_at_once_get_ten_answers() -> None:
    alice()

    def guess(_number: int) -> int:
        try:
            return login().status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(guess, range(20)))
    assert sorted(answers) == [401] * 10 + [429] * 10


def test_each_of_many_wrong_guesses_at_once_counts_for_its_address(limits: Any) -> None:
    limits["login_account"], limits["login_address"] = (1, 600), (3, 600)
    guessing = [rate_limits.guesses("127.0.0.1", "alice") for _guess in range(3)]
    for guess in guessing:
        guess.__enter__()
    wrong = WrongCredentials("wrong-credentials", "")
    for guess in guessing:
        with suppress(rate_limits.TooMany):
            guess.__exit__(WrongCredentials, wrong, None)
    with pytest.raises(rate_limits.TooMany):
        rate_limits.check("login_address", "127.0.0.1")


# --- The broker -----------------------------------------------------------------------------------------------------


def too_many(limit: str, who: str = "alice") -> bool:
    try:
        rate_limits.spend(limit, who)
    except rate_limits.TooMany:
        return True
    return False


def unanswered(limits: Any, settings: Any) -> None:
    """Valkey is away, and of each limit one call is allowed."""
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    for name in limits:
        limits[name] = (1, 60)


def test_the_counter_is_atomic(limits: Any) -> None:
    limits["default"] = (150, 60)
    with ThreadPoolExecutor(20) as pool:
        refused = list(pool.map(lambda _number: too_many("default"), range(200)))
    assert refused.count(False) == 150


def test_a_call_within_its_limit_is_one_round_trip(settings: Any, broker: redis.Redis) -> None:
    rate_limits.spend("default", "alice")
    database = broker.get_connection_kwargs()["db"]
    with broker.monitor() as monitor:
        rate_limits.spend("default", "alice")
        rate_limits.check("login_account", "alice")
        with valkey.asked() as client:
            client.get("the end")
        sent = []
        for command in iter(monitor.next_command, None):
            if command["command"] == "GET the end":
                break
            # Other processes of the run use other databases of the server.
            if command["client_type"] != "lua" and command["db"] == database:
                sent.append(command["command"].split()[0])
    assert sent == ["EVALSHA", "GET"]


def test_retry_times_are_never_too_early(limits: Any, broker: redis.Redis) -> None:
    limits["default"] = (1, 60)
    rate_limits.spend("default", "alice")
    [key] = broker.scan_iter("limit:default:*")
    broker.pexpire(key, 10_400)
    with pytest.raises(rate_limits.TooMany) as refusal:
        rate_limits.spend("default", "alice")
    assert refusal.value.wait == 11


def test_valkey_may_forget_what_the_counters_run_there(limits: Any, broker: redis.Redis) -> None:
    limits["default"] = (1, 60)
    assert not too_many("default")
    broker.script_flush()
    assert too_many("default")


def test_without_a_broker_calls_go_on_and_the_log_says_so_once(
    limits: Any, settings: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits["default"] = (1, 60)
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    monkeypatch.setattr(rate_limits, "_counters", rate_limits._Counters())
    client = api(alice())
    assert [client.get("/users/profile").status_code for _call in range(3)] == [200, 200, 200]
    assert caplog.text.count("Valkey does not answer") == 1


def test_without_a_broker_each_process_counts_guesses_itself(limits: Any, settings: Any) -> None:
    unanswered(limits, settings)
    alice()
    bob()
    assert login().status_code == 401
    answer = login(password=PASSWORD)
    assert_problem(answer, 429, "too-many-requests")
    assert 0 < int(answer["Retry-After"]) <= 60
    assert login("bob", PASSWORD, REMOTE_ADDR="192.0.2.7").status_code == 200


def test_without_a_broker_guesses_are_what_is_counted_and_nothing_else(limits: Any, settings: Any) -> None:
    unanswered(limits, settings)
    counted = {name for name in limits if [too_many(name), too_many(name)] == [False, True]}
    assert counted == {
        "login_account",
        "login_address",
        "password_reset",
        "password_reset_address",
        "register",
        "account_change",
    }


def test_without_a_broker_two_guesses_at_one_instant_are_both_counted(limits: Any, settings: Any) -> None:
    unanswered(limits, settings)
    begun, overtaken = Event(), Event()

    class Slow(dict[str, float]):
        """Between seeing that there is no window yet and beginning one, the first lets another call by."""

        def get(self, key: str, default: Any = None) -> Any:
            value = super().get(key, default)
            if not begun.is_set():
                begun.set()
                overtaken.wait(0.5)
            return value

    rate_limits._counters._here.storage.expirations = Slow()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(too_many, "login_account")
        begun.wait()
        second = too_many("login_account")
        overtaken.set()
        assert sorted([first.result(), second]) == [False, True]
    assert too_many("login_account")


def test_without_a_broker_made_up_names_take_no_more_than_their_room(limits: Any, settings: Any) -> None:
    unanswered(limits, settings)
    for number in range(20_000):
        too_many("password_reset", f"unknown{number}@example.com")
    assert len(rate_limits._counters._here.storage.storage) <= 16**rate_limits.SLOT


def test_a_broker_that_hangs_is_waited_for_once(
    limits: Any, settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    unanswered(limits, settings)
    settings.VALKEY_TIMEOUTS = {"request": 0.1}
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(tmp_path / "valkey.sock"))
        hanging.listen()
        settings.REDIS_URL = f"unix://{tmp_path}/valkey.sock"
        begun = monotonic()
        assert [too_many("login_account") for _call in range(50)] == [False] + [True] * 49
        assert 0.1 <= monotonic() - begun < valkey.LEAVE_ALONE
        hanging.setblocking(False)
        hanging.accept()[0].close()
        with pytest.raises(BlockingIOError):
            hanging.accept()
    assert caplog.text.count("Valkey does not answer") == 1
