"""Each credential opens what it was made for, for whom it was made, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core import mail
from django.test import Client

from apps.infra.media import sign, signed_address
from apps.users.authentication.api_sessions import begin
from apps.users.models import Session
from tests.api.realtime.client import socket
from tests.authenticator import code_of, enrol
from tests.client import api, ask_for_code
from tests.jobs import run_jobs
from tests.people import PASSWORD, alice, bob

type EntryPoint = Callable[[str], Any]


def reset(name: str, code: str) -> Any:
    body = {"email": f"{name}@example.com", "otp": code, "password": "another-long-one"}
    return api().post("/users/auth/password_reset/confirm", body)


def sign_in(name: str, code: str) -> Any:
    return api().post("/users/auth/login", {"username": name, "password": PASSWORD, "otp": code})


ENTRY_POINTS: dict[str, EntryPoint] = {
    "access": lambda shown: api(Authorization=f"Bearer {shown}").get("/users/profile"),
    "refresh": lambda shown: api().post("/users/auth/refresh", {"refresh": shown}),
    "code": lambda shown: sign_in("alice", shown),
    "code of another": lambda shown: sign_in("bob", shown),
    "reset": lambda shown: reset("alice", shown),
    "reset of another": lambda shown: reset("bob", shown),
    "media": lambda shown: Client().get(f"/media/{shown}"),
}
OWN = {"backup code": "code", "page of a document": None, "session": None, "ticket": None}


def closed(stack_url: str, **shown: Any) -> int | None:
    with socket(stack_url, "/ws/notifications/", **shown) as one:
        return one.closed()


def test_a_credential_opens_nothing_that_takes_another_kind_or_another_person(stack_url: str, settings: Any) -> None:
    settings.LIMITS_SCALE = 1e6
    person, other = alice(), bob()
    (app, backup_codes), _his = enrol(person), enrol(other)
    tokens = begin(person)
    ask_for_code(person.email)
    run_jobs()
    bearer = api(Authorization=f"Bearer {tokens.access}")
    made = {
        "access": tokens.access,
        "refresh": tokens.refresh,
        "ticket": bearer.post("/chat/ticket").json()["ticket"],
        "code": code_of(app),
        "backup code": backup_codes[0],
        "reset": next(word for word in mail.outbox[-1].body.split() if len(word) == 6 and word.isdecimal()),
        "media": signed_address("profile", person.pk).removeprefix("/media/"),
        "page of a document": sign("page", person.pk, 1, person.pk),
        "session": str(Session.objects.latest("id").key),
    }
    for kind, credential in made.items():
        for name, show in ENTRY_POINTS.items():
            if name != OWN.get(kind, kind):
                assert show(credential).status_code in (401, 404, 422, 429), (kind, name)
        if kind != "access":
            assert closed(stack_url, token=credential) == 4401, kind
        if kind != "ticket" and ":" not in credential:  # a subprotocol holds none
            assert closed(stack_url, subprotocols=["infloo.v1", f"ticket.{credential}"]) == 4401, kind
    assert bearer.get("/users/profile").status_code == 200
    assert ENTRY_POINTS["refresh"](tokens.refresh).status_code == 200
