"""Compiled questions answer as the querysets that they are compiled from, for every viewer and in every state."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.db.models import Model, QuerySet, Value
from django.utils import timezone

from api.main import api as _api
from apps.chat.models import Membership, Message, Room
from apps.connections.models import Connection
from apps.events.models import Event, Participation
from apps.events.services import find_events
from apps.infra.prepared import Unpreparable, forget_all
from apps.notifications.models import Notification
from apps.stories.models import Story, StoryView
from apps.users.models import Block, Profile, Session, User
from apps.users.permissions import Viewer
from apps.visibility.compiled import REGISTRY, Compiled, Rows, compile_all, compiled
from apps.visibility.slots import UnknownOfViewer
from apps.visibility.snapshot import live_for
from apps.visibility.statement import Statement
from tests import people
from tests.client import api
from tests.factories import make_connection, make_event, make_message, make_notification, make_story
from tests.races import at_once

pytestmark = pytest.mark.django_db

assert _api.urls  # loads all services
STEPS = 250
NAMES = ("ada", "ben", "cleo", "dan", "eve")


class Platform:
    """People who know, block, invite and write to each other, and one thing after another that changes between them."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.people = [people.make_user(name) for name in NAMES]
        self.staff = [people.community(), people.support()]
        for person in self.people:
            api(person).get("/events")  # a session of the API
        pairs = [(one, other) for one in self.people for other in self.people if one.pk < other.pk]
        for one, other in pairs:
            make_connection(one, other, status="accepted", responded_at=timezone.now())
            for _ in range(3):
                make_message(one, other)
        for person in self.people:
            for hours in (1, 3, 30):
                make_story(person, hours_old=hours, audience=self.dice.choice(["public", "connections"]))
                make_event(person, in_hours=self.dice.randint(-9, 9))
                make_notification(person)

    def one(self, model: type[Model]) -> Any:
        """A row of `model`, or of a copy of none."""
        return self.dice.choice(list(model._default_manager.order_by("pk")))

    def later(self) -> datetime:
        return timezone.now() + timedelta(minutes=self.dice.choice([-90, -1, 1, 90]))

    def change(self) -> None:
        """One thing becomes another, written as rows: what services allow is not the point."""
        self.dice.choice(
            [
                self._block, self._unblock, self._switch, self._suspend, self._remove, self._move_story,
                self._move_event,
                self._connect, self._join, self._read, self._see, self._say, self._leave, self._verify, self._end,
            ]
        )()  # fmt: skip

    def _block(self) -> None:
        one, other = self.dice.sample(self.people, 2)
        Block.objects.get_or_create(blocker=one, blocked=other)

    def _unblock(self) -> None:
        Block.objects.filter(blocker=self.dice.choice(self.people)).delete()

    def _switch(self) -> None:
        person = self.dice.choice(self.people)
        User.objects.filter(pk=person.pk).update(is_active=self.dice.random() < 0.7)

    def _suspend(self) -> None:
        User.objects.filter(pk=self.dice.choice(self.people).pk).update(suspended_until=self.later())

    def _remove(self) -> None:
        model = self.dice.choice([Event, Story, Message])
        removed_at = self.dice.choice([None, timezone.now()])
        model.objects.filter(pk=self.one(model).pk).update(removed_at=removed_at)

    def _move_story(self) -> None:
        deleted_at = self.dice.choice([None, None, timezone.now()])
        audience = self.dice.choice(["public", "connections"])
        changed = Story.objects.filter(pk=self.one(Story).pk)
        changed.update(expires_at=self.later(), deleted_at=deleted_at, audience=audience)

    def _move_event(self) -> None:
        date = self.later()
        Event.objects.filter(pk=self.one(Event).pk).update(date=date, ends_at=date + timedelta(hours=1))

    def _connect(self) -> None:
        status = self.dice.choice(Connection.Status.values)
        responded_at = None if status == "pending" else timezone.now()
        Connection.objects.filter(pk=self.one(Connection).pk).update(status=status, responded_at=responded_at)

    def _join(self) -> None:
        status = self.dice.choice(Participation.Status.values)
        whose = {"event": self.one(Event), "user": self.dice.choice(self.people)}
        Participation.objects.update_or_create(**whose, defaults={"status": status})

    def _read(self) -> None:
        Notification.objects.filter(pk=self.one(Notification).pk).update(is_read=self.dice.random() < 0.5)

    def _see(self) -> None:
        StoryView.objects.get_or_create(story=self.one(Story), viewer=self.dice.choice(self.people))

    def _say(self) -> None:
        make_message(*self.dice.sample(self.people, 2))

    def _leave(self) -> None:
        membership = self.one(Membership)
        Membership.objects.filter(pk=membership.pk).update(read_up_to=self.dice.randint(0, 3))

    def _verify(self) -> None:
        User.objects.filter(pk=self.dice.choice(self.people).pk).update(identity_verified=self.dice.random() < 0.5)

    def _end(self) -> None:
        Session.objects.filter(pk=self.one(Session).pk).update(expires_at=self.later())

    def question(self) -> tuple[Compiled[Any], list[Any], dict[str, Any]]:
        """A compiled question with arguments."""
        asked = self.dice.choice(REGISTRY)
        slots: dict[str, Callable[[], Any]] = {
            "viewer": lambda: self.dice.choice(
                [*self.people, *self.staff, *([AnonymousUser()] if asked.is_public else [])]
            ),
            "event_id": lambda: self.one(Event).pk,
            "story_id": lambda: self.one(Story).pk,
            "name": lambda: self.one(Room).name,
            "key": lambda: self.one(Session).key,
            "rooms": lambda: [room.pk for room in self.dice.sample(list(Room.objects.order_by("pk")), 3)],
            "room": lambda: self.one(Room).pk,
            "reach": lambda: self.dice.randint(1, 20),
            "seq": lambda: self.dice.randint(0, 4),
        }
        return asked, [slots[name]() for name in asked.arguments], self.dice.choice(list(asked.shapes()))


