"""Hashes of passwords: cheap enough for many sign-ins at once, and of equal cost for names without an account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.contrib.auth.hashers import Argon2PasswordHasher, identify_hasher

from apps.users.models import User, unknown_user
from apps.users.passwords import dummy_hash
from tests.client import api
from tests.people import PASSWORD, alice

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _as_in_production(settings: LazySettings) -> Iterator[None]:
    dummy_hash.cache_clear()  # of the hasher of other tests
    settings.PASSWORD_HASHERS = ["apps.users.hashers.Argon2", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    yield
    dummy_hash.cache_clear()


def costs(encoded: str) -> tuple[int, int, int]:
    found = identify_hasher(encoded).decode(encoded)
    return found["memory_cost"], found["time_cost"], found["parallelism"]


def slow_hash(password: str) -> str:
    return Argon2PasswordHasher().encode(password, "a salt of some length")


def sign_in(name: str, password: str) -> int:
    return api().post("/users/auth/login", {"username": name, "password": password}).status_code


def test_a_hash_takes_what_owasp_names_and_an_earlier_one_is_renewed_at_sign_in() -> None:
    person = alice()
    User.objects.filter(pk=person.pk).update(password=slow_hash(PASSWORD))
    assert costs(User.objects.get(pk=person.pk).password) == (102400, 2, 8)
    assert sign_in("alice", "wrong") == 401
    assert costs(User.objects.get(pk=person.pk).password) == (102400, 2, 8)
    assert sign_in("alice", PASSWORD) == 200
    assert costs(User.objects.get(pk=person.pk).password) == (47104, 1, 1)
    assert sign_in("alice", PASSWORD) == 200


def test_unknown_names_take_as_long_as_accounts_of_either_hash() -> None:
    names = [f"nobody{number}" for number in range(60)]
    taken = [costs(unknown_user(name).password) for name in names]
    assert set(taken) == {(47104, 1, 1), (102400, 2, 8)}
    assert 15 < taken.count((102400, 2, 8)) < 45
    # The same each time, in every spelling, or asking again would tell.
    assert [costs(unknown_user(name.upper()).password) for name in names] == taken


@pytest.mark.parametrize("name", ["nobody1", "nobody2", "nobody3", "nobody4"])
def test_no_password_fits_an_unknown_name(name: str) -> None:
    assert sign_in(name, "no account") == 401
