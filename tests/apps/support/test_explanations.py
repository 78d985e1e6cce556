"""Explanations of visibility: the rows, versions and actors behind each check, and the remarks."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from apps.audit.actions import Action
from apps.audit.history import delete_as, save_as
from apps.chat.models import Message
from apps.connections.services import answer_connection, request_connection
from apps.errors import Absent, Invalid
from apps.events.participation import invite_to_event, join_event
from apps.events.services import cancel_event
from apps.notifications.models import Notification
from apps.notifications.services import mark_read
from apps.stories.models import Story
from apps.support.check_texts import FIXABLE
from apps.support.explain_visibility import ExplainedCheck, explain
from apps.support.targets import CREATED_AT, TARGETS
from apps.users.accounts.relationships import follow
from apps.users.models import Block, User
from apps.visibility.snapshot import LIVE, AsOf
from tests import people
from tests.factories import make_connection, make_event, make_message, make_story

pytestmark = pytest.mark.django_db


def test_explanations_name_their_rows_and_versions() -> None:
    alice, bob, community = people.alice(), people.bob(), people.community()
    story = make_story(bob)
    save_as(bob, Block(blocker=bob, blocked=alice), action=Action.BLOCKED)
    story.remove(community, "spam")
    save_as(community, story, action=Action.STORY_REMOVED, note="spam")
    explanation = explain(alice.pk, "story", story.pk)
    assert not explanation.visible
    assert explanation.failed
    assert explanation.failed.code == "kept"
    assert str(explanation.sentence).endswith("staff removed it.")
    [removal] = explanation.failed.evidence
    assert "community" in removal.sentence
    assert "spam" in removal.sentence
    assert removal.version.history_user == community
    assert explanation.failed.fixable_by == "Can be fixed by: Community Manager, by restoring it."
    blocked = next(answer for answer in explanation.checks if answer.code == "unblocked")
    assert blocked.passed is False
    assert "bob blocked alice" in blocked.evidence[0].sentence
    assert explain(bob.pk, "story", story.pk).visible


def test_explanations_name_the_deleter_of_a_target() -> None:
    alice, bob = people.alice(), people.bob()
    connection = make_connection(alice, bob)
    number = connection.pk
    delete_as(bob, connection, action=Action.CONNECTION_DELETED)
    explanation = explain(alice.pk, "connection", number)
    assert explanation.failed
    assert explanation.failed.code == "exists"
    assert "bob" in explanation.failed.evidence[0].sentence
    assert [answer.passed for answer in explanation.checks if answer.code in ("direction", "unblocked")] == [None, None]


def test_a_removed_message_keeps_its_place() -> None:
    alice, bob = people.alice(), people.bob()
    message = make_message(alice, bob)
    Message.objects.filter(pk=message.pk).update(removed_at=timezone.now())
    explanation = explain(bob.pk, "message", message.pk)
    assert explanation.visible
    assert "without its text" in explanation.remarks[0].sentence


def test_explanations_cover_listing_of_visible_targets() -> None:
    alice, bob, community = people.alice(), people.bob(), people.community()
    fresh, old = make_story(bob), make_story(bob, hours_old=30)
    assert _check(alice, "story", fresh.pk, "listed").passed
    left_out = _check(bob, "story", old.pk, "listed")
    assert (left_out.passed, left_out.evidence[0].sentence) == (False, "Not shown in the feed: its 24 hours are over.")
    unseen = _check(alice, "story", old.pk, "listed")
    assert (unseen.passed, unseen.applies) == (None, False)
    fresh.remove(community, "spam")
    save_as(community, fresh, action=Action.STORY_REMOVED, note="spam")
    assert "Community Manager" in _check(bob, "story", fresh.pk, "listed").fixable_by
    assert _check(alice, "profile", bob.pk, "listed").passed
    save_as(alice, Block(blocker=alice, blocked=bob), action=Action.BLOCKED)
    assert "one of the two blocked the other" in _check(alice, "profile", bob.pk, "listed").evidence[0].sentence


def test_failing_checks_name_their_fix() -> None:
    viewer = people.alice()
    codes = {"exists", "notified", "delivered"}
    for target in TARGETS.values():
        codes |= {check.code for check in target.account_checks}
        for policy in filter(None, (target.policy, target.listing)):
            codes |= {check.code for check in policy(viewer, LIVE).checks}
    assert codes == FIXABLE.keys()
    for sentence in map(str, FIXABLE.values()):
        assert re.fullmatch(r"(Can be fixed by: .+, by .+|Cannot be fixed: .+)\.", sentence), sentence


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"is_active": False}, "Can be fixed by: a superuser, by activating the account."),
        (
            {"identity_verified": False},
            "Can be fixed by: Compliance Officer, by approving an identity document. The user has to submit one first.",
        ),
    ],
)
def test_an_account_that_is_barred_says_who_can_fix_it(changed: dict[str, bool], sentence: str) -> None:
    alice, bob = people.alice(), people.bob()
    message = make_message(alice, bob)
    User.objects.filter(pk=bob.pk).update(**changed)
    failed = explain(bob.pk, "message", message.pk).failed
    assert failed
    assert failed.fixable_by == sentence


def _check(viewer: User, kind: str, target_id: int, code: str, at: datetime | None = None) -> ExplainedCheck:
    [answer] = [answer for answer in explain(viewer.pk, kind, target_id, at=at).checks if answer.code == code]
    return answer


def test_explanations_cover_notification_and_delivery() -> None:
    alice, bob = people.alice(), people.bob()
    before = timezone.now()
    connection = request_connection(alice, bob.pk)
    notified, reached = (_check(bob, "connection", connection.pk, code) for code in ("notified", "delivered"))
    [sent] = Notification.objects.filter(recipient=bob)
    assert (notified.passed, notified.evidence[0].row, reached.passed) == (True, sent, False)
    assert reached.fixable_by == "Can be fixed by: the user, by opening their notifications in the app."
    assert _check(alice, "connection", connection.pk, "notified").passed is None  # till it is accepted
    asked = timezone.now()
    mark_read(bob, sent.pk)
    assert _check(bob, "connection", connection.pk, "delivered").passed
    assert _check(bob, "connection", connection.pk, "delivered", asked).passed is False
    with pytest.raises(Absent):
        explain(bob.pk, "connection", connection.pk, at=before - timedelta(days=1))
    answer_connection(bob, connection.pk, status="accepted")
    assert _check(alice, "connection", connection.pk, "notified").passed
    assert _check(alice, "connection", connection.pk, "notified", asked).passed is None


def test_missing_notifications_name_their_change() -> None:
    alice, bob = people.alice(), people.bob()
    connection = make_connection(alice, bob)
    missing = _check(bob, "connection", connection.pk, "notified")
    assert (missing.passed, missing.evidence[0].row) == (False, connection)
    assert missing.fixable_by.startswith("Cannot be fixed: notifications are sent once")
    assert _check(bob, "connection", connection.pk, "delivered").passed is None
    answer_connection(bob, connection.pk, status="accepted")
    Notification.objects.all().delete()
    [_said, accepted] = _check(alice, "connection", connection.pk, "notified").evidence
    assert accepted.version.history_user == bob
    assert explain(bob.pk, "connection", connection.pk).visible  # a user who was not notified may see it all the same


def test_all_notification_kinds_have_a_check() -> None:
    alice, bob, dora = people.alice(), people.bob(), people.make_user("dora")
    event = make_event(alice, in_hours=72)
    assert _check(bob, "event", event.pk, "notified").passed is None
    make_connection(alice, bob, status="accepted", responded_at=timezone.now())
    invite_to_event(alice, event.pk, bob.pk)
    assert _check(bob, "event", event.pk, "notified").passed
    join_event(dora, event.pk, status="going")
    assert _check(alice, "event", event.pk, "notified").passed
    assert _check(dora, "event", event.pk, "notified").passed is None
    cancel_event(alice, event.pk)
    assert _check(dora, "event", event.pk, "notified").passed
    Notification.objects.filter(kind="event_cancelled", recipient=bob).delete()
    assert _check(bob, "event", event.pk, "notified").passed is False
    follow(bob, "dora")
    assert _check(dora, "profile", bob.pk, "notified").passed
    message = make_message(alice, bob)
    assert _check(bob, "message", message.pk, "notified").passed is None
    own = Notification.objects.filter(recipient=dora).first()
    assert own
    answers = {answer.code: answer for answer in explain(dora.pk, "notification", own.pk).checks}
    assert (answers["exists"].decides, answers["exists"].passed) == (True, True)
    assert (answers["delivered"].decides, answers["delivered"].passed) == (False, False)
    assert "notified" not in answers


def test_the_later_of_two_simultaneous_versions_counts() -> None:
    with time_machine.travel(timezone.now() - timedelta(days=1), tick=False):
        alice, then = people.alice(), timezone.now()
        story = make_story(alice)
        for caption in ("first", "second"):
            story.caption = caption
            save_as(alice, story, action=Action.RECORDED, note=caption)
    assert [row.caption for row in AsOf(then, CREATED_AT).of(Story)] == ["second"]


def test_explanations_reject_future_times_and_unknown_users() -> None:
    alice = people.alice()
    story = make_story(alice)
    with pytest.raises(Invalid):
        explain(alice.pk, "story", story.pk, at=timezone.now() + timedelta(minutes=1))
    with pytest.raises(Invalid):
        explain(alice.pk, "document", 1)
    with pytest.raises(Absent):
        explain(10**9, "story", story.pk)
    with pytest.raises(Absent):
        explain(alice.pk, "story", story.pk, at=timezone.now() - timedelta(days=1))


def test_explanations_cost_a_fixed_number_of_queries(django_assert_max_num_queries: Any) -> None:
    alice, bob = people.alice(), people.bob()
    story, message = make_story(bob), make_message(alice, bob)
    with django_assert_max_num_queries(24):
        explain(alice.pk, "story", story.pk)
    with django_assert_max_num_queries(24):
        explain(alice.pk, "message", message.pk)
