"""Notifications: one line for each user, in the transaction of the change itself, sent to sockets on commit."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.db import transaction

from apps.connections.services import request_connection
from apps.errors import Absent
from apps.events.participation import join_event
from apps.events.services import cancel_event
from apps.infra import pubsub
from apps.notifications.models import Kind, Notification
from apps.notifications.services import mark_all_read, mark_read, notify, notify_all, unread_count
from apps.notifications.texts import TEXTS, text_of
from tests.factories import make_event, make_notification
from tests.people import alice, bob, carol, make_user
from tests.races import at_once

CONTEXTS = {
    Kind.CONNECTION_REQUEST: {"person": "bob"},
    Kind.CONNECTION_ACCEPTED: {"person": "bob"},
    Kind.NEW_FOLLOWER: {"person": "bob"},
    Kind.EVENT_INVITATION: {"person": "bob", "event": "Party"},
    Kind.EVENT_JOINED: {"person": "bob", "event": "Party", "status": "going"},
    Kind.EVENT_CHANGED: {"event": "Party"},
    Kind.EVENT_CANCELLED: {"event": "Party"},
    Kind.DOCUMENT_DECIDED: {"status": "rejected", "text": "It has expired."},
    Kind.CONTENT_REMOVED: {"thing": "story"},
    Kind.CONTENT_RESTORED: {"thing": "story"},
    Kind.CONTENT_EDITED: {"thing": "event “Party”"},
    Kind.WARNING: {"thing": "message"},
    Kind.SUSPENDED: {"until": "2030-01-01T20:00:00+00:00", "reason": "Spam."},
    Kind.REPORT_CLOSED: {"outcome": "kept"},
    Kind.DECISION_UNDONE: {"thing": "story"},
    Kind.APPEAL_DECIDED: {"thing": "story", "status": "upheld", "text": "It is an advertisement."},
}


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_reads_as_a_sentence_with_its_context(kind: Kind) -> None:
    text = text_of(kind, **CONTEXTS[kind])
    assert text.endswith(".")
    assert "%(" not in text
    for name, value in CONTEXTS[kind].items():
        assert value in text or name in {"status", "until", "outcome"}
    assert set(TEXTS) == set(Kind)


def test_a_text_is_never_too_long_to_store() -> None:
    text = text_of(Kind.SUSPENDED, until="2030-01-01T20:00:00+00:00", reason="x" * 2000)
    assert len(text) == 1000
    assert "1 Jan 2030, 20:00 UTC" in text


def test_a_missing_value_is_a_mistake() -> None:
    with pytest.raises(TypeError):
        text_of(Kind.NEW_FOLLOWER)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What goes to the broker, as it would."""
    heard: list[tuple[str, Any]] = []
    monkeypatch.setattr(pubsub._sender, "put", lambda group, content: heard.append((group, content)))
    return heard


@pytest.mark.django_db(transaction=True)
def test_sockets_hear_of_it_once_it_is_committed(said: list[tuple[str, Any]]) -> None:
    a, b = alice(), bob()
    with transaction.atomic():
        connection = request_connection(a, b.pk)
        assert said == []
    note = Notification.objects.get(recipient=b)
    assert said == [(f"person.{b.pk}", f'{{"type": "notification", "id": {note.pk}}}')]
    assert (note.target_kind, note.target_id) == ("connection", connection.pk)


@pytest.mark.django_db(transaction=True)
def test_notifications_rolled_back_are_never_sent(said: list[tuple[str, Any]]) -> None:
    a, b = alice(), bob()
    with transaction.atomic():
        notify(b.pk, Kind.NEW_FOLLOWER, about=a, person="alice")
        transaction.set_rollback(True)
    assert said == []
    assert not Notification.objects.exists()


@pytest.mark.django_db
def test_many_users_are_notified_in_one_statement(django_assert_num_queries: Any) -> None:
    host = alice()
    event = make_event(host)
    guests = [make_user(f"guest{number}") for number in range(30)]
    for guest in guests:
        join_event(guest, event.pk, status="going")
    Notification.objects.all().delete()
    with django_assert_num_queries(2):  # one for their languages
        notify_all([guest.pk for guest in guests], Kind.EVENT_CANCELLED, about=event, event=event.title)
    cancel_event(host, event.pk)
    assert Notification.objects.count() == 60
    assert notify_all([], Kind.EVENT_CANCELLED, event="x") == []


@pytest.mark.django_db
def test_users_read_their_own_notifications_alone() -> None:
    a, b = alice(), bob()
    mine, also_mine, theirs = make_notification(a), make_notification(a), make_notification(b)
    assert unread_count(a) == 2
    first = mark_read(a, mine.pk)
    assert mark_read(a, mine.pk).read_at == first.read_at
    assert unread_count(a) == 1
    with pytest.raises(Absent):
        mark_read(a, theirs.pk)
    assert mark_all_read(a) == 1
    assert mark_all_read(a) == 0
    also_mine.refresh_from_db()
    assert also_mine.read_at is not None
    assert unread_count(b) == 1


@pytest.mark.django_db(transaction=True)
def test_reading_twenty_times_at_once_is_reading() -> None:
    note = make_notification(carol())
    at_once([partial(mark_read, note.recipient, note.pk)] * 10 + [partial(mark_all_read, note.recipient)] * 10)
    assert unread_count(note.recipient) == 0
