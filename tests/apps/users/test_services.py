"""Accounts and ties between people under many hands at once, and suspension."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from apps.access import visible
from apps.errors import Absent, Invalid, Refused, WrongCredentials
from apps.notifications.models import Kind, Notification
from apps.users.accounts import registration, relationships, suspensions
from apps.users.authentication import api_sessions, passwords, sessions
from apps.users.authentication.tokens import AccessToken, read
from apps.users.models import Block, Follow, Profile, Session, User
from apps.users.permissions import hidden_from, is_hidden
from tests.people import PASSWORD, admin, alice, bob, carol, community, compliance, make_user
from tests.races import at_once, lost, won
from tests.refusals import refused

pytestmark = pytest.mark.django_db

NEW = {"password": "a-long-enough-one", "role": "brand"}


# --- Twenty at once -------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("same", ["username", "email"])
def test_exactly_one_of_twenty_registrations_with_one_name_succeeds(same: str) -> None:
    def newcomer(number: int) -> dict[str, str]:
        own = {"username": f"nora{number}", "email": f"nora{number}@example.com"}
        shared = {"username": "Nora" if number % 2 else "nora", "email": "Nora@example.com"}
        return NEW | own | {same: shared[same]}

    results = at_once([partial(registration.register, **newcomer(number)) for number in range(20)])
    assert len(won(results)) == 1
    assert lost(results) == {(Invalid, "taken")}
    assert {result.field for result in results if isinstance(result, Invalid)} == {same}
    assert User.objects.count() == Profile.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_follows_at_once_make_one_and_notify_once() -> None:
    one, other = alice(), bob()
    assert len(won(at_once([partial(relationships.follow, one, "bob")] * 20))) == 20
    assert Follow.objects.count() == Notification.objects.count() == 1
    assert len(won(at_once([partial(relationships.block, other, "alice")] * 20))) == 20
    assert Block.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_exactly_one_of_twenty_refreshes_succeeds_and_the_login_ends() -> None:
    alice()
    token = api_sessions.sign_in("alice", PASSWORD).refresh
    results = at_once([partial(api_sessions.refresh, token)] * 20)
    [tokens] = won(results)
    assert lost(results) == {(WrongCredentials, "invalid-token")}
    refused(WrongCredentials, "invalid-token", lambda: api_sessions.session_of(read(AccessToken, tokens.access)))
    assert Session.objects.get().end_reason == "refresh_token.reused"


def assert_dead(tokens: api_sessions.Tokens) -> None:
    refused(WrongCredentials, "invalid-token", lambda: api_sessions.session_of(read(AccessToken, tokens.access)))
    refused(WrongCredentials, "invalid-token", lambda: api_sessions.refresh(tokens.refresh))


@pytest.mark.django_db(transaction=True)
def test_no_rotation_outlives_a_logout_at_the_same_time() -> None:
    person = alice()
    for _round in range(3):
        token = api_sessions.sign_in("alice", PASSWORD).refresh
        sign_out, rotate = partial(api_sessions.sign_out, person, token), partial(api_sessions.refresh, token)
        results = at_once([sign_out, *[rotate] * 19])
        assert not Session.objects.live().exists()
        for tokens in filter(None, won(results)):
            assert_dead(tokens)


@pytest.mark.django_db(transaction=True)
def test_no_refresh_slips_past_a_new_password() -> None:
    person = alice()
    logins = [api_sessions.sign_in("alice", PASSWORD) for _login in range(10)]
    change = partial(passwords.change_password, person, old_password=PASSWORD, new_password="another-long-one")
    results = at_once([change, *(partial(api_sessions.refresh, login.refresh) for login in logins)])
    for tokens in filter(None, won(results)):
        assert_dead(tokens)


# --- Who is hidden from whom ----------------------------------------------------------------------------------------


def test_a_block_hides_both_ways_in_one_query(django_assert_num_queries: Any) -> None:
    one, other, third = alice(), bob(), carol()
    Block.objects.create(blocker=one, blocked=other)
    Block.objects.create(blocker=third, blocked=one)
    assert set(hidden_from(one)) == {other.pk, third.pk}
    assert set(hidden_from(other)) == {one.pk}
    assert is_hidden(one.pk, third.pk)
    assert not is_hidden(other.pk, third.pk)
    with django_assert_num_queries(1):
        assert list(visible(one, User)) == [one]


def test_profiles_are_shown_with_their_people() -> None:
    one = alice()
    User.objects.filter(pk=bob().pk).update(is_active=False)
    compliance()
    assert [profile.user for profile in visible(one, Profile)] == [one]


# --- Suspension -----------------------------------------------------------------------------------------------------


def test_suspensions_end_on_time_and_notify_the_user() -> None:
    boss, person = admin(), alice()
    until = timezone.now() + timedelta(days=2)
    suspended = suspensions.suspend_user(boss, person.pk, until=until, reason="spam")
    assert suspended.is_suspended
    assert suspended.history.first().history_user == boss
    assert suspended.history.first().history_change_reason == "spam"
    notification = Notification.objects.get()
    assert (notification.recipient, notification.kind) == (person, Kind.SUSPENDED)
    refused(Refused, "account-suspended", lambda: api_sessions.sign_in("alice", PASSWORD))


def test_a_time_that_is_past_lifts_it() -> None:
    boss, person = admin(), alice()
    suspensions.suspend_user(boss, person.pk, until=timezone.now() + timedelta(days=2))
    lifted = suspensions.suspend_user(boss, person.pk, until=timezone.now())
    assert not lifted.is_suspended
    assert lifted.history.first().action == "suspension.lifted"
    assert api_sessions.sign_in("alice", PASSWORD)


def test_suspending_takes_the_permission_and_an_end_user() -> None:
    person = alice()
    until = timezone.now() + timedelta(days=1)
    for other in (bob(), person, compliance()):
        refused(Refused, "permission-missing", lambda who=other: suspensions.suspend_user(who, person.pk, until=until))
    boss = admin()
    refused(Refused, "staff-account", lambda: suspensions.suspend_user(boss, community().pk, until=until))
    refused(Absent, "not-found", lambda: suspensions.suspend_user(boss, 12345, until=until))


# --- Logins ---------------------------------------------------------------------------------------------------------


def test_ending_a_login_takes_the_permission_or_being_its_owner() -> None:
    person = alice()
    tokens = api_sessions.sign_in("alice", PASSWORD)
    session = Session.objects.get()
    for other in (bob(), compliance()):
        refused(Refused, "permission-missing", lambda who=other: sessions.end_session(who, session.pk, "mine now"))
    sessions.end_session(person, session.pk)
    refused(WrongCredentials, "invalid-token", lambda: api_sessions.session_of(read(AccessToken, tokens.access)))
    refused(WrongCredentials, "invalid-token", lambda: api_sessions.refresh(tokens.refresh))
    refused(Absent, "not-found", lambda: sessions.end_session(person, 12345, ""))


def test_open_sockets_hear_when_a_login_ends_or_a_password_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr("apps.infra.pubsub.recheck", asked.append)
    person = alice()
    api_sessions.sign_out(person, api_sessions.sign_in("alice", PASSWORD).refresh)
    passwords.change_password(person, old_password=PASSWORD, new_password="another-long-one")
    suspensions.suspend_user(admin(), person.pk, until=timezone.now() + timedelta(days=1))
    assert asked == [person.pk] * 3


def test_neither_password_nor_version_is_in_the_history() -> None:
    person = make_user("paula")
    passwords.change_password(person, old_password=PASSWORD, new_password="another-long-one")
    version = person.history.first()
    assert version.action == "password.changed"
    assert not hasattr(version, "password")
    assert not hasattr(version, "token_version")
