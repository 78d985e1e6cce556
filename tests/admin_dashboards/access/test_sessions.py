"""Sessions in the console: listed, kept, ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth import get_user
from django.test import Client
from django.utils import timezone

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.users.authentication.mfa_resets import reset_from_machine
from apps.users.authentication.sessions import end_own_session
from apps.users.models import Session, User
from apps.users.staff.accounts import change_staff, set_staff_password
from tests import people
from tests.client import api
from tests.console import console, fields, links

pytestmark = pytest.mark.django_db

TABLE = "/admin/users/session/"


def session_of(user: User) -> Session:
    return Session.objects.get(user=user)


def test_signing_in_is_listed_with_address_and_device() -> None:
    officer = people.compliance()
    device = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36"
    console(officer).get("/admin/", headers={"User-Agent": device})
    session = session_of(officer)
    assert (session.door, session.address, session.user_agent) == ("console", "127.0.0.1", device)
    page = console(people.access()).get(TABLE).content.decode()
    assert "compliance" in page
    assert "127.0.0.1" in page
    assert "Chrome · Linux" in page


def test_the_sessions_of_users_are_listed_too() -> None:
    api(people.alice())
    page = console(people.access()).get(TABLE, {"door__exact": "api"})
    assert [session.user.username for session in page.context["cl"].result_list] == ["alice"]


def test_an_ended_session_is_out_at_the_next_click() -> None:
    officer = people.compliance()
    theirs = console(officer)
    assert theirs.get("/admin/users/document/").status_code == 200
    client = console(people.access())
    answer = client.post(f"{TABLE}{session_of(officer).pk}/end/", {"reason": "Laptop lost"})
    assert answer.status_code == 302
    answer = theirs.get("/admin/users/document/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")
    session = session_of(officer)
    assert (session.end_reason, session.ended_by.username) == ("Laptop lost", "access")


def test_an_ended_session_of_an_app_is_out_at_the_next_call() -> None:
    alice = people.alice()
    app = api(alice)
    assert app.get("/users/profile").status_code == 200
    console(people.access()).post(f"{TABLE}{session_of(alice).pk}/end/")
    assert app.get("/users/profile").status_code == 401


def set_a_password(officer: User) -> None:
    set_staff_password(people.admin(), officer.pk, "quite-a-long-phrase-7")


def switch_off(officer: User) -> None:
    change_staff(people.admin(), officer.pk, is_active=False)


def reset_the_second_factor(officer: User) -> None:
    reset_from_machine(officer.username)


@pytest.mark.parametrize("action", [set_a_password, switch_off, reset_the_second_factor])
def test_whatever_ends_a_sign_in_is_felt_at_the_next_click(action: Callable[[User], None]) -> None:
    officer = people.compliance()
    theirs = [console(officer), console(officer)]
    assert [client.get("/admin/users/document/").status_code for client in theirs] == [200, 200]
    action(officer)
    answers = [client.get("/admin/users/document/") for client in theirs]
    assert [answer.headers.get("Location", "")[:13] for answer in answers] == ["/admin/login/"] * 2


def test_several_are_ended_at_once() -> None:
    officers = [people.compliance(), people.community()]
    theirs = [console(officer) for officer in officers]
    for client in theirs:
        client.get("/admin/")
    chosen = [session_of(officer).pk for officer in officers]
    console(people.access()).post(TABLE, {"action": "end_selected", "_selected_action": chosen, "index": 0})
    assert all(client.get("/admin/").status_code == 302 for client in theirs)


def test_ending_all_sessions_of_a_user_takes_one_confirmed_button() -> None:
    officer, alice, manager = people.compliance(), people.alice(), people.access()
    theirs, apps, others = [console(officer), console(officer)], [api(alice), api(alice)], api(people.bob())
    for browser in theirs:
        browser.get("/admin/")
    client = console(manager)
    for person, count in ((officer, 2), (alice, 2)):
        page = client.get(f"{TABLE}{Session.objects.filter(user=person).latest('id').pk}/change/")
        [address] = [link for link in links(page) if "/of/" in link]
        assert f"{person.username} has {count} active sessions" in client.get(address).content.decode()
        assert Session.objects.live().filter(user=person).count() == count  # viewing ends nothing
        assert client.post(address, {"reason": "Laptop lost"}).status_code == 302
        assert f"{person.username} has no active sessions." in client.get(address).content.decode()
    assert [browser.get("/admin/").status_code for browser in theirs] == [302, 302]
    assert [app.get("/users/profile").status_code for app in apps] == [401, 401]
    assert others.get("/users/profile").status_code == 200
    entries = Entry.objects.filter(verb=Action.SESSION_ENDED, actor=manager)
    assert [(entry.target_id, entry.detail, entry.reason) for entry in entries.order_by("id")] == [
        (str(officer.pk), {"count": 2}, "Laptop lost"),
        (str(alice.pk), {"count": 2}, "Laptop lost"),
    ]


def test_sessions_of_superusers_are_ended_by_superusers_alone() -> None:
    admin = people.admin()
    console(admin).get("/admin/")
    address = f"{TABLE}of/{admin.pk}/end/"
    for name in ("access", "support", "community", "compliance"):
        client = console(getattr(people, name)())
        assert (client.get(address).status_code, client.post(address).status_code) == (403, 403)
    assert session_of(admin).is_live
    assert console(people.make_staff("boss", is_superuser=True)).post(f"{TABLE}of/999999/end/").status_code == 404


@pytest.mark.parametrize("place", ["{session}/end/", "of/{person}/end/", ""])
def test_ending_sessions_asks_again_for_the_password_after_ten_minutes(place: str) -> None:
    officer = people.compliance()
    console(officer).get("/admin/")
    session = session_of(officer)
    client, address = console(people.access()), TABLE + place.format(session=session.pk, person=officer.pk)
    client.get("/admin/")
    form = {"action": "end_selected", "_selected_action": session.pk}
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert client.post(address, form).status_code == 401
        assert session_of(officer).is_live
        assert client.post(address, form | {"_proof": people.PASSWORD}).status_code == 302
        assert session_of(officer).ended_at


def test_a_session_is_not_ended_by_a_link_and_not_above_one() -> None:
    admin = people.admin()
    theirs = console(admin)
    theirs.get("/admin/")
    client, address = console(people.access()), f"{TABLE}{session_of(admin).pk}/end/"
    assert client.get(address).status_code == 405
    assert client.post(address).status_code == 403
    refused = client.post(TABLE, {"action": "end_selected", "_selected_action": session_of(admin).pk, "index": 0})
    assert refused.status_code == 403
    assert session_of(admin).is_live


@pytest.mark.parametrize("name", ["compliance", "community", "support"])
def test_sessions_are_hidden_from_other_staff(name: str) -> None:
    officer = people.make_staff("other", "Community Manager")
    console(officer).get("/admin/")
    session, client = session_of(officer), console(getattr(people, name)())
    assert client.get(TABLE).status_code == 403
    assert client.get(f"{TABLE}{session.pk}/change/").status_code == 403
    assert client.post(f"{TABLE}{session.pk}/end/").status_code == 403
    assert client.post(TABLE, {"action": "end_selected", "_selected_action": session.pk}).status_code == 403
    assert session_of(officer).is_live


def test_sessions_are_read_not_written() -> None:
    officer = people.compliance()
    console(officer).get("/admin/")
    address = f"{TABLE}{session_of(officer).pk}/change/"
    for client in (console(people.access()), console(people.admin())):
        page = client.get(address)
        assert page.status_code == 200
        assert "_save" not in fields(page)
        assert client.post(address, {"address": "1.2.3.4"}).status_code == 403


def test_signing_out_ends_it_and_using_it_is_noted_once_a_minute() -> None:
    officer = people.compliance()
    client = console(officer)
    client.get("/admin/")
    before = session_of(officer).last_seen_at
    client.get("/admin/")
    assert session_of(officer).last_seen_at == before
    Session.objects.update(last_seen_at=timezone.now() - timedelta(minutes=2))
    client.get("/admin/")
    assert session_of(officer).last_seen_at > before
    client.post("/admin/logout/")
    assert session_of(officer).ended_because == "signed out"
    assert client.get("/admin/").status_code == 302


def test_the_ender_of_a_session_is_a_link_for_permitted_viewers() -> None:
    alice = people.alice()
    api(alice).post("/api/notifications/read")
    login = session_of(alice)
    end_own_session(alice, login.pk)
    client = console(people.access())
    page = client.get(f"/admin/users/session/{login.pk}/change/")
    assert page.content.decode().count("alice") > 1
    assert not [link for link in links(page) if link.startswith("/admin/") and client.get(link).status_code == 403]


def test_an_expired_session_is_out() -> None:
    officer = people.compliance()
    client = console(officer)
    client.get("/admin/")
    Session.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get("/admin/").status_code == 302
    assert not get_user(client).is_authenticated


def test_changing_the_own_password_ends_all_other_sessions() -> None:
    officer = people.compliance()
    here, elsewhere = console(officer), console(officer)
    here.get("/admin/")
    elsewhere.get("/admin/")
    form = {
        "old_password": people.PASSWORD,
        "new_password1": "quite-a-long-phrase-7",
        "new_password2": "quite-a-long-phrase-7",
    }
    assert here.post("/admin/password_change/", form).status_code == 302
    assert here.get("/admin/").status_code == 200
    assert elsewhere.get("/admin/").status_code == 302
    assert Session.objects.live().filter(user=officer).count() == 1
    officer.refresh_from_db()
    assert officer.token_version == 2


def test_states_are_filtered_for() -> None:
    officer = people.compliance()
    for ended, expires in [(None, 1), (timezone.now(), 1), (None, -1)]:
        Session.objects.create(
            user=officer, door="api", expires_at=timezone.now() + timedelta(hours=expires), ended_at=ended
        )
    client = console(people.access())
    for state, count in [("live", 2), ("ended", 1), ("expired", 1)]:
        page = client.get(TABLE, {"state": state})
        assert page.context["cl"].result_count == count, state  # live: with the access manager's own
    assert Client().get(TABLE).status_code == 302
