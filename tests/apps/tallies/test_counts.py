"""Counts by tally are those of all rows, after whatever is written, by any writer."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.utils import timezone

from apps.connections.models import Connection
from apps.events.models import TALLIED as EVENTS
from apps.events.models import Event
from apps.events.permissions import policy as event_policy
from apps.events.services import _events
from apps.infra.owner import as_owner
from apps.stories.models import TALLIED as STORIES
from apps.stories.models import Story
from apps.stories.permissions import feed_policy
from apps.stories.services import feed
from apps.tallies import jobs
from apps.tallies.models import Tally
from apps.tallies.services import recount
from apps.tallies.triggers import Tallied
from apps.users.accounts.directory import _directory
from apps.users.models import CLIENT_ROLES, Block, User
from apps.users.models.accounts import TALLIED as USERS
from apps.users.permissions import directory_entry
from apps.visibility.compiled import Compiled
from apps.visibility.counting import count_terms
from apps.visibility.policy import Policy, PolicyFor
from apps.visibility.slots import AnyClient, Slot, Unbound
from tests import people
from tests.factories import make_connection, make_event, make_story

pytestmark = pytest.mark.django_db

ALL = (EVENTS, STORIES, USERS)
COUNTED: tuple[Compiled[Any], ...] = (_events, feed, _directory)
SHAPES = {asked: list(asked.shapes()) for asked in COUNTED}
STEPS = 120


class Failed(Exception):
    """Ends a transaction."""


class Platform:
    """Users and what they post, written in every way that rows are."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.number = 0
        self.ahead: list[Callable[[], None]] = []
        self.counted: set[tuple[str, str]] = set()
        for _ in range(6):
            self.join()
        for _ in range(10):
            self.post()

    def user(self) -> User:
        return User.objects.get(pk=self.dice.choice(User.objects.order_by("pk").values_list("pk", flat=True)))

    def change(self) -> None:
        """Each in its turn, in an order that is drawn anew for every round."""
        if not self.ahead:
            self.ahead = [
                self.join, self.leave, self.post, self.post, self.post_many, self.switch, self.switch_all, self.verify,
                self.block, self.connect, self.remove, self.move, self.hand_over, self.delete, self.drop, self.cancel,
            ]  # fmt: skip
            self.dice.shuffle(self.ahead)
        self.ahead.pop()()

    def join(self) -> None:
        self.number += 1
        people.make_user(f"user{self.number}", role=self.dice.choice(list(CLIENT_ROLES)))

    def leave(self) -> None:
        if User.objects.count() > 4:
            self.user().delete()

    def post(self) -> None:
        make_event(self.user(), in_hours=self.dice.randint(-30, 30))
        make_story(self.user(), hours_old=self.hours(), audience=self.audience())

    def post_many(self) -> None:
        host, later = self.user().pk, f"{self.dice.randint(-90, 90)} minutes"
        self.run(
            """INSERT INTO events_event (host_id, title, description, date, ends_at, location, status, created_at,
            removal_reason) SELECT %s, 'One of many', '', at, at + interval '1 hour', 'Here', 'active', now(), ''
            FROM (SELECT now() + %s::interval + n * interval '1 hour' AS at FROM generate_series(1, 3) n) AS times""",
            host,
            later,
        )

    def switch(self) -> None:
        user = self.user()
        user.is_active = not user.is_active
        user.save()

    def switch_all(self) -> None:
        self.run("UPDATE users_user SET is_active = NOT is_active WHERE id %% 3 = %s", self.dice.randint(0, 2))

    def verify(self) -> None:
        User.objects.filter(pk=self.user().pk).update(
            identity_verified=self.dice.random() < 0.5, role=self.dice.choice(list(CLIENT_ROLES))
        )

    def block(self) -> None:
        one, other = self.user(), self.user()
        if one != other and not Block.objects.filter(blocker=one, blocked=other).delete()[0]:
            Block.objects.create(blocker=one, blocked=other)

    def connect(self) -> None:
        one, other = self.user(), self.user()
        if one != other and not Connection.objects.between(one.pk, other.pk).delete()[0]:
            make_connection(one, other, status="accepted", responded_at=timezone.now())

    def remove(self) -> None:
        for model in (Event, Story):
            some = model.objects.filter(pk__in=self.some(model))
            some.update(removed_at=self.dice.choice([None, timezone.now()]))

    def move(self) -> None:
        at = timezone.now() + timedelta(minutes=self.dice.randint(-600, 600))
        Event.objects.filter(pk__in=self.some(Event)).update(date=at, ends_at=at + timedelta(hours=1))
        deleted_at = self.dice.choice([None, None, timezone.now()])
        Story.objects.filter(pk__in=self.some(Story)).update(
            expires_at=timezone.now() + timedelta(minutes=self.dice.randint(-9, 9)),
            audience=self.audience(),
            deleted_at=deleted_at,
        )

    def hand_over(self) -> None:
        Event.objects.filter(pk__in=self.some(Event)).update(host=self.user())

    def delete(self) -> None:
        for model in (Event, Story):
            model.objects.filter(pk__in=self.some(model)).delete()

    def drop(self) -> None:
        """The transaction fails, or a part of it does."""
        with suppress(Failed), transaction.atomic():
            self.post()
            with suppress(Failed), transaction.atomic():
                self.switch()
                raise Failed
            if self.dice.random() < 0.5:
                raise Failed

    def cancel(self) -> None:
        """What no tally depends on."""
        Event.objects.filter(pk__in=self.some(Event)).update(status="cancelled")
        User.objects.update(last_login=timezone.now())

    def some(self, model: Any) -> list[int]:
        return list(model.objects.order_by("?").values_list("pk", flat=True)[: self.dice.randint(1, 3)])

    def hours(self) -> int:
        return self.dice.randint(0, 30)

    def audience(self) -> str:
        return self.dice.choice(["public", "connections"])

    def run(self, text: str, *params: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(text, params)

    def check(self) -> None:
        """Some counts for some viewer, against the rows themselves."""
        for asked in COUNTED:
            viewer = self.dice.choice([self.user(), AnonymousUser()] if asked.is_public else [self.user()])
            for shape in self.dice.sample(SHAPES[asked], 1):
                given = asked(viewer, **shape).count(), asked.build(viewer, **shape).count()
                assert given[0] == given[1], (asked.__name__, viewer, shape)
                self.counted.add((asked.__name__, str(shape)))


@pytest.mark.parametrize("seed", [1, 2])
def test_counts_are_those_of_all_rows(seed: int) -> None:
    platform = Platform(seed)
    for step in range(STEPS):
        platform.change()
        if step % 50 == 49:
            jobs.fold(0)
        platform.check()
    # Nothing is left to mend, which would show what no viewer has looked at.
    assert [recount(tallied) for tallied in ALL] == [0, 0, 0]
    assert platform.counted == {(asked.__name__, str(shape)) for asked in COUNTED for shape in SHAPES[asked]}


@pytest.mark.parametrize(
    ("policy_for", "model"), [(event_policy, Event), (feed_policy, Story), (directory_entry, User)]
)
def test_the_condition_of_a_tally_depends_on_no_viewer(policy_for: PolicyFor, model: Any) -> None:
    rows = model.objects.filter(policy_for(AnyClient(), Unbound()).for_all)
    params = rows.query.get_compiler("default").as_sql()[1]
    assert {each.name for each in params if isinstance(each, Slot)} <= {"now"}


def test_a_policy_without_exceptions_is_its_own_count() -> None:
    terms = count_terms(Policy([]), User.objects.all(), User.objects.values("id"))
    assert not terms.query.combinator


def parts(tallied: Tallied) -> int:
    return sum(Tally.objects.filter(kind__startswith=f"{tallied.name}.").values_list("n", flat=True))


def emptied(table: str) -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table} CASCADE")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("tallied", "write"), [(EVENTS, make_event), (STORIES, make_story)], ids=lambda given: getattr(given, "name", "")
)
def test_an_emptied_table_counts_nothing(tallied: Tallied, write: Callable[..., Any]) -> None:
    write(people.alice())
    assert parts(tallied)
    emptied(tallied.table)
    assert parts(tallied) == 0


def test_folding_leaves_one_part_for_each_bucket_and_one_for_the_past() -> None:
    alice = people.alice()
    for days in (-9, -8, 8, 8, 9):
        make_event(alice, in_hours=days * 24)
    jobs.fold(0)
    folded = Tally.objects.filter(kind="events.begin").order_by("bucket")
    assert [part.n for part in folded] == [2, 2, 1]
    assert {part.slot for part in folded} == {0}
    assert folded[0].bucket.year == 1970
    assert _events(alice, when="past").count() == 2


def test_a_tally_is_filled_from_the_rows() -> None:
    alice = people.alice()
    make_event(alice)
    make_story(alice)
    before = {tallied: parts(tallied) for tallied in ALL}
    Tally.objects.all().delete()
    assert all(recount(tallied) for tallied in ALL)
    assert {tallied: parts(tallied) for tallied in ALL} == before
    assert [recount(tallied) for tallied in ALL] == [0, 0, 0]
