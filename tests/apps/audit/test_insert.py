"""A new row comes with its first version in one statement, and both are what Django and simple-history would write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.db.models import Model
from django.db.models.signals import post_save, pre_save
from django.test.utils import CaptureQueriesContext

from apps.audit.actions import Action
from apps.audit.context import coming_from
from apps.audit.history import history_of, save_as
from apps.audit.insert import _has_plain_columns
from apps.audit.models import Entry
from apps.chat.models import Membership, Room
from apps.events.models import Event
from apps.users.models import Block, Follow, Profile, User
from tests import people
from tests.factories import make_connection, make_event, make_message, make_report, make_story

pytestmark = pytest.mark.django_db

type Make = Callable[[], Any]


def makers() -> list[Make]:
    """New rows of the models that are written most, each with a value in every kind of column."""
    alice, bob, cleo = people.alice(), people.bob(), people.make_user("cleo")
    stories = iter([make_story(bob), make_story(bob)])
    strangers = (people.make_user(f"stranger{number}") for number in range(20))
    rooms = iter([Room.objects.create(direct_key="1:9"), Room.objects.create(direct_key="1:8")])
    return [
        lambda: make_event(alice, capacity=5, description="Ünïcode, 100 % “quoted” \\ $1 %s"),
        lambda: make_story(alice, audience="connections"),
        lambda: make_connection(alice, next(strangers)),
        lambda: make_message(alice, bob),
        lambda: make_report(cleo, "story", next(stories), bob),
        lambda: save_as(None, Room(direct_key=None), action=Action.ROOM_OPENED),
        lambda: save_as(alice, Membership(room=next(rooms), user=alice), action=Action.ROOM_OPENED),
        lambda: save_as(alice, Block(blocker=alice, blocked=next(strangers)), action=Action.BLOCKED, note="spam"),
        lambda: save_as(alice, Follow(follower=alice, followed=next(strangers)), action=Action.FOLLOWED),
    ]


def stored(row: Model) -> tuple[dict[str, Any], dict[str, Any]]:
    """The columns of a row and of its one version, without what differs between any two."""
    again = type(row)._default_manager.filter(pk=row.pk).values().get()
    [version] = history_of(type(row)).filter(id=row.pk).values()
    for values in (again, version):
        for name, value in list(values.items()):
            is_unlike = name in {
                "id",
                "history_id",
                "name",
                "room_id",
                "seq",
                "receiver_id",
                "blocked_id",
                "followed_id",
                "target_id",
            }
            if is_unlike or hasattr(value, "tzinfo") or "file" in name:
                values[name] = value is None
    return again, version


def test_row_and_version_are_those_of_django(monkeypatch: pytest.MonkeyPatch) -> None:
    for make in makers():
        with coming_from("request-1", None), CaptureQueriesContext(connection) as queries:
            quick = make()
        written = [query["sql"] for query in queries if "INSERT INTO" in query["sql"]]
        table = f'INSERT INTO "{type(quick)._meta.db_table}"'
        assert sum(table in text for text in written) == 1, written
        assert any("WITH made AS" in text and table in text for text in written), written
        with monkeypatch.context() as patch, coming_from("request-1", None):
            patch.setattr("apps.audit.history.is_insertable", lambda _row: False)
            slow = make()
        assert stored(quick) == stored(slow), type(quick)
        assert (quick._state.adding, quick._state.db) == (slow._state.adding, slow._state.db)
        [version] = history_of(type(quick)).filter(id=quick.pk)
        assert (version.history_type, version.request_id) == ("+", "request-1")


def test_a_row_that_is_refused_leaves_no_version() -> None:
    alice, bob = people.alice(), people.bob()
    make_connection(alice, bob)
    versions = history_of(Event).count()
    with pytest.raises(IntegrityError), transaction.atomic():
        make_event(alice, capacity=0)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_connection(bob, alice)
    assert history_of(Event).count() == versions
    assert not Event.objects.exists()


def test_a_refused_row_ends_the_transaction_as_any_other() -> None:
    alice = people.alice()
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            make_event(alice, capacity=0)
        with pytest.raises(transaction.TransactionManagementError):
            Event.objects.exists()
        transaction.set_rollback(True)


def test_models_with_other_listeners_are_saved_by_django() -> None:
    heard: list[Any] = []

    def listen(instance: Event, **_: Any) -> None:
        heard.append(instance)

    post_save.connect(listen, sender=Event)
    try:
        event = make_event(people.alice())
    finally:
        post_save.disconnect(listen, sender=Event)
    assert heard == [event]
    assert history_of(Event).filter(id=event.pk).count() == 1


def test_audit_entries_have_no_listeners_for_they_are_saved_without_signals() -> None:
    for signal in (pre_save, post_save):
        assert signal._live_receivers(Entry) == ([], [])


def test_an_account_has_its_number_before_its_version_is_encrypted_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models.Field, "has_db_default", lambda _field: False)
    monkeypatch.setattr(history_of(User).model, "_history_m2m_fields", [])
    has_plain_columns: Any = _has_plain_columns.__wrapped__  # of what is patched here, nothing is kept
    assert not has_plain_columns(User)
    assert has_plain_columns(Profile)
