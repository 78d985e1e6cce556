"""Coming in at the console's door."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from apps.audit.actions import Action
from apps.audit.models import Entry
from tests import people
from tests.console import console

pytestmark = pytest.mark.django_db

DOOR = "/admin/login/"


def sign_in(client: Client, username: str, password: str = people.PASSWORD, address: str = DOOR) -> object:
    return client.post(address, {"username": username, "password": password})


def test_the_front_door_leads_to_the_console() -> None:
    client = Client()
    assert client.get("/")["Location"] == "/admin/"
    assert client.get("/admin/")["Location"] == "/admin/login/?next=/admin/"
    assert client.get("/admin/users/user/")["Location"] == "/admin/login/?next=/admin/users/user/"


@pytest.mark.parametrize("asked_for", ["", "?next=/admin/"])
def test_signing_in_leads_straight_to_ones_only_desk(asked_for: str) -> None:
    for name, desk in [
        ("compliance", "compliance"),
        ("community", "moderation"),
        ("access", "access"),
        ("support", "support"),
    ]:
        getattr(people, name)()
        client = Client()
        answer = sign_in(client, name, address=DOOR + asked_for)
        assert answer["Location"] == f"/admin/{desk}/"  # type: ignore[index]
        assert client.get(f"/admin/{desk}/").status_code == 200
        assert client.get("/admin/").status_code == 200
        assert client.get(DOOR + asked_for)["Location"] == f"/admin/{desk}/"


def test_signing_in_leads_to_the_overview_with_several_desks_or_none() -> None:
    people.admin()
    people.make_staff("lead", "Compliance Officer", "Community Manager")
    people.make_staff("nora")
    for name in ("admin", "lead", "nora"):
        client = Client()
        assert sign_in(client, name)["Location"] == "/admin/"  # type: ignore[index]
        assert client.get("/admin/").status_code == 200


def test_the_desk_is_that_of_the_one_who_signs_in_last() -> None:
    people.support()
    client = console(people.admin())
    assert sign_in(client, "support")["Location"] == "/admin/support/"  # type: ignore[index]


def test_signing_in_goes_on_to_where_one_was_going_and_nowhere_else() -> None:
    people.support()
    answer = sign_in(Client(), "support", address=f"{DOOR}?next=/admin/users/profile/")
    assert answer["Location"] == "/admin/users/profile/"  # type: ignore[index]
    answer = sign_in(Client(), "SUPPORT", address=f"{DOOR}?next=https://evil.example/")
    assert answer["Location"] == "/admin/support/"  # type: ignore[index]


def test_a_failed_sign_in_is_said_once_and_whom_to_ask_always() -> None:
    people.support()
    client = Client()
    page = client.get(DOOR).text
    assert "Forgot your password? Ask an access manager." in page
    assert 'role="alert"' not in page
    page = sign_in(client, "support", "wrong").content.decode()
    assert page.count("Please enter the correct user name and password") == 1
    assert page.count('class="errornote') == 1
    assert "Please correct the error below." not in page
    assert "Forgot your password? Ask an access manager." in page
    assert 'value="support"' in page
    page = sign_in(client, "", "").content.decode()
    assert page.count("This field is required.") == 2
    assert "Please correct" not in page


def test_end_users_are_denied_with_a_note_that_it_is_for_staff() -> None:
    people.alice()
    client = Client()
    page = sign_in(client, "alice").content.decode()
    assert "and password for a staff account" in page
    assert client.get("/admin/").status_code == 302


def test_an_account_that_is_switched_off_stays_outside() -> None:
    nora = people.make_staff("nora")
    nora.is_active = False
    nora.save()
    client = Client()
    sign_in(client, "nora")
    assert client.get("/admin/").status_code == 302


def test_guessing_locks_one_account_and_no_other() -> None:
    people.support()
    people.community()
    client = Client()
    for _attempt in range(settings.AXES_FAILURE_LIMIT):
        answer = sign_in(client, "support", "wrong")
    assert answer.status_code == 429
    text = answer.content.decode()
    assert "Too many failed sign-ins" in text
    assert "Try again" in text
    assert sign_in(client, "support").status_code == 429
    assert sign_in(Client(), "community").status_code == 302
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert sign_in(elsewhere, "support").status_code == 429


def test_typed_names_and_passwords_are_not_recorded() -> None:
    people.support()
    client = Client()
    sign_in(client, "hunter2-my-password", "x")
    sign_in(client, "support", "wrong")
    failed = Entry.objects.filter(verb=Action.SIGN_IN_FAILED)
    assert "hunter2" not in str(list(failed.values()))
    assert failed.filter(target_type="users.user").count() == 1


def test_the_session_s_key_changes_with_the_sign_in() -> None:
    people.support()
    client = Client()
    client.get(DOOR)
    sign_in(client, "support")
    first = client.cookies[settings.SESSION_COOKIE_NAME].value
    client.post("/admin/logout/")
    sign_in(client, "support")
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != first
    assert client.cookies[settings.SESSION_COOKIE_NAME]["httponly"]


def test_a_form_without_its_token_changes_nothing_and_says_so() -> None:
    people.support()
    client = Client(enforce_csrf_checks=True)
    answer = client.post(DOOR, {"username": "support", "password": people.PASSWORD})
    assert answer.status_code == 403
    assert "Nothing was changed." in answer.content.decode()


@pytest.mark.parametrize("name", ["İpek", "i\u0307pek", "IPEK", " ipek\u00a0", "\ufeffİPEK"], ids=ascii)
def test_staff_sign_in_however_their_name_is_written(name: str) -> None:
    people.make_staff("İpek", "User Support Specialist")
    client = Client()
    sign_in(client, name)
    assert client.get("/admin/").status_code == 200


def test_a_password_opens_the_console_however_its_letters_are_composed() -> None:
    nora = people.make_staff("nora")
    nora.set_password("gru\u0308ne-wa\u0308lder")
    nora.save()
    for password in ("gr\u00fcne-w\u00e4lder", "gru\u0308ne-wa\u0308lder"):
        assert sign_in(Client(), "nora", password).status_code == 302
