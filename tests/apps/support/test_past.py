"""Explanations of an earlier time equal those given then, for every kind of target."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apps.audit.actions import Action
from apps.audit.history import delete_as, save_as
from apps.chat.models import Membership
from apps.chat.services import remove_message
from apps.connections.models import Connection
from apps.connections.services import answer_connection, delete_connection
from apps.errors import DomainError
from apps.events.models import Event
from apps.events.services import delete_event, remove_event, restore_event
from apps.notifications.services import mark_all_read
from apps.stories.models import Story
from apps.stories.services import delete_story, hold_story, remove_story, restore_story, update_story
from apps.support.explain_visibility import evaluate_checks, evaluate_listing
from apps.support.targets import TARGETS
from apps.users.accounts import relationships, suspensions
from apps.users.models import Role, User
from tests import people
from tests.apps.support.situations import Situation, add_notification, build, delivery_of, situations
from tests.factories import make_connection, make_event, make_message, make_story

pytestmark = pytest.mark.django_db
LIVES = int(os.environ.get("VISIBILITY_LIVES", "3"))
"""How many times four people live through five actions; every one is evaluated again a month later."""
BEGIN = timedelta(days=400)


@pytest.fixture(autouse=True)
def _unlogged() -> Iterator[None]:
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


class Life:
    """What may happen between four people. A action that the present state forbids does nothing."""

    def __init__(self, made: Situation, chance: Any) -> None:
        self.made, self.chance = made, chance
        self.admin = people.admin()

    def live(self, action: str) -> None:
        one, other = (User.objects.get(pk=person.pk) for person in self.chance.sample(self.made.people, 2))
        try:
            with transaction.atomic():
                getattr(self, action)(one, other)
        except DomainError:
            pass

    def _some(self, model: type[Any]) -> Any:
        return self.chance.choice(list(model.objects.order_by("pk")) or [None])

    def switch(self, one: User, _other: User) -> None:
        one.is_active = not one.is_active
        save_as(self.admin, one, action=Action.ACCOUNT_CHANGED)

    def suspend(self, one: User, _other: User) -> None:
        suspensions.suspend_user(self.admin, one.pk, until=timezone.now() + timedelta(hours=5), reason="spam")

    def lift(self, one: User, _other: User) -> None:
        suspensions.suspend_user(self.admin, one.pk, until=timezone.now())

    def badge(self, one: User, _other: User) -> None:
        one.identity_verified = not one.identity_verified
        save_as(self.admin, one, action=Action.BADGE_CHANGED)

    def hire(self, one: User, _other: User) -> None:
        one.is_staff, one.role = not one.is_staff, Role.BRAND if one.is_staff else Role.STAFF
        save_as(self.admin, one, action=Action.STAFF_CHANGED)

    def block(self, one: User, other: User) -> None:
        relationships.block(one, other.username)

    def unblock(self, one: User, other: User) -> None:
        relationships.unblock(one, other.username)

    def ask(self, one: User, other: User) -> None:
        if not Connection.objects.between(one.pk, other.pk).exists():
            self.made.add("connection", make_connection(one, other))

    def answer(self, _one: User, _other: User) -> None:
        if connection := self._some(Connection):
            answer_connection(connection.receiver, connection.pk, status=self.chance.choice(["accepted", "rejected"]))

    def part(self, _one: User, _other: User) -> None:
        if connection := self._some(Connection):
            delete_connection(connection.sender, connection.pk)

    def post(self, one: User, _other: User) -> None:
        self.made.add("story", make_story(one, audience=self.chance.choice(["public", "connections"])))

    def narrow(self, _one: User, _other: User) -> None:
        if story := self._some(Story):
            update_story(story.author, story.pk, audience=self.chance.choice(["public", "connections"]))

    def take_down(self, _one: User, _other: User) -> None:
        if story := self._some(Story):
            (restore_story if story.removed_at else remove_story)(self.admin, story.pk)

    def delete(self, _one: User, _other: User) -> None:
        if story := self._some(Story):
            delete_story(story.author, story.pk)

    def delete_evidence(self, _one: User, _other: User) -> None:
        if story := self._some(Story):
            hold_story(self.admin, story.pk)
            delete_story(story.author, story.pk)

    def host(self, one: User, _other: User) -> None:
        self.made.add("event", make_event(one))

    def close(self, _one: User, _other: User) -> None:
        if event := self._some(Event):
            (restore_event if event.removed_at else remove_event)(self.admin, event.pk)

    def call_off(self, _one: User, _other: User) -> None:
        if event := self._some(Event):
            delete_event(event.host, event.pk)

    def say(self, one: User, other: User) -> None:
        self.made.add("message", make_message(one, other))

    def silence(self, _one: User, _other: User) -> None:
        remove_message(self.admin, self.made.made["message"][0].pk)

    def leave(self, _one: User, _other: User) -> None:
        if membership := self._some(Membership):
            delete_as(membership.user, membership, action=Action.ROOM_OPENED)

    def notify(self, one: User, other: User) -> None:
        self.made.add("notification", add_notification(one, self.chance.choice([None, other, self._some(Connection)])))

    def read(self, one: User, _other: User) -> None:
        mark_all_read(one)

    def follow(self, one: User, other: User) -> None:
        relationships.follow(one, other.username)

    def unfollow(self, one: User, other: User) -> None:
        relationships.unfollow(one, other.username)


ACTIONS = [name for name in vars(Life) if not name.startswith("_") and name != "live"]
type Answers = dict[tuple[int, str], tuple[dict[int, Any], ...]]


def all_answers(viewers: list[User], numbers: dict[str, list[int]], at: datetime | None = None) -> Answers:
    """Of each viewer and every kind that is there: what they see of it, what is listed to them, and their
    notifications."""
    return {
        (viewer.pk, kind): (
            evaluate_checks(viewer.pk, kind, of_kind, at=at),
            evaluate_listing(viewer.pk, kind, of_kind, at=at) if TARGETS[kind].listing else {},
            delivery_of(viewer, kind, of_kind, at=at),
        )
        for viewer in viewers
        for kind, of_kind in numbers.items()
        if of_kind
    }


def differences(one: Answers, other: Answers) -> list[Any]:
    return [
        (question, number, verdict, other[question][place].get(number))
        for question, answers in one.items()
        for place, verdicts in enumerate(answers)
        for number, verdict in verdicts.items()
        if verdict != other[question][place].get(number)
    ]


def numbers_of(made: Situation) -> dict[str, list[int]]:
    return {kind: [number for of, number in made.targets if of == kind] for kind in TARGETS}


@pytest.mark.timeout(120 + 60 * LIVES)
@settings(
    max_examples=LIVES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(situations(), st.lists(st.sampled_from(ACTIONS), min_size=5, max_size=5), st.randoms(use_true_random=False))
def test_explanations_of_earlier_times_equal_those_given_then(
    plan: dict[str, Any], actions: list[str], chance: Any
) -> None:
    with transaction.atomic(), time_machine.travel(timezone.now() - BEGIN, tick=False) as clock:
        made = build(plan)
        life, viewers = Life(made, chance), chance.sample(made.people, 2)
        answers: dict[datetime, tuple[dict[str, list[int]], Answers]] = {}
        for action in actions:
            clock.shift(timedelta(hours=3))
            life.live(action)
            # At the very instant, and a while later: times run out meanwhile.
            for _moment in range(2):
                numbers = numbers_of(made)
                answers[timezone.now()] = numbers, all_answers(viewers, numbers)
                clock.shift(timedelta(hours=2))
        clock.shift(timedelta(days=30))
        last = numbers_of(made)
        for time, (numbers, said) in answers.items():
            assert differences(all_answers(viewers, numbers, time), said) == [], (time, actions)
            later = {kind: [number for number in last[kind] if number not in numbers[kind]] for kind in last}
            for kind, of_kind in later.items():
                seen = evaluate_checks(viewers[0].pk, kind, of_kind, at=time) if of_kind else {}
                assert all(("exists", False) in verdict for verdict in seen.values())
        transaction.set_rollback(True)
