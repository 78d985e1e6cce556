"""What a stranger learns of an installation by asking in odd ways: nothing."""

from __future__ import annotations

import pytest
from django.test import Client

from tests import people
from tests.console import console


@pytest.mark.django_db
def test_trace_is_refused_and_repeats_nothing_of_the_request() -> None:
    for client in (Client(), console(people.admin())):
        for path in (
            "/",
            "/admin/",
            "/admin/users/user/",
            "/api/events",
            "/media/x",
            "/static/admin/css/base.css",
            "/a",
        ):
            answer = client.trace(path, headers={"X-Probe": "only-here"})
            assert answer.status_code == 405, path
            assert "TRACE" not in answer["Allow"], path
            assert b"only-here" not in answer.content, path


@pytest.mark.django_db
def test_no_folder_is_listed() -> None:
    for path in ("/static/", "/static/admin/", "/static/admin/css", "/media/", "/media/profiles/", "/.git/", "/.env"):
        assert Client().get(path, follow=True).status_code == 404, path
