"""Seats: taken under the event's lock, never more than there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine

from apps.errors import Absent, Conflict, Invalid
from apps.events.models import Event, Participation
from apps.events.participation import attendees_of, invite_to_event, join_event, leave_event
from apps.events.services import cancel_event, create_event, update_event
from apps.notifications.models import Kind, Notification
from apps.users.accounts.relationships import block
from apps.users.models import User
from tests.factories import make_event
from tests.people import alice, bob, carol, make_user
from tests.races import at_once, lost, won

BEGIN = datetime(2030, 1, 1, 20, tzinfo=UTC)


def join(user: User, event_id: int, *, status: str) -> Any:
    """The event with how it stands then, which its type does not name."""
    return join_event(user, event_id, status=status)


def refusal_of(user: User, event: Event, status: str = "going") -> str:
    with pytest.raises(Conflict) as refusal:
        join_event(user, event.pk, status=status)
    return refusal.value.code


@pytest.mark.django_db(transaction=True)
def test_exactly_one_of_twenty_guests_gets_the_last_seat() -> None:
    event = make_event(alice(), capacity=1)
    crowd = [make_user(f"guest{number}") for number in range(20)]
    results = at_once([partial(join_event, guest, event.pk, status="going") for guest in crowd])
    assert len(won(results)) == 1
    assert lost(results) == {(Conflict, "event-full")}
    assert Participation.objects.filter(status="going").count() == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_joins_of_one_guest_take_one_seat() -> None:
    event, guest = make_event(alice(), capacity=1), bob()
    results = at_once([partial(join_event, guest, event.pk, status="going")] * 20)
    assert len(won(results)) == 20
    assert Participation.objects.count() == 1
    assert Notification.objects.filter(kind=Kind.EVENT_JOINED).count() == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_invitations_make_one() -> None:
    host, guest = alice(), bob()
    event = make_event(host)
    results = at_once([partial(invite_to_event, host, event.pk, guest.pk)] * 20)
    assert {row.pk for row in won(results)} == {Participation.objects.get().pk}
    assert Notification.objects.count() == 1


@pytest.mark.django_db
class TestSeats:
    def test_the_interested_take_no_seat_until_they_go(self) -> None:
        event, first, second = make_event(alice(), capacity=1), bob(), carol()
        join_event(second, event.pk, status="interested")
        assert join(first, event.pk, status="going").going == 1
        assert refusal_of(second, event) == "event-full"
        assert join(first, event.pk, status="going").my_status == "going"
        joined = join(first, event.pk, status="interested")
        assert (joined.going, joined.interested) == (0, 2)
        assert join(second, event.pk, status="going").going == 1
        assert refusal_of(first, event) == "event-full"

    def test_the_host_takes_no_seat(self) -> None:
        host = alice()
        assert refusal_of(host, make_event(host)) == "own-event"

    def test_cancelled_events_refuse_participants(self) -> None:
        host = alice()
        event = make_event(host)
        cancel_event(host, event.pk)
        assert refusal_of(bob(), event, "interested") == "event-cancelled"

    def test_a_free_seat_is_taken_again(self) -> None:
        event, first, second = make_event(alice(), capacity=1), bob(), carol()
        join_event(first, event.pk, status="going")
        leave_event(first, event.pk)
        leave_event(first, event.pk)
        assert join(second, event.pk, status="going").going == 1

    def test_joining_goes_on_until_the_instant_of_the_end(self) -> None:
        event = create_event(alice(), title="A", location="B", date=BEGIN, ends_at=BEGIN + timedelta(hours=1))
        guest, late = bob(), carol()
        with time_machine.travel(BEGIN + timedelta(minutes=59, seconds=59), tick=False):
            join_event(guest, event.pk, status="going")
        with time_machine.travel(BEGIN + timedelta(hours=1), tick=False):
            assert refusal_of(late, event) == "event-over"
            assert refusal_of(guest, event) == "event-over"

    def test_guests_withdraw_until_the_instant_of_the_beginning(self) -> None:
        host, guest, other = alice(), bob(), carol()
        event = create_event(host, title="A", location="B", date=BEGIN)
        for person in (guest, other):
            join_event(person, event.pk, status="going")
        with time_machine.travel(BEGIN - timedelta(seconds=1), tick=False):
            leave_event(guest, event.pk)
        with time_machine.travel(BEGIN, tick=False):
            leave_event(guest, event.pk)
            with pytest.raises(Conflict) as refusal:
                leave_event(other, event.pk)
            assert refusal.value.code == "event-started"
            cancel_event(host, event.pk)
            leave_event(other, event.pk)
        assert not Participation.objects.exists()

    def test_more_seats_let_more_in(self) -> None:
        host, guest = alice(), bob()
        event = make_event(host, capacity=1)
        join_event(carol(), event.pk, status="going")
        assert refusal_of(guest, event) == "event-full"
        update_event(host, event.pk, capacity=None)
        assert join(guest, event.pk, status="going").going == 2


@pytest.mark.django_db
class TestInvitations:
    def test_invitations_notify_once_and_are_accepted_by_joining(self) -> None:
        host, guest = alice(), bob()
        event = make_event(host)
        assert invite_to_event(host, event.pk, guest.pk).status == "invited"
        assert invite_to_event(host, event.pk, guest.pk).status == "invited"
        assert Notification.objects.get(recipient=guest).text == "alice invites you to “Launch Party”."
        join_event(guest, event.pk, status="going")
        with pytest.raises(Conflict) as refusal:
            invite_to_event(host, event.pk, guest.pk)
        assert refusal.value.code == "already-joined"
        assert Participation.objects.get().status == "going"
        assert Notification.objects.get(recipient=host).kind == Kind.EVENT_JOINED

    def test_invitations_reach_users_visible_to_the_host_alone(self) -> None:
        host, shy = alice(), bob()
        event = make_event(host)
        block(shy, "alice")
        for number in (shy.pk, 10**9):
            with pytest.raises(Absent):
                invite_to_event(host, event.pk, number)
        with pytest.raises(Invalid) as refusal:
            invite_to_event(host, event.pk, host.pk)
        assert refusal.value.field == "user"

    def test_past_and_cancelled_events_refuse_invitations(self) -> None:
        host, guest = alice(), bob()
        over, cancelled = make_event(host, in_hours=-5), make_event(host)
        cancel_event(host, cancelled.pk)
        for event, code in ((over, "event-over"), (cancelled, "event-cancelled")):
            with pytest.raises(Conflict) as refusal:
                invite_to_event(host, event.pk, guest.pk)
            assert refusal.value.code == code


@pytest.mark.django_db
def test_a_block_hides_guests_from_each_other_and_the_host_from_the_guest() -> None:
    host, one, other = alice(), bob(), carol()
    event = make_event(host)
    for guest in (one, other):
        join_event(guest, event.pk, status="going")
    block(one, "carol")
    assert [row.user for row in attendees_of(one, event.pk)] == [one]
    assert [row.user for row in attendees_of(host, event.pk)] == [one, other]
    block(host, "carol")
    with pytest.raises(Absent):
        attendees_of(other, event.pk)
