"""Who may open a socket, how, and how long they may keep it open."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.utils import timezone
from websockets.exceptions import ConnectionClosed, InvalidStatus

from apps.chat.models import Room
from apps.users.accounts import relationships, suspensions
from apps.users.authentication import passwords, sessions
from apps.users.authentication.api_sessions import begin
from apps.users.models import Block, Session, User
from tests.api.realtime.client import chat, notifications, socket
from tests.apps.chat.people import room_of
from tests.client import api
from tests.console import console
from tests.crawling import everything
from tests.factories import make_message
from tests.people import PASSWORD, access, admin, alice, bob, carol, make_staff, make_user, newton, support

NOTIFICATIONS = "/ws/notifications/"
AT_MOST = 5
"""Seconds after which a socket is closed whose owner may not have it any more."""


def ticket_of(user: User) -> str:
    ticket: str = api(user).post("/chat/ticket").json()["ticket"]
    return ticket


def protocols(ticket: str) -> list[str]:
    return ["infloo.v1", f"ticket.{ticket}"]


def test_a_ticket_opens_either_socket_once(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    for path in (f"/ws/chat/{room.name}/", NOTIFICATIONS):
        ticket = ticket_of(a)
        with socket(stack_url, path, subprotocols=protocols(ticket)) as one:
            assert one.connection.subprotocol == "infloo.v1"
            one.expect_nothing()
        with socket(stack_url, path, subprotocols=protocols(ticket)) as one:
            assert one.connection.subprotocol == "infloo.v1"
            assert one.closed() == 4401


def test_a_ticket_falls_with_its_login(stack_url: str) -> None:
    a = alice()
    ticket = ticket_of(a)
    Session.objects.update(ended_at=timezone.now())
    with socket(stack_url, NOTIFICATIONS, subprotocols=protocols(ticket)) as one:
        assert one.closed() == 4401


def test_an_expired_ticket_opens_nothing(stack_url: str, broker: Any) -> None:
    ticket = ticket_of(alice())
    [key] = broker.keys("*ticket*")
    broker.expire(key, 0)
    with socket(stack_url, NOTIFICATIONS, subprotocols=protocols(ticket)) as one:
        assert one.closed() == 4401


def test_a_ticket_that_cannot_be_used_up_says_try_again(stack_url: str, settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    with socket(stack_url, NOTIFICATIONS, subprotocols=protocols("any")) as one:
        assert one.closed() == 1011
        assert one.connection.close_reason == "try-again"


@pytest.mark.parametrize("options", [{}, {"subprotocols": ["infloo.v1"]}, {"subprotocols": ["infloo.v1", "ticket."]}])
def test_anonymous_sockets_are_closed(stack_url: str, options: dict[str, Any]) -> None:
    with socket(stack_url, NOTIFICATIONS, **options) as one:
        assert one.closed() == 4401


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "", "é"])
def test_a_bad_token_opens_nothing(stack_url: str, token: str) -> None:
    with socket(stack_url, NOTIFICATIONS, token) as one:
        assert one.closed() == 4401


def test_a_refresh_token_opens_nothing(stack_url: str) -> None:
    with socket(stack_url, NOTIFICATIONS, begin(alice()).refresh) as one:
        assert one.closed() == 4401


def test_a_token_in_the_address_opens_nothing(stack_url: str) -> None:
    a = alice()
    for query in (f"?token={begin(a).access}", f"?access_token={begin(a).access}", f"?ticket={ticket_of(a)}"):
        with socket(stack_url, NOTIFICATIONS + query) as one:
            assert one.closed() == 4401


def test_staff_open_no_socket(stack_url: str) -> None:
    for person in (admin(), make_staff("vera")):
        with socket(stack_url, NOTIFICATIONS, begin(person).access) as one:
            assert one.closed() == 4401


FRAMES = (
    {"message": "Hi"},
    {"type": "resume", "after": 0},
    {"type": "read", "up_to": 1},
    {"type": "typing"},
    {"type": "ping"},
)


def test_support_changes_nothing_over_sockets(stack_url: str) -> None:
    """Neither by the console's session in the browser nor by a token that they should not have."""
    a, b, desk = alice(), bob(), support()
    room = room_of(a, b)
    make_message(a, b)
    browser = console(desk)
    browser.get("/admin/")
    name = settings.SESSION_COOKIE_NAME
    cookie, token = f"{name}={browser.cookies[name].value}", begin(desk).access
    before = everything(but_of=desk)
    for path in (NOTIFICATIONS, f"/ws/chat/{room.name}/"):
        for shown in ({"cookie": cookie}, {"cookie": cookie, "token": token}):
            with socket(stack_url, path, **shown) as one:
                for frame in FRAMES:
                    with suppress(ConnectionClosed):
                        one.send(**frame)
                assert one.closed() == 4401
    assert browser.post("/api/chat/ticket").status_code == 401
    assert everything(but_of=desk) == before


def test_the_unverified_hear_of_news_but_do_not_chat(stack_url: str) -> None:
    n, b = newton(), bob()
    room = room_of(b, n)
    with notifications(stack_url, n) as one:
        one.expect_nothing()
    with chat(stack_url, n, room) as one:
        assert one.closed() == 4403


