"""Passkeys at the console: registered and removed on one's own page, used in place of a code."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.users.authentication.mfa_resets import ask_reset, confirm_reset
from apps.users.models import Passkey, User
from tests import people
from tests.admin_dashboards.sign_in.steps import CODE, OWN, half_way, signed_in, verified
from tests.authenticator import code_of, enrol
from tests.console import console
from tests.jobs import run_jobs
from tests.passkeys import PRESENT, Key, encoded, register
from tests.people import PASSWORD

pytestmark = pytest.mark.django_db

SCRIPT = {"Accept": "application/json"}


def remove(client: Client, passkey: Passkey) -> Any:
    return client.post(OWN, {"action": "remove_passkey", "id": passkey.pk, "password": PASSWORD})


@pytest.fixture(autouse=True)
def _required(settings: Any) -> None:
    settings.STAFF_MFA = "required"


def begin(client: Client, address: str = CODE, **body: str) -> Any:
    return client.post(address, {"action": "add_passkey", "begin_passkey": "1", **body}, headers=SCRIPT)


def sign(client: Client, key: Key) -> Any:
    """Give what `key` has signed on the page of the code."""
    return client.post(CODE, {"passkey": json.dumps(key.sign(begin(client).json()))})


def add(client: Client, key: Key, name: str = "Laptop") -> Any:
    begun = begin(client, OWN, name=name, password=PASSWORD)
    assert begun.status_code == 200, begun.content
    return client.post(
        OWN, {"action": "add_passkey", "name": name, "passkey": json.dumps(key.make(begun.json()))}, follow=True
    )


def test_staff_register_a_passkey_and_sign_in_with_it() -> None:
    user = people.support()
    client = verified(user)
    assert begin(client, OWN, name="Laptop", password="wrong").status_code == 422
    assert begin(client, OWN, name="", password=PASSWORD).status_code == 422
    key, spare = Key(), Key()
    page = add(client, key)
    assert "The passkey “Laptop” is registered." in page.content.decode()
    page = add(client, spare, name="Key ring")
    assert "not used yet" in page.content.decode()
    assert "Key ring" in page.content.decode()

    for one in (key, spare):
        client = half_way(user)
        assert not signed_in(client)
        page = client.get(CODE).content.decode()
        assert "Use a passkey" in page
        options = begin(client).json()
        assert {row["id"] for row in options["allowCredentials"]} == {encoded(key.key_id), encoded(spare.key_id)}
        assert sign(client, one).status_code == 302
        assert signed_in(client)
    assert "last used" in client.get(OWN).content.decode()

    # A code still does, and so does a backup code.
    app, codes = enrolled_again(user)
    for code in (code_of(app), codes[0]):
        client = half_way(user)
        assert client.post(CODE, {"code": code}).status_code == 302
        assert signed_in(client)


def enrolled_again(user: User) -> Any:
    user.authenticator.delete()
    return enrol(user)


def test_answers_that_do_not_fit_sign_no_staff_in() -> None:
    user = people.support()
    enrol(user)
    key, _passkey = register(user)
    others, _passkey = register(people.make_user("alice"))
    client = half_way(user)
    for stranger in (others, Key(key_id=key.key_id, origin="https://evil.example"), Key(flags=PRESENT)):
        page = sign(client, stranger)
        assert "This passkey does not sign you in." in page.content.decode()
    for odd in ("", "null", "[]", "{", '{"response": 1}', "\x00", "x" * 40_000):
        assert client.post(CODE, {"passkey": odd}).status_code == 200
    signed = json.dumps(key.sign(begin(client).json()))
    assert half_way(user).post(CODE, {"passkey": signed}).status_code == 302
    page = client.post(CODE, {"passkey": signed})
    assert "Begin anew" in page.content.decode()
    # What was asked for on one's own page, or for another user, is no sign-in.
    own = verified(people.make_staff("vera"))
    begun = begin(own, OWN, name="Laptop", password=PASSWORD).json()
    given = key.sign({"challenge": begun["challenge"], "userVerification": "required"})
    assert client.post(CODE, {"passkey": json.dumps(given)}).status_code == 200
    vera = half_way(User.objects.get(username="vera"))
    page = client.post(CODE, {"passkey": json.dumps(key.sign(begin(vera).json()))})
    assert "This passkey does not sign you in." in page.content.decode()
    assert not signed_in(client)
    assert Client().post(CODE, {"begin_passkey": "1"}).status_code == 302
    assert Entry.objects.filter(verb=Action.SIGN_IN_FAILED, target_id=str(user.pk), detail__given="passkey").exists()


def test_passkeys_need_an_authenticator_app(settings: Any) -> None:
    settings.STAFF_MFA = "optional"
    client = console(people.support())
    answer = begin(client, OWN, name="Laptop", password=PASSWORD)
    assert (answer.status_code, answer.json()["sentence"]) == (409, "Set up your authenticator app first.")


def test_a_removed_passkey_signs_nobody_in() -> None:
    user = people.support()
    client = verified(user)
    key, spare = Key(), Key()
    add(client, key)
    add(client, spare, name="Key ring")
    lost = Passkey.objects.get(name="Laptop")
    thief = half_way(user)
    sign(thief, key)
    assert signed_in(thief)
    for body in ({"id": lost.pk}, {"id": lost.pk, "password": "wrong"}, {"id": "x", "password": PASSWORD}):
        assert client.post(OWN, {"action": "remove_passkey"} | body).status_code == 302
    other = verified(people.make_staff("vera"))
    remove(other, lost)
    assert Passkey.objects.count() == 2
    remove(client, lost)
    assert not Passkey.objects.filter(name="Laptop").exists()
    assert signed_in(client)
    assert not signed_in(thief)  # the session that it had verified is not any more
    assert not signed_in(half_way(user))

    client = half_way(user)
    sign(client, spare)
    answer = remove(client, Passkey.objects.get())
    assert answer["Location"] == "/admin/login/"
    assert not signed_in(client)
    verbs = Entry.objects.filter(actor=user, verb__startswith="passkey").order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == [Action.PASSKEY_ADDED] * 2 + [Action.PASSKEY_REMOVED] * 2
    run_jobs()
    subjects = [message.subject for message in mail.outbox if "passkey" in message.subject]
    assert len(subjects) == 4


def test_a_reset_and_a_deactivation_take_passkeys_along(settings: Any) -> None:
    lost = people.support()
    enrol(lost)
    register(lost)
    user = people.make_user("alice")
    register(user)
    asker, confirmer = people.access(), people.make_staff("second", "Access Manager")
    for person in (lost, user):  # of end users also where a passkey is all they have
        reset = ask_reset(asker, person.pk, reason="Phone fell into the sea")
        confirm_reset(confirmer, reset.pk)
    assert not Passkey.objects.exists()

    settings.STAFF_MFA = "optional"
    _app, codes = enrol(asker)
    register(asker)
    client = half_way(asker)
    client.post(CODE, {"code": codes[0]})
    client.post(OWN, {"action": "switch_off", "password": PASSWORD, "otp": codes[1]})
    assert not Passkey.objects.exists()
