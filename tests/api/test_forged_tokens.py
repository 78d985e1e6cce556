"""Tokens made or changed by others, or for others: no call takes one, and no refresh."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from json import dumps, loads
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.utils import timezone

from apps.users.models import Session, User
from tests.client import api, assert_problem, client_of, login, refresh, works
from tests.people import alice, bob

pytestmark = pytest.mark.django_db

OTHER_KEY = "x" * 64


def encoded(part: dict[str, Any]) -> str:
    return urlsafe_b64encode(dumps(part).encode()).decode().rstrip("=")


def with_claims(token: str, **changes: Any) -> str:
    """The token with other claims, under the signature that it had."""
    head, body, signature = token.split(".")
    claims = loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return f"{head}.{encoded(claims | changes)}.{signature}"


def forgeries(token: str, victim: User) -> dict[str, str]:
    """Tokens made from a real one, by what is wrong with them."""
    key: str = settings.JWT_SIGNING_KEY
    claims = jwt.decode(token, options={"verify_signature": False})
    head, body, signature = token.split(".")
    own = ec.generate_private_key(ec.SECP256R1())
    public = loads(jwt.algorithms.ECAlgorithm.to_jwk(own.public_key()))
    soon = timezone.now() + timedelta(minutes=1)
    unsigned = {f"algorithm {name}": f"{encoded({'alg': name})}.{body}." for name in ("none", "None", "NONE", "")}
    return unsigned | {
        "no algorithm, signature kept": f"{encoded({'alg': 'none'})}.{body}.{signature}",
        "no signature": f"{head}.{body}.",
        "claims of another": with_claims(token, sub=str(victim.pk)),
        "a longer life": with_claims(token, exp=claims["exp"] + 86400),
        "another key": jwt.encode(claims, OTHER_KEY, "HS256"),
        "another length": jwt.encode(claims, key.ljust(64, "0"), "HS512"),
        "our key, another algorithm": jwt.encode(claims, key, "HS384"),
        "a key of the caller": jwt.encode(claims, own, "ES256", {"jwk": public}),
        "an address of keys": jwt.encode(claims, own, "ES256", {"jku": "https://keys.example/", "kid": "1"}),
        "an empty file as key": jwt.encode(claims, OTHER_KEY, "HS256", {"kid": "../../../dev/null"}),
        "not yet valid": jwt.encode(claims | {"nbf": soon}, key, "HS256"),
        "issued in the future": jwt.encode(claims | {"iat": soon}, key, "HS256"),
        "expired": jwt.encode(claims | {"exp": timezone.now() - timedelta(seconds=1)}, key, "HS256"),
        "another installation": jwt.encode(claims | {"iss": "another.example"}, key, "HS256"),
        "another kind": jwt.encode(claims | {"typ": "sliding"}, key, "HS256"),
    }


def test_no_forged_token_opens_or_refreshes_anything() -> None:
    alice()
    victim = bob()
    answer = login()
    for what, token in forgeries(answer.json()["access"], victim).items():
        refused = api(Authorization=f"Bearer {token}").get("/users/profile")
        assert refused.status_code == 401, what
        assert_problem(refused, 401, "invalid-token")
    for what, token in forgeries(answer.json()["refresh"], victim).items():
        assert refresh(token).status_code == 401, what
    # None of them counted as the use of a token: the login goes on.
    assert Session.objects.get().is_live
    assert works(client_of(answer))
    assert refresh(answer.json()["refresh"]).status_code == 200
