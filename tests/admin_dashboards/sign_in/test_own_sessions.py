"""Staff see where else they are signed in, and end it."""

from __future__ import annotations

import pytest

from apps.users.authentication.console_sessions import SESSION_KEY
from apps.users.models import Session
from tests import people
from tests.admin_dashboards.sign_in.steps import OWN, signed_in
from tests.console import console

pytestmark = pytest.mark.django_db


def test_staff_see_their_other_sessions_and_end_each_by_itself() -> None:
    staff = people.support()
    here, laptop, phone, other = console(staff), console(staff), console(staff), console(people.community())
    for client in (here, laptop, phone, other):
        client.get("/admin/")
    numbers = {
        client: Session.objects.get(key=client.session[SESSION_KEY]).pk for client in (here, laptop, phone, other)
    }
    text = here.get(OWN).content.decode()
    shown = {client: f'name="id" value="{number}"' in text for client, number in numbers.items()}
    assert shown == {here: False, laptop: True, phone: True, other: False}
    assert "127.0.0.1" in text
    for refused in (str(numbers[other]), "0", "-1", "one", "9" * 30, ""):
        answer = here.post(OWN, {"action": "end_session", "id": refused}, follow=True)
        assert "no such login" in answer.content.decode(), refused
    answer = here.post(OWN, {"action": "end_session", "id": numbers[laptop]}, follow=True)
    assert "Session ended." in answer.content.decode()
    assert [signed_in(client) for client in (here, laptop, phone, other)] == [True, False, True, True]