def test_members_only(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    with chat(stack_url, carol(), room) as one:
        assert one.closed() == 4404


def test_a_block_keeps_both_out(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    Block.objects.create(blocker=a, blocked=b)
    for person in (a, b):
        with chat(stack_url, person, room) as one:
            assert one.closed() == 4403


def test_a_ticket_of_before_lets_no_suspended_person_in(stack_url: str) -> None:
    a = alice()
    ticket = ticket_of(a)
    suspensions.suspend_user(admin(), a.pk, until=timezone.now() + timedelta(days=1))
    with socket(stack_url, NOTIFICATIONS, subprotocols=protocols(ticket)) as one:
        assert one.closed() == 4403


def test_a_suspension_ends_by_itself(stack_url: str) -> None:
    a = alice()
    suspensions.suspend_user(admin(), a.pk, until=timezone.now() + timedelta(days=1))
    later = timezone.now() + timedelta(days=1, seconds=1)
    with time_machine.travel(later, tick=True), notifications(stack_url, a) as one:
        one.expect_nothing()


def test_the_suspended_are_kept_out(stack_url: str) -> None:
    a = make_user("sam", suspended_until=timezone.now() + timedelta(days=1))
    with notifications(stack_url, a) as one:
        assert one.closed() == 4403


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://127.0.0.1.evil.example",
        "http://evil.example:8000",
        "null",
        "file://",
        "http://",
        "http://[",
        "chrome-extension://localhost",
        "http://localhost@evil.example",
    ],
)
def test_a_page_of_others_is_refused_outright(stack_url: str, origin: str) -> None:
    token = begin(alice()).access
    with pytest.raises(InvalidStatus) as refusal, socket(stack_url, NOTIFICATIONS, token, origin=origin):
        pass
    assert refusal.value.response.status_code == 403


@pytest.mark.parametrize("origin", [None, "http://127.0.0.1:8000", "https://localhost", "http://[::1]:3000"])
def test_our_pages_and_apps_are_let_in(stack_url: str, origin: str | None) -> None:
    with socket(stack_url, NOTIFICATIONS, begin(alice()).access, origin=origin) as one:
        one.expect_nothing()


def sign_out(a: User, b: User) -> None:
    for session in Session.objects.filter(user=a):
        sessions.end_session(a, session.pk, "signed out")


def be_signed_out(a: User, b: User) -> None:
    desk = console(access())
    for session in Session.objects.filter(user=a):
        answer = desk.post(f"/admin/users/session/{session.pk}/end/", {"reason": "Phone lost"})
        assert answer.status_code == 302


def be_signed_out_everywhere(a: User, b: User) -> None:
    assert console(access()).post(f"/admin/users/session/of/{a.pk}/end/", {"reason": "Phone lost"}).status_code == 302


def change_password(a: User, b: User) -> None:
    passwords.change_password(a, old_password=PASSWORD, new_password="a-long-pass-phrase-7")


def suspend(a: User, b: User) -> None:
    suspensions.suspend_user(admin(), a.pk, until=timezone.now() + timedelta(days=1))


def block(a: User, b: User) -> None:
    relationships.block(a, b.username)


def be_blocked(a: User, b: User) -> None:
    relationships.block(b, a.username)


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (sign_out, 4401),
        (be_signed_out, 4401),
        (be_signed_out_everywhere, 4401),
        (change_password, 4401),
        (suspend, 4403),
        (block, 4403),
        (be_blocked, 4403),
    ],
)
def test_sockets_are_closed_once_access_ends(stack_url: str, action: Callable[[User, User], None], code: int) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    with chat(stack_url, a, room) as one, chat(stack_url, a, room) as another:
        one.expect_nothing()
        action(a, b)
        began = monotonic()
        assert (one.closed(), another.closed()) == (code, code)
        assert monotonic() - began < AT_MOST


def expire(a: User, room: Room) -> None:
    Session.objects.filter(user=a).update(expires_at=timezone.now())


def switch_off(a: User, room: Room) -> None:
    User.objects.filter(pk=a.pk).update(is_active=False)


def lose_the_badge(a: User, room: Room) -> None:
    User.objects.filter(pk=a.pk).update(identity_verified=False)


def lose_the_place(a: User, room: Room) -> None:
    room.memberships.filter(user=a).delete()


def test_sockets_are_closed_without_a_notification_too(stack_url: str) -> None:
    """All at once: each waits for the database to be asked again."""
    b = bob()
    actions = {expire: 4401, switch_off: 4401, lose_the_badge: 4403, lose_the_place: 4403}
    with ExitStack() as stack:
        opened = []
        for action in actions:
            person = make_user(action.__name__)
            room = room_of(person, b)
            one = stack.enter_context(chat(stack_url, person, room))
            one.expect_nothing()
            opened.append((action, person, room, one))
        began = monotonic()
        for action, person, room, _one in opened:
            action(person, room)
        for action, _person, _room, one in opened:
            assert one.closed() == actions[action], action.__name__
        assert monotonic() - began < AT_MOST


def test_sockets_close_when_their_token_expires(stack_url: str) -> None:
    a = alice()
    by_ticket = socket(stack_url, NOTIFICATIONS, subprotocols=protocols(ticket_of(a)))
    with by_ticket as one, socket(stack_url, NOTIFICATIONS, begin(a).access) as other:
        with time_machine.travel(timezone.now() + timedelta(minutes=14), tick=True):
            one.expect_nothing()
            other.expect_nothing()
        with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=True):
            assert (one.closed(), other.closed()) == (4401, 4401)


def test_the_others_stay(stack_url: str) -> None:
    a, b = alice(), bob()
    room = room_of(a, b)
    with chat(stack_url, a, room) as one, chat(stack_url, b, room) as other:
        suspend(a, b)
        assert one.closed() == 4403
        other.expect_nothing()