def flat(row: Any) -> Any:
    """All that a row holds, with the rows that came along."""
    if not isinstance(row, Model):
        return row
    own = {name: value for name, value in row.__dict__.items() if name != "_state"}
    along = {name: flat(each) for name, each in row._state.fields_cache.items() if not _is_back(row, name)}
    return type(row), row._state.adding, row._state.db, own, along


def _is_back(row: Model, name: str) -> bool:
    """Whether the cached row is the one that this came along with."""
    return isinstance(row, Profile) and name == "user"


@pytest.mark.parametrize("seed", [1, 2])
def test_compiled_rows_are_the_uncompiled_ones(seed: int) -> None:
    platform = Platform(seed)
    answered = set()
    for _ in range(STEPS):
        platform.change()
        for _ in range(2):
            asked, arguments, shape = platform.question()
            rows, plain = asked(*arguments, **shape), asked.build(*arguments, **shape)
            whole = [flat(row) for row in plain]
            assert [flat(row) for row in rows] == whole, (asked.__name__, arguments, shape)
            if whole:
                answered.add(asked.__name__)
            if not plain.ordered:
                continue
            assert rows.count() == len(whole)
            start, size = platform.dice.choice([0, 0, 1, 2, 5]), platform.dice.choice([1, 2, 10])
            assert [flat(row) for row in rows[start : start + size]] == whole[start : start + size]
            if isinstance(rows, Rows):  # staff have the queryset itself
                count, page = rows.counted_page(start, size)
                assert (count, [flat(row) for row in page]) == (len(whole), whole[start : start + size])
    assert answered == {asked.__name__ for asked in REGISTRY}


def prepared() -> dict[str, int]:
    """The statements that PostgreSQL has prepared on this connection, with how often each has run."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement, generic_plans + custom_plans FROM pg_prepared_statements")
        return dict(cursor.fetchall())


@pytest.fixture
def _nothing_prepared() -> None:
    connection.ensure_connection()
    forget_all()


@pytest.mark.usefixtures("_nothing_prepared")
def test_calls_run_statements_that_postgresql_has_prepared() -> None:
    viewer = people.alice()
    event = make_event(people.bob())
    app = api(viewer)
    before = prepared()
    for _ in range(3):
        assert app.get(f"/events/{event.pk}").status_code == 200
    ran = {text: times for text, times in prepared().items() if text not in before}
    assert sorted(ran.values())[-2:] == [3, 3]  # the session and the event
    assert any("events_event" in text for text in ran)
    # A number of any width is the same statement.
    count = len(prepared())
    for number in (1, 2**15 + 1, 2**31 + 1, 2**62):
        app.get(f"/events/{number}")
    assert len(prepared()) == count


def test_every_question_compiles_when_a_server_starts() -> None:
    assert compile_all() > len(REGISTRY)


def test_a_rule_that_reads_more_of_its_viewer_is_not_compiled() -> None:
    def brands_see_all(viewer: Viewer) -> QuerySet[Event]:
        events = Event.objects.order_by("pk")
        return events if viewer.role == "brand" else events.filter(host_id=viewer.pk)

    with pytest.raises(UnknownOfViewer, match="role"):
        compiled()(brands_see_all)(people.alice())
    REGISTRY.pop()


def test_a_time_that_is_no_slot_is_not_compiled() -> None:
    def upcoming(viewer: Viewer) -> QuerySet[Event]:
        return Event.objects.filter(date__gt=timezone.now())

    with pytest.raises(Unpreparable, match="datetime"):
        compiled()(upcoming)(people.alice())
    REGISTRY.pop()
    assert live_for(AnonymousUser()).now <= datetime.now(UTC)


def test_a_shape_that_is_no_choice_is_refused() -> None:
    with pytest.raises(KeyError, match="tomorrow"):
        find_events(people.alice(), when="tomorrow")


@pytest.fixture
def _threads_take_turns_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_threads_take_turns_often")
def test_a_statement_asked_for_by_many_threads_is_compiled_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Statement, "_fetch", lambda _statement, prepared, _values: [prepared.text])
    question = next(each for each in REGISTRY if each.__name__ == "_connections")
    queryset = question.build(*question._slots_for(signed_in=True), status=None, direction=None)
    expected = Statement(queryset.all()).page(0, 10, {})
    for _ in range(20):
        statement = Statement(queryset.all(), queryset.order_by().values(term=Value(1)))
        asked = [lambda: statement.page(0, 10, {}), lambda: statement._counting and None] * 3  # noqa: B023
        assert all(text == expected for text in at_once(asked) if text is not None)
