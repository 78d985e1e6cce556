"""What the ladder tells: the rows, versions and people behind each answer, and what else there is to know."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from apps.audit.history import delete_as, save_as
from apps.chat.models import Message
from apps.errors import Absent, Invalid
from apps.stories.models import Story
from apps.support.ladder import MADE, ladder
from apps.users.models import Block, User
from apps.visibility import Past
from tests import people
from tests.things import make_connection, make_message, make_story

pytestmark = pytest.mark.django_db


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


def test_of_what_is_seen_it_says_whether_it_is_listed() -> None:
    alice, bob = people.alice(), people.bob()
    fresh, old = make_story(bob), make_story(bob, hours_old=30)
    assert "The feed shows it to them, too." in _remarks(alice, "story", fresh.pk)
    assert "The feed does not show it to them: its 24 hours are over." in _remarks(bob, "story", old.pk)
    assert "The directory shows it to them, too." in _remarks(alice, "profile", bob.pk)
    save_as(alice, Block(blocker=alice, blocked=bob), reason="blocked")
    assert "The directory does not show it to them: a block stands between the two." in _remarks(
        alice, "profile", bob.pk
    )


def _remarks(viewer: User, kind: str, thing_id: int) -> list[str]:
    return [fact.sentence for fact in ladder(viewer.pk, kind, thing_id).remarks]


def test_of_two_versions_of_one_instant_the_later_one_counts() -> None:
    with time_machine.travel(timezone.now() - timedelta(days=1), tick=False):
        alice, then = people.alice(), timezone.now()
        story = make_story(alice)
        for caption in ("first", "second"):
            story.caption = caption
            save_as(alice, story, reason=caption)
    assert [row.caption for row in Past(then, MADE).of(Story)] == ["second"]


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
    with django_assert_max_num_queries(20):
        ladder(alice.pk, "story", story.pk)
    with django_assert_max_num_queries(20):
        ladder(alice.pk, "message", message.pk)
