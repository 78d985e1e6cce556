"""The ladder says what the API does: over many drawn situations, now and at every earlier time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.audit.history import delete_as, save_as
from apps.chat.models import Message
from apps.connections.models import Connection
from apps.errors import Absent, Invalid
from apps.events.models import Event
from apps.stories.models import Story
from apps.support.ladder import THINGS, judge, ladder
from apps.users.models import Block, User
from tests import people
from tests.client import api
from tests.things import make_connection, make_event, make_message, make_notification, make_story

pytestmark = pytest.mark.django_db
drawn = settings(
    max_examples=14, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
NAMES = ("ada", "ben", "cleo", "dan")
PAIRS = list(combinations(range(len(NAMES)), 2))
LATER = timedelta(days=400)


@dataclass
class Situation:
    """People and what they made, with the ids to ask about."""

    people: list[User] = field(default_factory=list)
    things: list[tuple[str, int]] = field(default_factory=list)

    def pairs(self) -> Iterator[tuple[User, str, int]]:
        for viewer in self.people:
            for kind, thing_id in self.things:
                yield viewer, kind, thing_id


@st.composite
def situations(draw: st.DrawFn) -> dict[str, Any]:
    odd = st.sampled_from(["", "", "", "off", "suspended", "was_suspended", "unverified"])
    person = st.integers(0, len(NAMES) - 1)
    return {
        "people": draw(st.tuples(*[odd] * len(NAMES))),
        "blocks": draw(st.sets(st.tuples(person, person).filter(lambda pair: pair[0] != pair[1]), max_size=2)),
        "connections": draw(
            st.dictionaries(st.sampled_from(PAIRS), st.sampled_from(["pending", "accepted", "rejected"]), max_size=4)
        ),
        "stories": draw(
            st.lists(
                st.tuples(
                    person,
                    st.sampled_from(["public", "connections"]),
                    st.sampled_from(["", "", "expired", "removed", "deleted"]),
                ),
                max_size=4,
            )
        ),
        "events": draw(st.lists(st.tuples(person, st.booleans()), max_size=2)),
        "messages": draw(st.sets(st.sampled_from(PAIRS), max_size=2)),
    }


def build(plan: dict[str, Any]) -> Situation:
    now = timezone.now()
    made = Situation()
    for name, odd in zip(NAMES, plan["people"], strict=True):
        person = people.make_user(name, verified=odd != "unverified")
        person.is_active = odd != "off"
        if odd.endswith("suspended"):
            person.suspended_until = now + timedelta(days=1 if odd == "suspended" else -1)
        made.people.append(save_as(person, person, reason="set up"))
    for one, other in plan["connections"]:
        status = plan["connections"][one, other]
        answered = None if status == "pending" else now
        row = make_connection(made.people[one], made.people[other], status=status, responded_at=answered)
        made.things.append(("connection", row.pk))
    for author, audience, fate in plan["stories"]:
        story = make_story(made.people[author], audience=audience, hours_old=30 if fate == "expired" else 1)
        if fate in ("removed", "deleted"):
            setattr(story, f"{fate}_at", now)
            save_as(None, story, reason=fate)
        made.things.append(("story", story.pk))
    for host, is_removed in plan["events"]:
        event = make_event(made.people[host], removed_at=now if is_removed else None)
        made.things.append(("event", event.pk))
    for one, other in plan["messages"]:
        made.things.append(("message", make_message(made.people[one], made.people[other]).pk))
    made.things += [("notification", make_notification(person).pk) for person in made.people[:2]]
    made.things += [("profile", person.pk) for person in made.people]
    made.things.append(("story", 10**9))
    for blocker, blocked in plan["blocks"]:
        row = Block(blocker=made.people[blocker], blocked=made.people[blocked])
        save_as(row.blocker, row, reason="blocked")
    return made


class Eyes:
    """What the API shows one person."""

    def __init__(self, viewer: User) -> None:
        self.app = api(viewer)
        self.lists: dict[str, set[int]] = {}

    def see(self, kind: str, thing_id: int) -> bool:
        if kind == "profile":
            name = User.objects.get(pk=thing_id).username
            return bool(self.app.get(f"/users/profile/{name}").status_code == 200)
        if kind in ("story", "event"):
            path = {"story": "stories", "event": "events"}[kind]
            return bool(self.app.get(f"/{path}/{thing_id}").status_code == 200)
        path = {"connection": "connections", "message": "chat", "notification": "notifications"}[kind]
        if kind not in self.lists:
            answer = self.app.get(f"/{path}", page_size=100)
            rows = answer.json()["results"] if answer.status_code == 200 else []
            self.lists[kind] = {row["id"] for row in rows}
        return thing_id in self.lists[kind]


def sees(viewer: User, kind: str, thing_id: int, at: datetime | None = None) -> bool:
    return all(passed for _code, passed in judge(viewer.pk, kind, thing_id, at=at))


@drawn
@given(situations())
def test_it_says_what_the_api_does(plan: dict[str, Any]) -> None:
    with transaction.atomic():
        made = build(plan)
        eyes = {viewer.pk: Eyes(viewer) for viewer in made.people}
        for viewer, kind, thing_id in made.pairs():
            told = judge(viewer.pk, kind, thing_id)
            assert all(passed for _code, passed in told) == eyes[viewer.pk].see(kind, thing_id), (viewer, kind, told)
        transaction.set_rollback(True)


def _mend(code: str, viewer: User, kind: str, thing_id: int) -> bool:
    """Do what the failed check asks for, where somebody can."""
    row: Any = THINGS[kind].model._default_manager.filter(pk=thing_id).first()
    owner = getattr(row, "author", None) or getattr(row, "host", None) or row
    changes: dict[str, tuple[Any, str, Any]] = {
        "signed_in": (viewer, "is_active", True),
        "standing": (viewer, "suspended_until", None),
        "verified": (viewer, "identity_verified", True),
        "kept": (row, "removed_at", None),
        "kept_by_author": (row, "deleted_at", None),
        "lasting": (row, "expires_at", timezone.now() + timedelta(hours=1)),
        "audience": (row, "audience", "public"),
        "active": (owner, "is_active", True),
    }
    if code == "unblocked":
        for block in Block.objects.all():
            delete_as(None, block, reason="mended")
        return True
    if code not in changes:
        return False
    changed, name, value = changes[code]
    changed.refresh_from_db()
    setattr(changed, name, value)
    save_as(None, changed, reason="mended")
    return True


@drawn
@given(situations())
def test_what_failed_first_once_mended_changes_the_answer(plan: dict[str, Any]) -> None:
    with transaction.atomic():
        made = build(plan)
        for viewer, kind, thing_id in list(made.pairs())[::5]:
            before = judge(viewer.pk, kind, thing_id)
            failed = [code for code, passed in before if passed is False]
            if not failed or not _mend(failed[0], viewer, kind, thing_id):
                continue
            after = [code for code, passed in judge(viewer.pk, kind, thing_id) if passed is False]
            assert failed[0] not in after
            assert sees(viewer, kind, thing_id) == (not after) == Eyes(viewer).see(kind, thing_id)
        transaction.set_rollback(True)


@settings(drawn, max_examples=6)
@given(situations(), st.lists(st.integers(0, 9), min_size=3, max_size=4), st.randoms(use_true_random=False))
def test_of_an_earlier_time_it_says_what_it_said_then(plan: dict[str, Any], deeds: list[int], chance: Any) -> None:
    begin = timezone.now() - LATER
    with transaction.atomic(), time_machine.travel(begin, tick=False) as clock:
        made = build(plan)
        told: dict[datetime, list[Any]] = {}
        for deed in deeds:
            clock.shift(timedelta(hours=3))
            _happen(deed, made, chance)
            clock.shift(timedelta(hours=3))
            told[timezone.now()] = [judge(*_ids(pair)) for pair in made.pairs()]
        clock.shift(timedelta(days=30))
        for time, said in told.items():
            assert [judge(*_ids(pair), at=time) for pair in made.pairs()] == said
        transaction.set_rollback(True)


def _ids(pair: tuple[User, str, int]) -> tuple[int, str, int]:
    viewer, kind, thing_id = pair
    return viewer.pk, kind, thing_id


def _happen(deed: int, made: Situation, chance: Any) -> None:
    """Something that changes what is seen."""
    person, other = chance.sample(made.people, 2)
    person.refresh_from_db()
    story, event = Story.objects.order_by("?").first(), Event.objects.order_by("?").first()
    connection = Connection.objects.first()
    if deed == 0:
        person.is_active = not person.is_active
        save_as(None, person, reason="switched")
    elif deed == 1:
        person.suspended_until = timezone.now() + timedelta(hours=5)
        save_as(None, person, reason="suspended")
    elif deed == 2:
        person.identity_verified = not person.identity_verified
        save_as(None, person, reason="verified")
    elif deed == 3 and not Block.objects.filter(blocker=person, blocked=other).exists():
        save_as(person, Block(blocker=person, blocked=other), reason="blocked")
    elif deed == 4 and (block := Block.objects.first()):
        delete_as(None, block, reason="unblocked")
    elif deed == 5 and story:
        story.removed_at = None if story.removed_at else timezone.now()
        save_as(None, story, reason="removed or restored")
    elif deed == 6 and story:
        story.audience = "public" if story.audience == "connections" else "connections"
        save_as(None, story, reason="changed")
    elif deed == 7 and event:
        event.removed_at = None if event.removed_at else timezone.now()
        save_as(None, event, reason="removed or restored")
    elif deed == 8 and connection:
        delete_as(None, connection, reason="parted")
    elif deed == 9 and connection and connection.status == "pending":
        connection.answer("accepted")
        save_as(None, connection, reason="accepted")


def test_it_names_the_rows_and_versions_behind_the_answer() -> None:
    alice, bob, community = people.alice(), people.bob(), people.community()
    story = make_story(bob)
    save_as(bob, Block(blocker=bob, blocked=alice), reason="blocked")
    story.remove(community, "spam")
    save_as(community, story, reason="spam")
    told = ladder(alice.pk, "story", story.pk)
    assert not told.visible
    assert told.failed
    assert told.failed.code == "kept"
    assert str(told.sentence).endswith("staff removed it.")
    [removal] = told.failed.facts
    assert "community" in removal.sentence
    assert "spam" in removal.sentence
    assert removal.version.history_user == community
    assert "Community Manager" in told.failed.mended_by
    blocked = next(answer for answer in told.answers if answer.code == "unblocked")
    assert blocked.passed is False
    assert "bob blocked alice" in blocked.facts[0].sentence
    assert ladder(bob.pk, "story", story.pk).visible


def test_of_what_is_gone_it_says_who_deleted_it() -> None:
    alice, bob = people.alice(), people.bob()
    connection = make_connection(alice, bob)
    number = connection.pk
    delete_as(bob, connection, reason="parted")
    told = ladder(alice.pk, "connection", number)
    assert told.failed
    assert told.failed.code == "exists"
    assert "bob" in told.failed.facts[0].sentence
    assert [answer.passed for answer in told.answers[-2:]] == [None, None]


def test_a_removed_message_keeps_its_place() -> None:
    alice, bob = people.alice(), people.bob()
    message = make_message(alice, bob)
    Message.objects.filter(pk=message.pk).update(removed_at=timezone.now())
    told = ladder(bob.pk, "message", message.pk)
    assert told.visible
    assert "without its text" in told.remarks[0].sentence


def test_there_is_no_ladder_to_the_future_nor_for_nobody() -> None:
    alice = people.alice()
    story = make_story(alice)
    with pytest.raises(Invalid):
        ladder(alice.pk, "story", story.pk, at=timezone.now() + timedelta(minutes=1))
    with pytest.raises(Invalid):
        ladder(alice.pk, "document", 1)
    with pytest.raises(Absent):
        ladder(10**9, "story", story.pk)
    with pytest.raises(Absent):
        ladder(alice.pk, "story", story.pk, at=timezone.now() - timedelta(days=1))


def test_it_costs_a_fixed_number_of_queries(django_assert_max_num_queries: Any) -> None:
    alice, bob = people.alice(), people.bob()
    story, message = make_story(bob), make_message(alice, bob)
    with django_assert_max_num_queries(18):
        ladder(alice.pk, "story", story.pk)
    with django_assert_max_num_queries(18):
        ladder(alice.pk, "message", message.pk)
