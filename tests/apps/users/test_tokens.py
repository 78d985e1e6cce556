"""Tokens by django-ninja-jwt: what the library would do otherwise, and tokens of the release before it."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
import time_machine
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.utils import timezone
from ninja_jwt.settings import NinjaJWTSettings, api_settings

from apps.errors import WrongCredentials
from apps.users.authentication import api_sessions
from apps.users.authentication.tokens import AccessToken, RefreshToken, read
from apps.users.models import Session
from tests.client import api, assert_problem
from tests.people import alice

pytestmark = pytest.mark.django_db


def test_every_setting_of_the_library_is_named() -> None:
    assert set(settings.NINJA_JWT) == set(NinjaJWTSettings.model_fields)


def test_variables_of_the_environment_change_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    others = {
        "ISSUER": "other",
        "AUDIENCE": '"other"',
        "LEEWAY": "86400",
        "ALGORITHM": "HS512",
        "SIGNING_KEY": "x" * 40,
    }
    for name, value in others.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ACCESS_TOKEN_LIFETIME", "P99D")
    as_started_now = NinjaJWTSettings.model_validate(settings.NINJA_JWT)
    assert as_started_now.model_dump() == api_settings.model_dump()
    assert (as_started_now.LEEWAY, as_started_now.ISSUER) == (0, None)


def test_tokens_hold_these_claims_and_their_subject_is_text() -> None:
    person = alice()
    tokens = api_sessions.begin(person)
    session = Session.objects.get()
    for kind, encoded in ((AccessToken, tokens.access), (RefreshToken, tokens.refresh)):
        token = read(kind, encoded)
        assert set(token.payload) == {"typ", "iss", "sub", "sid", "ver", "jti", "exp"}
        assert (token["sub"], token["sid"], token["ver"]) == (str(person.pk), str(session.key), 1)
        left = token["exp"] - timezone.now().timestamp()
        assert kind.lifetime.total_seconds() - 5 < left <= kind.lifetime.total_seconds()


def test_lifetimes_and_key_are_those_of_the_settings() -> None:
    assert AccessToken.lifetime == timedelta(minutes=15)
    assert RefreshToken.lifetime == timedelta(days=7)
    encoded = api_sessions.begin(alice()).access
    assert jwt.decode(encoded, settings.JWT_SIGNING_KEY, algorithms=["HS256"])
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(encoded, settings.SECRET_KEY, algorithms=["HS256"])


@pytest.mark.parametrize(
    "claims", [{"sid": 7}, {"sid": None}, {"sid": ["x"]}, {"ver": "1"}, {"ver": None}, {"jti": 7}, {"jti": "x"}]
)
def test_a_signed_token_with_a_malformed_claim_is_rejected(claims: dict[str, Any]) -> None:
    api_sessions.begin(alice())
    token = AccessToken.of(Session.objects.get())
    token.payload |= claims
    with pytest.raises(WrongCredentials):
        read(AccessToken, str(token))
    assert_problem(api(Authorization=f"Bearer {token}").get("/users/profile"), 401, "invalid-token")


def test_no_table_keeps_tokens() -> None:
    api_sessions.begin(alice())
    assert not [model for model in apps.get_models() if model.__module__.startswith("ninja_jwt")]
    assert not [name for name in connection.introspection.table_names() if "token" in name]


def encoded_before(kind: str, session: Session) -> str:
    """A token as the release without the library signed it."""
    claims = {
        "typ": kind,
        "sub": str(session.user_id),
        "sid": str(session.key),
        "ver": session.token_version,
        "jti": str(session.refresh_id if kind == "refresh" else uuid4()),
        "exp": timezone.now() + timedelta(minutes=15),
    }
    return jwt.encode(claims, settings.JWT_SIGNING_KEY, "HS256")


def test_tokens_of_the_release_before_keep_working() -> None:
    api_sessions.begin(alice())
    session = Session.objects.get()
    access, refresh = encoded_before("access", session), encoded_before("refresh", session)
    assert api(Authorization=f"Bearer {access}").get("/users/profile").status_code == 200
    answer = api().post("/users/auth/refresh", {"refresh": refresh})
    assert answer.status_code == 200
    assert api(Authorization=f"Bearer {answer.json()['access']}").get("/users/profile").status_code == 200
    assert_problem(api().post("/users/auth/refresh", {"refresh": refresh}), 401, "invalid-token")
    assert Session.objects.get().end_reason == "refresh_token.reused"
    assert_problem(api(Authorization=f"Bearer {access}").get("/users/profile"), 401, "invalid-token")


def test_tokens_under_a_former_key_count_until_it_is_taken_away(settings: Any) -> None:
    tokens, former = api_sessions.begin(alice()), "f" * 40
    access, refresh = (
        jwt.encode(jwt.decode(token, settings.JWT_SIGNING_KEY, ["HS256"]), former, "HS256")
        for token in (tokens.access, tokens.refresh)
    )
    assert_problem(api(Authorization=f"Bearer {access}").get("/users/profile"), 401, "invalid-token")
    settings.JWT_FORMER_KEYS = [former]
    assert api(Authorization=f"Bearer {access}").get("/users/profile").status_code == 200
    renewed = api().post("/users/auth/refresh", {"refresh": refresh}).json()["access"]
    assert jwt.decode(renewed, settings.JWT_SIGNING_KEY, ["HS256"])["typ"] == "access"


def test_the_release_before_takes_the_tokens_of_this_one() -> None:
    """It may serve beside it, and again after it: it compares the text of the id with that in the login's row."""
    encoded = api_sessions.begin(alice()).refresh
    claims = jwt.decode(
        encoded,
        settings.JWT_SIGNING_KEY,
        algorithms=["HS256"],
        options={"require": ["typ", "sub", "sid", "ver", "jti", "exp"]},
    )
    assert claims["jti"] == str(Session.objects.get().refresh_id)


def test_a_token_from_a_host_whose_clock_is_ahead_counts_at_once() -> None:
    person = alice()
    with time_machine.travel(timezone.now() + timedelta(seconds=30)):
        encoded = api_sessions.begin(person).access
    assert api(Authorization=f"Bearer {encoded}").get("/users/profile").status_code == 200


def test_a_header_of_another_scheme_is_not_logged(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.DEBUG = True
    with caplog.at_level(logging.DEBUG):
        assert_problem(api(Authorization="Basic c2VjcmV0").get("/users/profile"), 401, "invalid-token")
    assert "c2VjcmV0" not in caplog.text


def test_a_token_that_was_read_before_still_ends_and_is_of_its_kind() -> None:
    encoded = api_sessions.begin(alice()).access
    first = read(AccessToken, encoded)
    first["sub"] = "999"
    assert read(AccessToken, encoded)["sub"] != "999"
    with pytest.raises(WrongCredentials):
        read(RefreshToken, encoded)
    with time_machine.travel(timezone.now() + timedelta(minutes=15, seconds=1)), pytest.raises(WrongCredentials):
        read(AccessToken, encoded)


def test_tokens_with_another_signature_are_never_remembered() -> None:
    encoded = api_sessions.begin(alice()).access
    read(AccessToken, encoded)
    head, claims, signature = encoded.split(".")
    changed = signature[:-2] + ("AA" if signature[-2:] != "AA" else "BA")
    for _ in range(2):
        with pytest.raises(WrongCredentials):
            read(AccessToken, f"{head}.{claims}.{changed}")
