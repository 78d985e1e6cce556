"""Passkeys of client apps: registered, listed, removed, and what signs in by one."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from django.core import mail

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.users.authentication import passkeys
from apps.users.models import Passkey, Session, User
from tests.authenticator import enrol
from tests.client import api, assert_problem
from tests.jobs import run_jobs
from tests.passkeys import EDDSA, ES256, PRESENT, RS256, VERIFIED, Key, decoded, encoded, register
from tests.people import PASSWORD, alice, bob, make_staff, make_user
from tests.races import at_once

pytestmark = pytest.mark.django_db

PATH = "/users/auth/passkeys"


def options(username: str | None = None) -> Any:
    answer = api().post(f"{PATH}/login", {} if username is None else {"username": username})
    assert answer.status_code == 200
    return answer.json()


def confirm(credential: Any) -> Any:
    return api().post(f"{PATH}/login/confirm", {"credential": credential})


def login(key: Key, username: str | None = None) -> Any:
    return confirm(key.sign(options(username)))


def changed(credential: Any, part: str, value: str) -> Any:
    return credential | {"response": credential["response"] | {part: value}}


def test_a_passkey_is_made_listed_used_and_removed(caplog: Any) -> None:
    user = alice()
    phone = api(user)
    begun = phone.post(PATH, {"password": PASSWORD})
    assert begun.status_code == 200
    assert (begun.json()["rp"], begun.json()["excludeCredentials"]) == ({"id": "localhost", "name": "Infloo"}, [])
    key = Key()
    body = {"name": " Phone ", "credential": key.make(begun.json())}
    made = phone.post(f"{PATH}/confirm", body)
    assert (made.status_code, made.json()["name"], made.json()["last_used_at"]) == (201, "Phone", None)
    [known] = phone.post(PATH, {"password": PASSWORD}).json()["excludeCredentials"]
    assert decoded(known["id"]) == key.key_id

    for username in (None, "alice", user.email):
        answer = login(key, username)
        assert (answer.status_code, sorted(answer.json())) == (200, ["access", "refresh"])
    assert api(Authorization=f"Bearer {answer.json()['access']}").get("/users/profile").json()["username"] == "alice"
    page = phone.get(PATH).json()
    assert (page["count"], sorted(page["results"][0])) == (1, ["created_at", "id", "last_used_at", "name"])
    assert page["results"][0]["last_used_at"].endswith("Z")

    address = f"{PATH}/{made.json()['id']}"
    assert_problem(phone.delete(address, {"password": "wrong"}), 422, "invalid")
    assert api(bob()).delete(address, {"password": PASSWORD}).status_code == 404
    assert phone.delete(address, {"password": PASSWORD}).status_code == 204
    assert phone.delete(address, {"password": PASSWORD}).status_code == 404
    assert_problem(login(key), 401, "wrong-passkey")
    assert list(Entry.objects.filter(verb__startswith="passkey").order_by("pk").values_list("verb", flat=True)) == [
        Action.PASSKEY_ADDED,
        Action.PASSKEY_REMOVED,
    ]
    run_jobs()
    assert [message.to for message in mail.outbox] == [[user.email]] * 2
    assert "“Phone”" in mail.outbox[0].body
    assert all(secret not in caplog.text for secret in (encoded(key.key_id), begun.json()["challenge"]))


@pytest.mark.parametrize("alg", [ES256, EDDSA, RS256])
def test_each_kind_of_key_signs_in(alg: int) -> None:
    # Counters have 32 bits; of those that stay at 0 nothing can be said.
    for name, key in (("high", Key(alg, counter=2**32 - 2)), ("none", Key(alg, step=0))):
        register(alice() if name == "high" else bob(), key=key)
        assert login(key).status_code == 200
    assert login(key).status_code == 200


def test_answers_that_do_not_fit_sign_nobody_in() -> None:
    key, passkey = register(alice())
    others, _passkey = register(bob())
    cases: dict[str, tuple[Key, dict[str, Any]]] = {
        "wrong origin": (key, {"origin": "https://localhost.evil.example"}),
        "other port": (key, {"origin": "http://localhost:1"}),
        "no TLS": (key, {"origin": "http://example.com"}),
        "wrong RP id": (key, {"rp_id": "evil.example"}),
        "user not verified": (key, {"flags": PRESENT}),
        "user not present": (key, {"flags": VERIFIED}),
        "inside another page": (key, {"extra": {"crossOrigin": True}}),
        "made, not signed": (key, {"extra": {"type": "webauthn.create"}}),
        "names another user": (key, {"handle": others.handle}),
        "another key": (key, {"private": others.private}),
        "unknown": (key, {"key_id": b"unknown"}),
        "backup without eligibility": (key, {"flags": PRESENT | VERIFIED | 0x10}),
    }
    for case, (with_key, wrong) in cases.items():
        right = {name: getattr(with_key, name) for name in wrong}
        for name, value in wrong.items():
            setattr(with_key, name, value)
        answer = login(with_key)
        for name, value in right.items():
            setattr(with_key, name, value)
        assert_problem(answer, 401, "wrong-passkey"), case
    assert not Session.objects.exists()
    assert login(key).status_code == 200

    signed = key.sign(options())
    for part in ("clientDataJSON", "authenticatorData", "signature"):
        again = key.sign(options())
        data = bytearray(decoded(again["response"][part]))
        data[-1] ^= 1
        assert confirm(changed(again, part, encoded(bytes(data)))).status_code == 401
    said = json.loads(decoded(signed["response"]["clientDataJSON"])) | {"challenge": options()["challenge"]}
    assert_problem(confirm(changed(signed, "clientDataJSON", encoded(json.dumps(said).encode()))), 401, "wrong-passkey")

    assert login(key).status_code == 200
    key.counter -= 1
    assert_problem(login(key), 401, "wrong-passkey")  # a copy of it has signed meanwhile
    passkey.refresh_from_db()
    assert passkey.sign_count == key.counter


def test_a_challenge_is_good_once_soon_and_for_its_purpose(broker: Any) -> None:
    user = alice()
    key, _passkey = register(user)
    signed = key.sign(options())
    [name] = broker.keys("*:passkey:login:*")
    assert 290 < broker.ttl(name) <= 300
    assert signed["response"]["clientDataJSON"].encode() not in name
    assert confirm(signed).status_code == 200
    assert_problem(confirm(signed), 401, "passkey-expired")
    key.counter += 5
    late = key.sign(options())
    broker.delete(*broker.keys("*:passkey:login:*"))
    assert_problem(confirm(late), 401, "passkey-expired")
    assert_problem(confirm(key.sign({**options(), "challenge": encoded(b"x" * 64)})), 401, "passkey-expired")

    # One for registration, for the console or for another account is none for signing in.
    for begun in (passkeys.begin_registration(user, password=PASSWORD), passkeys.begin_second_factor(user)):
        given = key.sign({"challenge": begun["challenge"], "userVerification": "required"})
        assert_problem(confirm(given), 401, "passkey-expired")
    bob()
    assert_problem(login(key, "bob"), 401, "wrong-passkey")
    assert_problem(login(key, "nobody at all"), 401, "wrong-passkey")


@pytest.mark.django_db(transaction=True)
def test_a_challenge_is_used_up_by_one_of_many() -> None:
    user = alice()
    key, _passkey = register(user)
    signed = key.sign(options())
    assert sorted(answer.status_code for answer in at_once([partial(confirm, signed)] * 8)) == [200] + [401] * 7
    # Two challenges, one counter: the second is a copy's.
    first, second = key.sign(options()), key.sign(options() | {})
    key.counter -= 1
    copies = [first, second, key.sign(options())]
    assert sorted(answer.status_code for answer in at_once([partial(confirm, copy) for copy in copies[1:]])) == [
        200,
        401,
    ]

    client = api(user)
    new = Key()
    body = {"name": "Twice", "credential": new.make(client.post(PATH, {"password": PASSWORD}).json())}
    answers = at_once([partial(client.post, f"{PATH}/confirm", body)] * 4)
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422, 422]


def test_registration_refuses_what_does_not_fit(settings: Any) -> None:
    user = alice()
    client = api(user)
    others, _passkey = register(bob())

    def begin() -> Any:
        return client.post(PATH, {"password": PASSWORD}).json()

    def finish(key: Key, begun: Any, **more: Any) -> Any:
        return client.post(f"{PATH}/confirm", {"name": "Phone", "credential": key.make(begun), **more})

    assert_problem(client.post(PATH, {"password": "wrong"}), 422, "invalid")
    wrong = [Key(origin="https://evil.example"), Key(rp_id="evil.example"), Key(flags=PRESENT), Key(flags=VERIFIED)]
    for key in (*wrong, Key(extra={"crossOrigin": True}), Key(extra={"type": "webauthn.get"})):
        [error] = assert_problem(finish(key, begin()), 422, "invalid")["errors"]
        assert (error["field"], error["code"]) == ("credential", "wrong-passkey")
    begun_by_bob = api(User.objects.get(username="bob")).post(PATH, {"password": PASSWORD}).json()
    for foreign in (begun_by_bob, begin() | {"challenge": options()["challenge"]}):
        [error] = assert_problem(finish(Key(), foreign), 422, "invalid")["errors"]
        assert error["code"] == "passkey-expired"
    # Whose number is known is not taken over.
    assert_problem(finish(Key(key_id=others.key_id), begin()), 409, "passkey-known")
    for name in ("", " \u200b", "x" * 65):
        assert finish(Key(), begin(), name=name).status_code == 422
    assert finish(Key(), begin(), sure=True).status_code == 422
    assert not Passkey.objects.filter(user=user).exists()
    settings.OTP_WEBAUTHN_ALLOWED_ORIGINS = ["android:apk-key-hash:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"]
    for key in (Key(), app := Key(origin=settings.OTP_WEBAUTHN_ALLOWED_ORIGINS[0])):
        assert finish(key, begin()).status_code == (201 if key is app else 422)
    assert login(app).status_code == 200
    first = Passkey.objects.get(user=user)
    Passkey.objects.bulk_create(
        Passkey(user=user, name="More", credential_id_sha256=str(number)) for number in range(passkeys.MOST - 1)
    )
    assert_problem(client.post(PATH, {"password": PASSWORD}), 409, "too-many-passkeys")
    assert client.get(PATH).json()["results"][0]["id"] == first.pk


def test_login_options_do_not_say_who_has_an_account(django_assert_num_queries: Any) -> None:
    key, _passkey = register(alice())
    bob()
    make_staff("vera")
    make_user("gone", is_active=False)
    names = ["alice", "bob", "vera", "gone", "no such name", "no@such.address"]
    answers = {}
    for name in names:
        with django_assert_num_queries(2):
            answers[name] = options(name)
    shapes = {tuple(sorted(answer)) for answer in answers.values()}
    assert len(shapes) == 1
    ids = {name: [row["id"] for row in answer["allowCredentials"]] for name, answer in answers.items()}
    assert ids["alice"] == [encoded(key.key_id)]
    assert len({tuple(row) for row in ids.values()}) == len(names)
    for name in names:
        assert [row["id"] for row in options(name)["allowCredentials"]] == ids[name]
        assert sorted(answers[name]["allowCredentials"][0]) == ["id", "transports", "type"]
        made_up = Key(key_id=decoded(ids[name][0]))
        assert_problem(confirm(made_up.sign(options(name))), 401, "wrong-passkey")


def test_staff_suspended_and_deactivated_users_are_answered_as_at_login() -> None:
    staff = make_staff("vera")
    enrol(staff)
    key, _passkey = register(staff)
    assert_problem(login(key), 403, "staff-account")
    assert Entry.objects.filter(verb=Action.SIGN_IN_FAILED, target_id=str(staff.pk), detail__at="api").exists()
    user = alice()
    key, _passkey = register(user)
    User.objects.filter(pk=user.pk).update(suspended_until="2100-01-01T00:00:00Z")
    refused = assert_problem(login(key), 403, "account-suspended")
    assert api(Authorization=f"Bearer {refused['access']}").get("/strikes").status_code == 200
    User.objects.filter(pk=user.pk).update(suspended_until=None, is_active=False)
    assert_problem(login(key), 401, "wrong-credentials")


def test_a_passkey_takes_the_place_of_a_code() -> None:
    user = alice()
    enrol(user)
    key, _passkey = register(user)
    others, _passkey = register(bob())
    body = {"username": "alice", "password": PASSWORD}

    def with_password(given: Any, **more: Any) -> Any:
        return api().post("/users/auth/login", body | {"passkey": given} | more)

    assert_problem(api().post("/users/auth/login", body), 401, "otp-required")
    assert_problem(with_password(others.sign(options())), 401, "wrong-passkey")
    signed = key.sign(options())
    assert_problem(with_password(signed, password="wrong"), 401, "wrong-credentials")
    assert with_password(signed).status_code == 200
    assert_problem(with_password(signed), 401, "passkey-expired")
    assert with_password(key.sign(options("alice")), otp="000000").status_code == 200
    assert login(key).status_code == 200  # it has verified its user: no code is asked for


def test_guesses_are_counted_for_the_address(settings: Any) -> None:
    settings.LIMITS = settings.LIMITS | {"login_address": (3, 600)}
    key, _passkey = register(alice())
    stranger = Key(key_id=key.key_id)
    for _guess in range(3):
        assert login(stranger).status_code == 401
    assert_problem(login(key), 429, "too-many-requests")


@pytest.mark.parametrize("odd", ["", "e30", encoded(b"[]"), encoded(b"null"), encoded(b"\xff\xfe"), "A", "x" * 16_000])
def test_odd_credentials_never_crash(odd: str) -> None:
    key, _passkey = register(alice())
    client = api(bob())
    begun = client.post(PATH, {"password": PASSWORD}).json()
    for part in ("clientDataJSON", "attestationObject", "publicKey", "transports"):
        body = {"name": "Phone", "credential": changed(Key().make(begun), part, odd)}
        assert client.post(f"{PATH}/confirm", body).status_code in (201, 422)
    for part in ("clientDataJSON", "authenticatorData", "signature", "userHandle"):
        assert confirm(changed(key.sign(options()), part, odd)).status_code in (401, 422)
    signed = key.sign(options())
    for credential in (signed | {"rawId": odd}, signed | {"id": odd}, signed | {"type": odd}, signed | {"x": odd}, odd):
        assert confirm(credential).status_code in (401, 422)


def test_passkeys_need_the_broker(settings: Any) -> None:
    key, _passkey = register(alice())
    signed = key.sign(options())
    settings.REDIS_URL = "redis://127.0.0.1:1"
    assert_problem(api().post(f"{PATH}/login", {}), 503, "try-again")
    assert_problem(confirm(signed), 503, "try-again")
