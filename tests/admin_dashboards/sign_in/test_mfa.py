"""Signing in to the console: the password, the second factor, new devices, idle sessions, and being asked again."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from admin_dashboards.sign_in.pending import let_in
from apps.users.authentication import mfa, mfa_resets
from apps.users.models import Session, User
from apps.users.models.second_factors import Authenticator
from tests import people
from tests.admin_dashboards.sign_in.steps import (
    CODE,
    ENROL,
    LOGIN,
    OWN,
    half_way,
    password,
    request_of,
    sign_in,
    signed_in,
    verified,
)
from tests.authenticator import App, code_of, enrol, wrong
from tests.clock import Clock
from tests.console import console
from tests.races import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def required(settings: Any) -> None:
    settings.STAFF_MFA = "required"


def key_on(page: Any) -> App:
    return App(re.search(r"data-key>([A-Z2-7]+)<", page.content.decode())[1])  # type: ignore[index]


def codes_on(page: Any) -> list[str]:
    return re.findall(r"<code>([a-z2-7-]{29})</code>", page.content.decode())


# --- Optional -------------------------------------------------------------------------------------------------------


def test_optional_second_factor_lets_the_password_sign_in() -> None:
    client = Client()
    answer = password(client, people.compliance())
    assert (answer.status_code, answer["Location"]) == (302, "/admin/compliance/")
    assert signed_in(client)


def test_optional_second_factor_is_asked_for_once_enrolled(clock: Clock) -> None:
    staff = people.compliance()
    app, _codes = enrol(staff)
    client = Client()
    assert password(client, staff)["Location"] == CODE
    assert not signed_in(client)
    answer = client.post(CODE, {"code": code_of(app)})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/compliance/")
    assert signed_in(client)


def test_second_factor_leads_to_the_requested_page(clock: Clock) -> None:
    staff = people.compliance()
    app, _codes = enrol(staff)
    client = Client()
    wanted = "/admin/users/document/?status__exact=pending"
    asked = client.get(wanted)
    assert client.post(asked["Location"], {"username": "compliance", "password": people.PASSWORD})["Location"] == CODE
    assert client.post(CODE, {"code": code_of(app)})["Location"] == wanted


def test_second_factor_never_redirects_to_another_site(clock: Clock) -> None:
    staff = people.compliance()
    app, _codes = enrol(staff)
    client = Client()
    client.post(
        f"{LOGIN}?next=https://evil.example/",
        {"username": "compliance", "password": people.PASSWORD, "next": "//evil.example/"},
    )
    assert client.post(CODE, {"code": code_of(app)})["Location"] == "/admin/compliance/"


# --- Required -------------------------------------------------------------------------------------------------------


def test_the_first_sign_in_sets_it_up(required: None, clock: Clock) -> None:
    staff = people.compliance()
    client = Client()
    assert password(client, staff)["Location"] == ENROL
    page = client.get(ENROL)
    assert "data:image/png;base64," in page.content.decode()
    app = key_on(page)
    assert key_on(client.get(ENROL)).secret == app.secret
    assert not signed_in(client)

    refused = client.post(ENROL, {"code": wrong(app)})
    assert "This is not the code" in refused.content.decode()
    assert not signed_in(client)

    done = client.post(ENROL, {"code": code_of(app)})
    codes = codes_on(done)
    assert len(codes) == 10
    assert 'href="/admin/compliance/"' in done.content.decode()
    assert signed_in(client)
    assert not codes_on(client.get(OWN))

    again = half_way(staff)
    assert again.post(CODE, {"code": codes[0]}).status_code == 302
    assert signed_in(again)


def test_a_session_without_it_is_not_enough_once_it_is_required(settings: Any) -> None:
    client = Client()
    password(client, people.compliance())
    assert signed_in(client)
    settings.STAFF_MFA = "required"
    answer = client.get("/admin/users/document/")
    assert answer.status_code == 302
    assert answer["Location"].startswith(LOGIN)
    assert password(client, User.objects.get(username="compliance"))["Location"] == ENROL


def test_second_factor_is_set_up_again_after_a_reset(required: None, clock: Clock) -> None:
    staff = people.compliance()
    app, _codes = enrol(staff)
    client = half_way(staff)
    client.post(CODE, {"code": code_of(app)})
    assert signed_in(client)
    one, another = people.access(), people.make_staff("access2", "Access Manager")
    mfa_resets.confirm_reset(another, mfa_resets.ask_reset(one, staff.pk, reason="phone lost").pk)
    assert not signed_in(client)
    assert password(Client(), staff)["Location"] == ENROL


# --- The device of a session ----------------------------------------------------------------------------------------


def test_a_session_is_verified_by_the_device_that_gave_the_code(required: None, clock: Clock) -> None:
    staff = people.compliance()
    app, codes = enrol(staff)
    device = Authenticator.objects.get()
    for code, kind in ((code_of(app), "authenticator"), (codes[0], "backupcodes")):
        client = half_way(staff)
        assert "otp_device_id" not in client.session
        client.post(CODE, {"code": code})
        assert client.session["otp_device_id"] == f"users.{kind}/{device.pk}"
        assert signed_in(client)


def test_new_backup_codes_leave_the_session_of_an_old_one_verified(required: None, clock: Clock) -> None:
    staff = people.compliance()
    app, codes = enrol(staff)
    client = half_way(staff)
    client.post(CODE, {"code": codes[0]})
    mfa.renew_backup_codes(staff, code_of(app))
    assert signed_in(client)


@pytest.mark.parametrize("marker", ["nothing", "the mark of the release before", "a device of another's", "no device"])
def test_sessions_are_verified_by_the_own_device_alone(required: None, clock: Clock, marker: str) -> None:
    other = people.community()
    enrol(other)
    client = verified(people.compliance())
    session = client.session
    del session["otp_device_id"]
    if marker == "the mark of the release before":
        session["second_factor"] = True
    elif marker == "a device of another's":
        session["otp_device_id"] = f"users.authenticator/{other.authenticator.pk}"
    elif marker == "no device":
        session["otp_device_id"] = "users.authenticator/0"
    session.save()
    assert not signed_in(client)
    assert client.get("/admin/users/document/")["Location"].startswith(LOGIN)


def test_a_session_whose_device_was_taken_away_is_verified_no_more(required: None, clock: Clock) -> None:
    client = verified(people.compliance())
    assert signed_in(client)
    Authenticator.objects.all().delete()
    assert not signed_in(client)


def test_the_request_that_signs_in_counts_as_verified_itself(required: None, clock: Clock) -> None:
    staff = people.compliance()
    enrol(staff)
    request = request_of(half_way(staff), "post")
    assert not admin.site.has_permission(request)
    let_in(request, staff, HttpResponse(), device=Authenticator.objects.get())
    assert admin.site.has_permission(request)


@pytest.mark.django_db(transaction=True)
def test_a_code_signs_in_one_of_twenty_browsers(settings: Any) -> None:
    settings.LIMITS_SCALE = 10
    staff = people.compliance()
    app, codes = enrol(staff)
    for code in (code_of(app, 1), codes[0]):
        browsers = [half_way(staff) for _browser in range(20)]
        at_once([partial(browser.post, CODE, {"code": code}) for browser in browsers])
        assert [signed_in(browser) for browser in browsers].count(True) == 1


# --- Half-way -------------------------------------------------------------------------------------------------------


def addresses() -> list[str]:
    """Every address of the console, with a value for each parameter."""
    found = []

    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> None:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, route)
            else:
                found.append(re.sub(r"<[^>]+>", "1", route))

    for pattern in get_resolver().url_patterns:
        if isinstance(pattern, URLResolver) and str(pattern.pattern) == "admin/":
            walk(pattern.url_patterns, "/admin/")
    plain = [address for address in found if not re.search(r"[()?^$\\]", address)]
    app_lists = [f"/admin/{label}/" for label in ("users", "stories", "events", "chat", "auth")]
    return sorted({*plain, *app_lists, "/admin/no/such/page/"} - {LOGIN, CODE, ENROL})


@pytest.mark.parametrize("has_one", [True, False])
def test_no_address_opens_with_the_password_alone(required: None, has_one: bool) -> None:
    staff = people.admin()
    if has_one:
        enrol(staff)
    client = half_way(staff)
    page = CODE if has_one else ENROL
    everywhere = addresses()
    assert len(everywhere) > 60
    for address in everywhere:
        for method in ("get", "post", "put", "patch", "delete", "head", "options"):
            answer = getattr(client, method)(address)
            assert (answer.status_code, answer["Location"]) == (302, page), (method, address)
    assert client.get(LOGIN)["Location"] == page
    assert not Session.objects.exists()
    assert client.get("/media/default.jpg").status_code == 200
    assert client.get("/api/users/profile").status_code == 401


def test_pending_sign_ins_leave_the_session_anonymous() -> None:
    staff = people.admin()
    enrol(staff)
    client = half_way(staff)
    assert "_auth_user_id" not in client.session


def test_open_pages_are_signed_out_while_another_tab_asks_for_the_code() -> None:
    staff = people.admin()
    enrol(staff)
    client = half_way(staff)
    assert client.get("/admin/users/document/").url == CODE
    for header in ({"X-Poll": "1"}, {"X-Part": "1"}):
        answer = client.get("/admin/users/document/", headers=header)
        assert (answer.status_code, answer.json()["type"]) == (401, "signed-out")


def test_the_pages_of_the_second_step_need_the_first() -> None:
    for address in (CODE, ENROL):
        for method in ("get", "post"):
            answer = getattr(Client(), method)(address, {"code": "123456"})
            assert (answer.status_code, answer["Location"]) == (302, LOGIN)


def test_enrolled_staff_cannot_enrol_again_during_sign_in(required: None) -> None:
    staff = people.compliance()
    enrol(staff)
    client = half_way(staff)
    for method in ("get", "post"):
        assert getattr(client, method)(ENROL)["Location"] == CODE
    assert Authenticator.objects.get().confirmed_at


def test_the_password_counts_for_ten_minutes(clock: Clock) -> None:
    staff = people.compliance()
    app, _codes = enrol(staff)
    client = half_way(staff)
    clock.shift(timedelta(minutes=10))
    assert client.post(CODE, {"code": code_of(app)})["Location"] == LOGIN
    assert not signed_in(client)


@pytest.mark.parametrize("change", ["password", "is_active", "is_staff"])
def test_pending_sign_ins_end_when_the_account_changes(clock: Clock, change: str) -> None:
    staff = people.compliance()
    app, _codes = enrol(staff)
    client = half_way(staff)
    if change == "password":
        staff.set_password("another-long-one")
        staff.save()
    elif change == "is_active":
        User.objects.filter(pk=staff.pk).update(is_active=False)
    else:
        User.objects.filter(pk=staff.pk).update(is_staff=False, role="brand")
    assert client.post(CODE, {"code": code_of(app)})["Location"] == LOGIN
    assert not signed_in(client)


def test_pending_sign_ins_can_be_left_for_another_account() -> None:
    staff = people.compliance()
    enrol(staff)
    client = half_way(staff)
    assert client.post(CODE, {"leave": "1"})["Location"] == LOGIN
    assert client.get(LOGIN).status_code == 200
    assert client.get(CODE)["Location"] == LOGIN


def test_the_session_key_changes_at_each_step(clock: Clock) -> None:
    staff = people.compliance()
    app, _codes = enrol(staff)
    client = Client()
    client.get(LOGIN)
    session = client.session
    session["planted"] = "by another user"
    session.save()
    keys = [session.session_key]
    password(client, staff)
    keys.append(client.session.session_key)
    client.post(CODE, {"code": code_of(app)})
    keys.append(client.session.session_key)
    assert len(set(keys)) == 3
    old = Client()
    old.cookies[settings.SESSION_COOKIE_NAME] = keys[1] or ""
    assert not signed_in(old)


def test_second_factor_form_needs_its_csrf_token(clock: Clock) -> None:
    staff = people.compliance()
    app, _codes = enrol(staff)
    client = half_way(staff)
    client.handler.enforce_csrf_checks = True
    assert client.post(CODE, {"code": code_of(app)}).status_code == 403


# --- One's own page -------------------------------------------------------------------------------------------------


def test_support_sets_it_up_gets_new_codes_and_switches_it_off(clock: Clock) -> None:
    staff = people.support()
    client = console(staff)
    assert client.get(OWN).status_code == 200
    assert not Authenticator.objects.exists()
    app = key_on(client.post(OWN, {"action": "begin"}))
    assert "This is not the code" in client.post(OWN, {"action": "confirm", "code": wrong(app)}).content.decode()
    old = codes_on(client.post(OWN, {"action": "confirm", "code": code_of(app)}))
    assert len(old) == 10
    assert "You have 10 backup codes left" in client.get(OWN).content.decode()

    new = codes_on(client.post(OWN, {"action": "renew", "code": old[0]}))
    assert len({*old, *new}) == 20
    assert not codes_on(client.post(OWN, {"action": "renew", "code": old[1]}))

    wrong_password = {"action": "switch_off", "password": "not it", "otp": new[0]}
    assert "This is not your present password" in client.post(OWN, wrong_password).content.decode()
    assert client.post(OWN, wrong_password | {"password": people.PASSWORD}).status_code == 302
    assert not mfa.is_enabled(staff)


def test_required_second_factor_cannot_be_deactivated(required: None, clock: Clock) -> None:
    staff = people.support()
    app, codes = enrol(staff)
    client = half_way(staff)
    client.post(CODE, {"code": code_of(app)})
    assert "switch_off" not in client.get(OWN).content.decode()
    sent = {"action": "switch_off", "password": people.PASSWORD, "otp": codes[0]}
    answer = client.post(OWN, sent)
    assert answer.status_code == 403
    assert "cannot be deactivated" in answer.content.decode()
    assert mfa.is_enabled(staff)


def test_a_press_ends_all_other_sessions_of_its_user() -> None:
    staff = people.support()
    here, laptop = console(staff), console(staff)
    assert "You have 1 other session," not in here.get(OWN).content.decode()
    laptop.get("/admin/")
    assert "You have 1 other session," in here.get(OWN).content.decode()
    answer = here.post(OWN, {"action": "end_others"}, follow=True)
    assert "1 other session ended." in answer.content.decode()
    assert "other session," not in answer.content.decode()
    assert not signed_in(laptop)
    assert signed_in(here)


def test_the_menu_leads_there() -> None:
    assert f'href="{OWN}"' in console(people.support()).get("/admin/").content.decode()


def test_pages_with_secrets_are_not_kept_by_the_browser(required: None, clock: Clock) -> None:
    client = half_way(people.support())
    page = client.get(ENROL)
    assert "no-store" in page["Cache-Control"]
    done = client.post(ENROL, {"code": code_of(key_on(page))})
    assert "no-store" in done["Cache-Control"]
    assert "no-store" in client.get(OWN)["Cache-Control"]


# --- Idle -----------------------------------------------------------------------------------------------------------


def test_an_idle_console_is_signed_out(clock: Clock) -> None:
    client = sign_in(people.compliance())
    clock.shift(timedelta(minutes=59))
    assert signed_in(client)
    clock.shift(timedelta(minutes=59))
    assert signed_in(client)
    clock.shift(timedelta(minutes=61))
    assert not signed_in(client)
    assert not Session.objects.live().exists()


def test_a_busy_console_is_signed_out_after_twelve_hours(clock: Clock) -> None:
    client = sign_in(people.compliance())
    for _half_hour in range(23):
        clock.shift(timedelta(minutes=30))
        assert signed_in(client)
    clock.shift(timedelta(minutes=30))
    assert not signed_in(client)


# --- Secrets --------------------------------------------------------------------------------------------------------


def test_no_key_code_or_password_is_left_in_sessions_history_or_audit(
    required: None, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    staff = people.access()
    client = half_way(staff)
    app = key_on(client.get(ENROL))
    code = code_of(app)
    codes = codes_on(client.post(ENROL, {"code": code}))
    clock.shift(60)
    client = half_way(staff)
    later = code_of(app)
    client.post(CODE, {"code": wrong(app)})
    client.post(CODE, {"code": later})
    assert signed_in(client)
    kept = _everything() + "".join(map(str, client.session.items()))
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name != "django.db.backends")
    for secret in (app.secret, code, later, codes[0], people.PASSWORD):
        assert secret not in kept
        assert secret not in logged


def _everything() -> str:
    with connection.cursor() as cursor:
        rows: list[str] = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')  # noqa: S608
            rows += [row[0] for row in cursor.fetchall()]
    return "\n".join(rows)
