"""What the console's cookies are called, so that no other program of the host touches them."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.test import Client

from config.cookies import cookie_name, port_of
from tests import people


@pytest.mark.parametrize(
    ("command", "port"),
    [
        ("manage.py runserver", "8401"),
        ("manage.py runserver 8500", "8500"),
        ("manage.py runserver --noreload 0.0.0.0:8500", "8500"),
        ("manage.py runserver [::1]:8500 -v 0", "8500"),
        ("manage.py serve --host 127.0.0.1 --port 8500", "8500"),
        ("manage.py serve --port=8500", "8500"),
        ("manage.py serve --fd 3", "8401"),
        ("manage.py worker", "8401"),
        ("pytest", "8401"),
    ],
)
def test_the_port_is_known_from_the_command_or_the_environment(command: str, port: str) -> None:
    assert port_of(command.split(), {"PORT": "8401"}) == port


@pytest.mark.parametrize("given", [{}, {"PORT": ""}, {"PORT": "a port"}])
def test_else_it_is_that_of_make_run(given: dict[str, str]) -> None:
    assert port_of(["manage.py", "runserver"], given) == "8000"


def test_installations_side_by_side_and_production_have_names_of_their_own() -> None:
    assert cookie_name("session", port="8000") == "infloo_session_8000"
    assert cookie_name("session", port="9000") == "infloo_session_9000"
    assert cookie_name("session", port=None) == "__Host-infloo_session"


@pytest.mark.django_db
def test_the_console_sets_no_others() -> None:
    people.compliance()
    client = Client()
    client.get("/admin/login/")
    client.post("/admin/login/", {"username": "compliance", "password": people.PASSWORD})
    client.post("/admin/filters/", {"place": "admin:users_document_changelist", "name": "", "query": "q=1"})
    assert set(client.cookies) == {
        settings.SESSION_COOKIE_NAME,
        settings.CSRF_COOKIE_NAME,
        settings.MESSAGES_COOKIE_NAME,
        settings.DEVICE_COOKIE_NAME,
    }
    for cookie in client.cookies.values():
        # What browsers ask of the prefix, beside Secure, which production sets.
        assert (cookie["path"], cookie["domain"]) == ("/", "")
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
    names = {*client.cookies, settings.LANGUAGE_COOKIE_NAME}
    assert all(re.fullmatch(r"infloo_[a-z]+_\d+", name) for name in names)
