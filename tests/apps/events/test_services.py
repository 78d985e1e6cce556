"""Hosting events: their end, which changes notify which users, and what staff do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.errors import Absent, Conflict, Invalid, Refused
from apps.events.models import Event, Participation
from apps.events.participation import invite_to_event, join_event, leave_event
from apps.events.services import (
    cancel_event,
    create_event,
    delete_event,
    edit_event,
    event_for,
    find_events,
    remove_event,
    replace_event,
    restore_event,
    update_event,
)
from apps.notifications.models import Kind, Notification
from apps.review.decisions.models import UNDO_WINDOW, Decision
from apps.review.decisions.services import undo
from apps.users.models import User
from tests.factories import make_event
from tests.jobs import run_jobs
from tests.people import admin, alice, bob, carol, make_staff

pytestmark = pytest.mark.django_db

EVE = datetime(2030, 1, 1, 20, tzinfo=UTC)


def notified(user: User, kind: Kind) -> list[str]:
    return list(Notification.objects.filter(recipient=user, kind=kind).values_list("text", flat=True))


def test_an_event_lasts_four_hours_unless_said_otherwise() -> None:
    host = alice()
    assert create_event(host, title="A", date=EVE, location="B").ends_at == EVE + timedelta(hours=4)
    end = EVE + timedelta(minutes=1)
    assert create_event(host, title="A", date=EVE, location="B", ends_at=end).ends_at == end


@pytest.mark.parametrize("end", [EVE, EVE - timedelta(seconds=1)])
def test_events_end_after_they_begin(end: datetime) -> None:
    with pytest.raises(Invalid) as refusal:
        create_event(alice(), title="A", date=EVE, location="B", ends_at=end)
    assert refusal.value.field == "ends_at"


def test_an_event_that_is_moved_keeps_its_length() -> None:
    host = alice()
    event = create_event(host, title="A", date=EVE, location="B", ends_at=EVE + timedelta(hours=1))
    later = EVE + timedelta(days=2)
    moved = update_event(host, event.pk, date=later)
    assert (moved.date, moved.ends_at) == (later, later + timedelta(hours=1))
    reset = update_event(host, event.pk, ends_at=None)
    assert reset.ends_at == later + timedelta(hours=4)
    with pytest.raises(Invalid):
        update_event(host, event.pk, ends_at=EVE)


def test_replacing_takes_what_is_left_out_back_to_empty() -> None:
    host = alice()
    event = create_event(
        host, title="A", date=EVE, location="B", description="C", capacity=3, ends_at=EVE + timedelta(hours=9)
    )
    replaced = replace_event(host, event.pk, title="D", date=EVE, location="E")
    assert (replaced.title, replaced.location) == ("D", "E")
    assert (replaced.description, replaced.capacity) == ("", None)
    assert replaced.ends_at == EVE + timedelta(hours=4)


def test_event_changes_reject_unknown_fields() -> None:
    host = alice()
    event = make_event(host)
    with pytest.raises(TypeError):
        update_event(host, event.pk, status="active")
    with pytest.raises(TypeError):
        edit_event(admin(), event.pk, host=None)


def test_guests_hear_of_a_new_time_or_place_and_of_nothing_else() -> None:
    host, guest = alice(), bob()
    event = make_event(host)
    join_event(guest, event.pk, status="interested")
    update_event(host, event.pk, title="Another name", description="More", capacity=9)
    update_event(host, event.pk, location=event.location)
    assert notified(guest, Kind.EVENT_CHANGED) == []
    update_event(host, event.pk, location="Elsewhere")
    update_event(host, event.pk, date=event.date + timedelta(days=1))
    assert notified(guest, Kind.EVENT_CHANGED) == ["The time or place of “Another name” has changed."] * 2


def test_unchanged_events_write_no_history() -> None:
    host = alice()
    event = make_event(host)
    update_event(host, event.pk, title=event.title)
    assert event.history.count() == 1


def test_seats_cannot_be_fewer_than_those_going() -> None:
    host = alice()
    event = make_event(host, capacity=3)
    for guest in (bob(), carol()):
        join_event(guest, event.pk, status="going")
    with pytest.raises(Conflict) as refusal:
        update_event(host, event.pk, capacity=1)
    assert refusal.value.code == "capacity-below-going"
    assert update_event(host, event.pk, capacity=2).capacity == 2


def test_cancelling_notifies_each_participant_once() -> None:
    host, going, invited = alice(), bob(), carol()
    event = make_event(host)
    join_event(going, event.pk, status="going")
    invite_to_event(host, event.pk, invited.pk)
    cancel_event(host, event.pk)
    for guest in (going, invited):
        assert notified(guest, Kind.EVENT_CANCELLED) == ["“Launch Party” is cancelled."]
    with pytest.raises(Conflict) as refusal:
        cancel_event(host, event.pk)
    assert refusal.value.code == "event-cancelled"


def test_deleting_notifies_guests_of_future_events() -> None:
    host, guest = alice(), bob()
    coming, over = make_event(host), make_event(host, in_hours=1)
    for event in (coming, over):
        join_event(guest, event.pk, status="going")
    Event.objects.filter(pk=over.pk).update(
        date=timezone.now() - timedelta(hours=9), ends_at=timezone.now() - timedelta(hours=5)
    )
    delete_event(host, coming.pk)
    delete_event(host, over.pk)
    assert notified(guest, Kind.EVENT_CANCELLED) == ["“Launch Party” is cancelled."]
    assert Notification.objects.get(kind=Kind.EVENT_CANCELLED).target_id is None
    assert not Participation.objects.exists()
    last = Event.history.filter(id=coming.pk).latest()
    assert (last.history_type, last.history_user, last.title) == ("-", host, "Launch Party")


def test_changing_an_event_needs_its_host_or_the_permission() -> None:
    event, stranger = make_event(alice()), bob()
    for action in (
        lambda: update_event(stranger, event.pk, title="X"),
        lambda: cancel_event(stranger, event.pk),
        lambda: delete_event(stranger, event.pk),
        lambda: edit_event(stranger, event.pk, title="X"),
        lambda: remove_event(stranger, event.pk),
        lambda: invite_to_event(stranger, event.pk, stranger.pk),
    ):
        with pytest.raises(Refused):
            action()


def test_staff_edits_removals_and_restorations_notify_the_host() -> None:
    host, boss = alice(), admin()
    event = make_event(host)
    edit_event(boss, event.pk, title="Cleaner", description="", reason="offensive")
    remove_event(boss, event.pk, reason="spam")
    run_jobs(later=UNDO_WINDOW)
    with pytest.raises(Absent):
        event_for(host, event.pk)
    assert find_events(host).count() == 0
    with pytest.raises(Conflict):
        remove_event(boss, event.pk)
    restore_event(boss, event.pk, reason="mistake")
    with pytest.raises(Conflict):
        restore_event(boss, event.pk)
    assert event_for(host, event.pk).title == "Cleaner"
    versions = Event.history.filter(id=event.pk).order_by("history_id")[1:]
    assert [version.history_change_reason for version in versions] == ["offensive", "spam", "mistake"]
    assert {version.history_user for version in versions} == {boss}
    run_jobs(later=UNDO_WINDOW)
    kinds = Notification.objects.filter(recipient=host).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == [Kind.CONTENT_EDITED, Kind.CONTENT_REMOVED, Kind.CONTENT_RESTORED]


def test_staff_edits_are_undone_unless_the_text_changed_since() -> None:
    host, boss = alice(), admin()
    event = make_event(host, "Rude party", capacity=9)
    moved = event.date + timedelta(days=1)
    edit_event(boss, event.pk, title="Party", date=moved)
    first = Decision.objects.get()
    undo(boss, first.pk)
    event.refresh_from_db()
    assert (event.title, event.capacity) == ("Rude party", 9)
    assert event.date == moved - timedelta(days=1)
    run_jobs(later=UNDO_WINDOW)
    assert not Notification.objects.exists()
    edit_event(boss, event.pk, title="Party")
    run_jobs(later=UNDO_WINDOW)
    update_event(host, event.pk, title="Ruder party")
    with pytest.raises(Conflict):
        undo(boss, Decision.objects.latest("id").pk)
    update_event(host, event.pk, title="Party")
    undo(boss, Decision.objects.latest("id").pk)
    kinds = Notification.objects.filter(recipient=host).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == [Kind.CONTENT_EDITED, Kind.DECISION_UNDONE]


def test_staff_cannot_leave_an_event_without_a_title() -> None:
    event, boss = make_event(alice()), admin()
    for title in ("", "x" * 201):
        with pytest.raises(Invalid) as refusal:
            edit_event(boss, event.pk, title=title)
        assert refusal.value.field == "title"


def test_staff_edits_name_the_missing_permission() -> None:
    clerk, event = make_staff("clerk"), make_event(alice())
    with pytest.raises(Refused, match="Can change event"):
        edit_event(clerk, event.pk, title="X")
    with pytest.raises(Refused, match="Can delete event"):
        remove_event(clerk, event.pk)


def test_a_switched_off_host_takes_their_events_along() -> None:
    host = alice()
    event = make_event(host)
    host.is_active = False
    save_as(None, host, action=Action.STAFF_DEACTIVATED)
    with pytest.raises(Absent):
        join_event(bob(), event.pk, status="going")
    with pytest.raises(Absent):
        leave_event(carol(), event.pk)
