"""Signing in to the console: the password, the second factor, new devices, idle sessions, and being asked again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import redis
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from django_otp.middleware import OTPMiddleware

from admin_dashboards.sign_in.mfa import let_in
from admin_dashboards.sign_in.reauth import recently_confirmed
from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.users.authentication import mfa, mfa_resets
from apps.users.models import Session, User
from apps.users.models.second_factors import Authenticator
from apps.users.staff.accounts import set_staff_password
from tests import people
from tests.authenticator import App, code_of, enrol, wrong
from tests.clock import Clock, standing_still
from tests.console import console
from tests.jobs import run_jobs
from tests.races import at_once

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
CODE = "/admin/login/code/"
ENROL = "/admin/login/enrol/"
OWN = "/admin/mfa/"


@pytest.fixture
def clock(broker: redis.Redis) -> Iterator[Clock]:
    with standing_still(broker) as clock:
        yield clock


@pytest.fixture
def required(settings: Any) -> None:
    settings.STAFF_MFA = "required"


def password(client: Client, user: User, **extra: Any) -> Any:
    return client.post(LOGIN, {"username": user.username, "password": people.PASSWORD}, **extra)


def half_way(user: User) -> Client:
    """A browser in which only the password was given."""
    client = Client()
    assert password(client, user).status_code == 302
    return client


def verified(user: User) -> Client:
    """A browser in which a code was given, too."""
    app, _codes = enrol(user)
    client = half_way(user)
    client.post(CODE, {"code": code_of(app)})
    return client


def signed_in(client: Client) -> bool:
    return bool(client.get("/admin/").status_code == 200)


def key_on(page: Any) -> App:
    return App(re.search(r"data-key>([A-Z2-7]+)<", page.content.decode())[1])  # type: ignore[index]


def codes_on(page: Any) -> list[str]:
    return re.findall(r"<code>([a-z2-7-]{19})</code>", page.content.decode())


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
    """Every address of the console, with something in the place of each parameter."""
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
    session["planted"] = "by somebody else"
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


# --- Guessing -------------------------------------------------------------------------------------------------------


def test_wrong_codes_lock_it_and_say_for_how_long(clock: Clock) -> None:
    staff = people.compliance()
    app, codes = enrol(staff)
    for _guess in range(10):
        client = half_way(staff)
        assert "This code is wrong" in client.post(CODE, {"code": wrong(app)}).content.decode()
    for code in (code_of(app), codes[0]):
        answer = half_way(staff).post(CODE, {"code": code})
        assert (answer.status_code, answer["Retry-After"]) == (429, "600")
        assert "Try again in 10 minutes" in answer.content.decode()
    clock.shift(timedelta(minutes=10))
    client = half_way(staff)
    assert client.post(CODE, {"code": code_of(app)}).status_code == 302
    assert Entry.objects.filter(verb=Action.SIGN_IN_FAILED, target_id=str(staff.pk)).count() == 10


def test_a_code_signs_in_one_browser(clock: Clock) -> None:
    staff = people.compliance()
    app, _codes = enrol(staff)
    one, another = half_way(staff), half_way(staff)
    assert one.post(CODE, {"code": code_of(app)}).status_code == 302
    assert another.post(CODE, {"code": code_of(app)}).status_code == 200
    assert (signed_in(one), signed_in(another)) == (True, False)


def test_wrong_passwords_hold_one_up_for_longer_each_time(clock: Clock) -> None:
    staff = people.compliance()
    client = Client()

    def fails(times: int) -> None:
        for _guess in range(times):
            client.post(LOGIN, {"username": "compliance", "password": "not it"})

    def is_let_in() -> bool:
        return bool(password(client, staff).status_code == 302)

    fails(10)
    clock.shift(timedelta(minutes=9))
    assert not is_let_in()
    clock.shift(timedelta(minutes=11))
    fails(10)
    clock.shift(timedelta(minutes=15))
    assert not is_let_in()
    clock.shift(timedelta(minutes=21))
    assert is_let_in()


def test_spelling_the_name_differently_gives_no_more_tries() -> None:
    people.compliance()
    for name in ("compliance", "Compliance", "COMPLIANCE"):
        for _guess in range(5):
            last = Client().post(LOGIN, {"username": name, "password": "not it"})
    assert last.status_code == 429


@pytest.mark.parametrize("by", ["a new password", "whoever runs the machine"])
def test_locked_accounts_can_be_released(by: str) -> None:
    staff = people.compliance()
    for _guess in range(11):
        Client().post(LOGIN, {"username": "compliance", "password": "not it"})
    assert password(Client(), staff).status_code == 429
    if by == "a new password":
        set_staff_password(people.access(), staff.pk, "another-long-one")
        answer = Client().post(LOGIN, {"username": "compliance", "password": "another-long-one"})
    else:
        call_command("release_account", "compliance", verbosity=0)
        answer = password(Client(), staff)
    assert answer.status_code == 302


def test_others_sign_in_meanwhile() -> None:
    people.compliance()
    client = Client()
    for _guess in range(11):
        client.post(LOGIN, {"username": "compliance", "password": "not it"})
    assert password(client, people.community()).status_code == 302


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


def test_the_menu_leads_there() -> None:
    assert f'href="{OWN}"' in console(people.support()).get("/admin/").content.decode()


def test_pages_with_secrets_are_not_kept_by_the_browser(required: None, clock: Clock) -> None:
    client = half_way(people.support())
    page = client.get(ENROL)
    assert "no-store" in page["Cache-Control"]
    done = client.post(ENROL, {"code": code_of(key_on(page))})
    assert "no-store" in done["Cache-Control"]
    assert "no-store" in client.get(OWN)["Cache-Control"]


# --- New devices ----------------------------------------------------------------------------------------------------


def letters() -> list[str]:
    run_jobs()
    return [str(letter.subject) for letter in mail.outbox]


def sign_in(user: User, client: Client | None = None, agent: str = "Firefox") -> Client:
    client = client or Client()
    assert password(client, user, headers={"User-Agent": agent}).status_code == 302
    assert client.get("/admin/", headers={"User-Agent": agent}).status_code == 200
    return client


def test_sign_ins_from_new_devices_alone_send_email() -> None:
    staff = people.compliance()
    laptop = sign_in(staff, agent="Firefox")
    assert not letters(), "the first sign-in of an account is no news"
    laptop.post("/admin/logout/")
    sign_in(staff, laptop, agent="Firefox 2")
    assert not letters(), "its cookie makes it known, whatever it calls itself"
    sign_in(staff, agent="Firefox")
    assert not letters(), "the same browser at the same address, without its cookie"
    sign_in(staff, agent="Lynx")
    assert letters() == ["A new device signed in to your Infloo account"]
    assert mail.outbox[0].to == [staff.email]
    assert "Lynx" in mail.outbox[0].body
    assert "127.0.0.1" in mail.outbox[0].body


def test_a_device_is_known_for_whom_it_signed_in() -> None:
    one, another = people.compliance(), people.community()
    sign_in(another, agent="Firefox")
    shared = sign_in(one, agent="Lynx")
    shared.post("/admin/logout/")
    sign_in(another, shared, agent="Lynx")
    assert len(letters()) == 1
    shared.post("/admin/logout/")
    sign_in(one, shared, agent="Lynx 2")
    assert len(letters()) == 1


def test_a_made_up_cookie_makes_nothing_known() -> None:
    staff = people.compliance()
    sign_in(staff, agent="Firefox")
    stranger = Client()
    stranger.cookies[settings.DEVICE_COOKIE_NAME] = f"{staff.pk}:abc:def"
    sign_in(staff, stranger, agent="Lynx")
    assert len(letters()) == 1


def test_the_cookies_are_kept_from_scripts() -> None:
    client = sign_in(people.compliance())
    for name in (settings.DEVICE_COOKIE_NAME, settings.SESSION_COOKIE_NAME):
        assert client.cookies[name]["httponly"]
        assert client.cookies[name]["samesite"] == "Lax"
    assert client.cookies[settings.DEVICE_COOKIE_NAME]["path"] == "/admin/"


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


# --- Asked again ----------------------------------------------------------------------------------------------------


@recently_confirmed
def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.method} {sorted(request.POST.lists())}")


def request_of(client: Client, method: str, data: dict[str, Any] | None = None) -> Any:
    request = getattr(RequestFactory(), method)("/admin/grant/?to=1", data or {})
    request.session = client.session
    request.user = get_user(request)
    OTPMiddleware(lambda _request: HttpResponse())(request)
    return request


def ask(client: Client, method: str, data: dict[str, Any] | None = None) -> Any:
    from admin_dashboards.context import answering

    request = request_of(client, method, data)
    with answering(request):
        response = view(request)
        if hasattr(response, "render"):
            response.render()
    request.session.save()
    return response


def test_confirmation_is_not_asked_for_within_ten_minutes_of_login(clock: Clock) -> None:
    client = sign_in(people.access())
    clock.shift(timedelta(minutes=9, seconds=59))
    assert ask(client, "post", {"a": "1"}).content == b"POST [('a', ['1'])]"


def test_later_the_password_is_asked_for_and_what_was_sent_goes_on(clock: Clock) -> None:
    client = sign_in(people.access())
    clock.shift(timedelta(minutes=10))
    sent = {"a": ["1", "<2>"], "b": "3"}
    question = ask(client, "post", sent)
    assert question.status_code == 401
    page = question.content.decode()
    assert page.count('<input type="hidden" name="a"') == 2
    assert 'name="a" value="&lt;2&gt;"' in page
    assert 'action="/admin/grant/?to=1"' in page
    assert ask(client, "post", sent | {"_proof": "not it"}).status_code == 401
    answer = ask(client, "post", sent | {"_proof": people.PASSWORD})
    assert answer.content == b"POST [('a', ['1', '<2>']), ('b', ['3'])]"
    assert ask(client, "post", {"a": "1"}).status_code == 200


def test_a_page_opens_after_the_password(clock: Clock) -> None:
    client = sign_in(people.access())
    clock.shift(timedelta(minutes=10))
    assert ask(client, "get").status_code == 401
    answer = ask(client, "post", {"_proof": people.PASSWORD, "_looking": "1"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/grant/?to=1")
    assert ask(client, "get").content == b"GET []"


def test_a_code_does_instead_of_the_password_and_counts_once(clock: Clock) -> None:
    staff = people.access()
    client = sign_in(staff)
    app, _codes = enrol(staff)
    clock.shift(timedelta(minutes=10))
    code = code_of(app)
    assert ask(client, "post", {"_proof": f"{code[:3]} {code[3:]}"}).status_code == 200
    clock.shift(timedelta(minutes=10))
    assert ask(client, "post", {"_proof": code}).status_code == 401
    assert ask(client, "post", {"_proof": wrong(app)}).status_code == 401


def test_a_code_there_verifies_the_session(clock: Clock) -> None:
    staff = people.access()
    client = sign_in(staff)
    app, _codes = enrol(staff)
    clock.shift(timedelta(minutes=10))
    ask(client, "post", {"_proof": code_of(app)})
    assert client.session["otp_device_id"] == Authenticator.objects.get().persistent_id


def test_required_second_factor_makes_confirmation_ask_for_a_code(settings: Any, clock: Clock) -> None:
    staff = people.access()
    client = sign_in(staff)
    app, _codes = enrol(staff)
    settings.STAFF_MFA = "required"
    assert ask(client, "post", {"a": "1"}).status_code == 401
    assert ask(client, "post", {"_proof": people.PASSWORD}).status_code == 401
    assert ask(client, "post", {"_proof": code_of(app)}).status_code == 200


def test_guesses_at_the_question_are_counted(clock: Clock) -> None:
    client = sign_in(people.access())
    clock.shift(timedelta(minutes=10))
    for _guess in range(10):
        ask(client, "post", {"_proof": "not it"})
    assert ask(client, "post", {"_proof": people.PASSWORD}).status_code == 401


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
