"""Several decisions about one author or one content: what remains in force when some are undone."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.utils import timezone

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.chat.services import remove_message
from apps.errors import Conflict
from apps.events.services import delete_event, edit_event, remove_event
from apps.moderation.appeals import appeal, rule_on_appeal
from apps.moderation.cases import resolve_case
from apps.moderation.models import Case, Strike
from apps.moderation.reporting import report, resolve_report
from apps.notifications.models import Kind, Notification
from apps.review.decisions.models import Decision
from apps.review.decisions.services import undo, undo_batch
from apps.stories.models import Story
from apps.stories.services import remove_story, restore_story
from apps.users.accounts.suspensions import suspend_user
from apps.users.models import Suspension, User
from tests.factories import make_event, make_message, make_story
from tests.jobs import run_jobs
from tests.people import admin, alice, bob, community, make_staff, make_user


def resolve(boss: User, author: User, target: Any, **given: Any) -> Decision:
    """Resolve one more case about content of the author."""
    kind = type(target)._meta.model_name
    case = Case.objects.create(kind=kind, target_id=target.pk, author=author)
    resolve_case(boss, case.pk, **given)
    return Decision.objects.get(verb="case.settled", target_id=case.pk)


@pytest.mark.django_db
class TestOverlappingDecisions:
    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)], ids=str)
    def test_the_longest_active_suspension_counts_in_any_order(self, order: tuple[int, ...]) -> None:
        author, officers, now = alice(), [admin(), community()], timezone.now()
        days = [30, 7, 14]
        decisions = [
            resolve(
                officers[number % 2], author, make_event(author), outcomes=["suspended"], until=now + timedelta(days=n)
            )
            for number, n in enumerate(days)
        ]
        in_force = dict(enumerate(days))
        for place in order:
            author.refresh_from_db()
            assert author.suspended_until == now + timedelta(days=max(in_force.values()))
            undo(officers[place % 2], decisions[place].pk)
            del in_force[place]
        author.refresh_from_db()
        assert (author.is_suspended, author.suspended_until) == (False, None)

    def test_a_suspension_by_hand_is_one_of_them_and_lifting_by_hand_ends_all(self) -> None:
        author, boss, now = alice(), admin(), timezone.now()
        decision = resolve(boss, author, make_event(author), outcomes=["suspended"], until=now + timedelta(days=30))
        suspend_user(boss, author.pk, until=now + timedelta(days=3))
        author.refresh_from_db()
        assert author.suspended_until == now + timedelta(days=30)
        undo(boss, decision.pk)
        author.refresh_from_db()
        assert author.suspended_until == now + timedelta(days=3)
        resolve(boss, author, make_event(author), outcomes=["suspended"])
        assert suspend_user(boss, author.pk, until=now).suspended_until is None

    def test_a_batch_and_an_appeal_leave_the_others(self) -> None:
        author, boss, now, batch = alice(), admin(), timezone.now(), uuid4()
        longest = resolve(boss, author, make_event(author), outcomes=["suspended"], until=now + timedelta(days=60))
        for days in (90, 5):
            until = now + timedelta(days=days)
            resolve(boss, author, make_event(author), outcomes=["suspended"], until=until, batch=batch)
        assert len(undo_batch(boss, batch).done) == 2
        author.refresh_from_db()
        assert author.suspended_until == now + timedelta(days=60)
        short = resolve(boss, author, make_event(author), outcomes=["suspended"], until=now + timedelta(days=9))
        Decision.objects.update(told_at=now)
        made = appeal(author, longest.pk, text="Not so.")
        rule_on_appeal(community(), made.pk, overturn=True, text="Right.")
        author.refresh_from_db()
        assert author.suspended_until == now + timedelta(days=9)
        undo(boss, short.pk)
        author.refresh_from_db()
        assert author.suspended_until is None

    def test_the_author_reads_when_the_longest_ends(self) -> None:
        author, boss, now = alice(), admin(), timezone.now()
        resolve(boss, author, make_event(author), outcomes=["suspended"], until=now + timedelta(days=30))
        resolve(boss, author, make_event(author), outcomes=["suspended"], until=now + timedelta(days=7))
        run_jobs(later=timedelta(seconds=10))
        texts = Notification.objects.filter(recipient=author, kind=Kind.SUSPENDED).values_list("text", flat=True)
        assert len(set(texts)) == 1

    @pytest.mark.parametrize("first", ["table", "case"])
    @pytest.mark.parametrize("kind", ["story", "event", "message"])
    def test_content_removed_twice_stays_removed_until_both_are_undone(self, kind: str, first: str) -> None:
        author, boss = alice(), admin()
        make, remove = {
            "story": (make_story, remove_story),
            "event": (make_event, remove_event),
            "message": (lambda one: make_message(one, bob()), remove_message),
        }[kind]
        target: Any = make(author)
        remove(boss, target.pk, reason="spam")
        table = Decision.objects.get()
        case = resolve(make_staff("second", is_superuser=True), author, target, outcomes=["removed"])
        for place, decision in enumerate([table, case] if first == "table" else [case, table]):
            undo(boss, decision.pk)
            target.refresh_from_db()
            assert (target.removed_at is None) == (place == 1)

    def test_a_restoration_by_hand_outlasts_the_undoing_of_what_it_restored(self) -> None:
        author, boss = alice(), admin()
        story = make_story(author)
        remove_story(boss, story.pk)
        case = resolve(boss, author, story, outcomes=["removed"])
        restore_story(boss, story.pk)
        assert Story.objects.get().removed_at is None
        undo(boss, case.pk)
        assert Story.objects.get().removed_at is None

    def test_undoing_the_restoration_of_what_was_removed_without_a_decision_takes_it_down(self) -> None:
        author, boss = alice(), admin()
        story = make_story(author, removed_at=timezone.now(), removed_by=boss, removal_reason="of old")
        case = resolve(boss, author, story, outcomes=["removed"])
        undo(boss, case.pk)
        assert Story.objects.get().removed_at is not None
        restore_story(boss, story.pk)
        undo(boss, Decision.objects.latest("pk").pk)
        assert Story.objects.get().removal_reason == "of old"

    def test_text_of_an_undone_edit_is_not_restored(self) -> None:
        author, boss = alice(), admin()
        event = make_event(author, "Lauch Party")
        one = resolve(boss, author, event, outcomes=["edited"], edits={"title": "Launch Party"})
        two = resolve(boss, author, event, outcomes=["edited"], edits={"title": "A launch party"})
        edit_event(boss, event.pk, title="The launch")
        three = Decision.objects.latest("pk")
        titles = []
        for decision in (one, two, three):
            undo(boss, decision.pk)
            Case.objects.open().delete()  # one at a time is Reported again
            event.refresh_from_db()
            titles.append(event.title)
        assert titles == ["The launch", "The launch", "Lauch Party"]

    def test_deleted_content_is_not_edited(self) -> None:
        author, boss = alice(), admin()
        event = make_event(author)
        made = report(bob(), kind="event", target_id=event.pk, reason="spam")
        assert made.case is not None
        delete_event(author, event.pk)
        for resolve_it in (
            partial(resolve_case, boss, made.case.pk, outcomes=["edited"]),
            partial(resolve_case, boss, made.case.pk, outcomes=["edited", "warned"], edits={"title": "Tea"}),
            partial(resolve_report, boss, made.pk, outcome="edited"),
        ):
            with pytest.raises(Conflict, match="nothing left"):
                resolve_it()
        assert (Case.objects.get().status, Strike.objects.count()) == ("open", 0)
        assert resolve_case(boss, made.case.pk, outcomes=["suspended", "warned"]).status == "closed"


# --- From before to now ----------------------------------------------------------------------------------------------


def as_before(decision: Decision) -> Decision:
    """A decision as the release before writes it, while its last processes run on after `migrate`."""
    Suspension.objects.filter(decision=decision).delete()
    del decision.before["about"]
    del decision.before["reports"]
    decision.before["done"].pop("removed", None)
    decision.save(update_fields=["before"])
    return decision


@pytest.mark.django_db
class TestDecisionsOfTheReleaseBefore:
    def test_a_suspension_can_be_undone(self) -> None:
        author, boss, now = alice(), admin(), timezone.now()
        long, short = (
            as_before(resolve(boss, author, make_event(author), outcomes=["suspended"], until=until))
            for until in (now + timedelta(days=30), now + timedelta(days=7))
        )
        undo(boss, long.pk)
        author.refresh_from_db()
        assert author.suspended_until == now + timedelta(days=7)
        undo(boss, short.pk)
        author.refresh_from_db()
        assert author.suspended_until is None

    @pytest.mark.parametrize("kind", ["story", "event", "message"])
    def test_a_removal_can_be_undone(self, kind: str) -> None:
        author, boss = alice(), admin()
        make = {"story": make_story, "event": make_event, "message": lambda one: make_message(one, bob())}[kind]
        target: Any = make(author)
        first = as_before(resolve(boss, author, target, outcomes=["removed"]))
        second = as_before(resolve(boss, author, target, outcomes=["removed"]))
        undo(boss, first.pk)
        target.refresh_from_db()
        assert target.removed_at is not None
        resolve_case(boss, first.target_id, outcomes=["kept"])  # open, it would be Reported again
        undo(boss, second.pk)
        target.refresh_from_db()
        assert target.removed_at is None

    def test_reports_are_reopened_without_their_ids(self) -> None:
        author, boss = alice(), admin()
        made = report(bob(), kind="event", target_id=make_event(author).pk, reason="spam")
        resolve_report(boss, made.pk, outcome="warned")
        undo(boss, as_before(Decision.objects.get()).pk)
        made.refresh_from_db()
        assert (made.status, made.outcome) == ("open", None)

    def test_a_later_end_that_nothing_explains_is_not_shortened(self) -> None:
        author, boss, now = alice(), admin(), timezone.now()
        User.objects.filter(pk=author.pk).update(suspended_until=now + timedelta(days=30))
        assert suspend_user(boss, author.pk, until=now + timedelta(days=1)).suspended_until == now + timedelta(days=30)
        decision = resolve(boss, author, make_event(author), outcomes=["suspended"], until=now + timedelta(days=60))
        undo(boss, decision.pk)
        author.refresh_from_db()
        assert author.suspended_until == now + timedelta(days=30)
        assert suspend_user(boss, author.pk, until=now).suspended_until is None

    def test_suspensions_lifted_before_stay_lifted(self) -> None:
        author, boss, now = alice(), admin(), timezone.now()
        resolve(boss, author, make_event(author), outcomes=["suspended"], until=now + timedelta(days=60))
        as_before(resolve(boss, author, make_event(author), outcomes=["suspended"], until=now + timedelta(days=90)))
        User.objects.filter(pk=author.pk).update(suspended_until=None)
        suspend_user(boss, author.pk, until=now + timedelta(days=1))
        author.refresh_from_db()
        assert author.suspended_until == now + timedelta(days=1)

    def test_suspensions_undone_before_are_not_in_force(self) -> None:
        author, boss, now = alice(), admin(), timezone.now()
        long = resolve(boss, author, make_event(author), outcomes=["suspended"], until=now + timedelta(days=60))
        suspend_user(boss, author.pk, until=now + timedelta(days=3))
        Decision.objects.filter(pk=long.pk).update(undone_at=now, undone_by=boss)
        User.objects.filter(pk=author.pk).update(suspended_until=now + timedelta(days=3))
        assert suspend_user(boss, author.pk, until=now + timedelta(days=1)).suspended_until == now + timedelta(days=3)


def _migrate() -> None:
    migration = import_module("apps.moderation.migrations.0008_what_stands")
    migration.name_objects(apps, None)
    migration.write_suspensions_down(apps, None)


def _suspended_before(boss: User, person: User, *days: int, until: datetime | None) -> list[Decision]:
    """Decisions that suspended `person` for so many days, and the account, as the release before left both."""
    decisions = []
    for number in days:
        decision = resolve(boss, person, make_event(person), outcomes=["suspended"])
        del decision.before["about"]
        decision.before["done"]["suspended"]["after"] = (decision.made_at + timedelta(days=number)).isoformat()
        Decision.objects.filter(pk=decision.pk).update(before=decision.before)
        decisions.append(decision)
    Suspension.objects.filter(person=person).delete()
    person.suspended_until = until
    save_as(boss, person, action=Action.RECORDED)
    return decisions


@pytest.mark.django_db
def test_the_migration_frees_whom_an_undone_decision_left_suspended() -> None:
    boss, by_hand = admin(), timezone.now() + timedelta(days=2)
    stuck, kept, both = (make_user(name) for name in ("stuck", "by_hand", "both"))
    ends = [timezone.now() + timedelta(days=number) for number in (10, 20)]
    decisions = [_suspended_before(boss, one, 1, until=None)[0] for one in (stuck, both)]
    undo(boss, decisions[0].pk)
    Suspension.objects.filter(person=stuck).delete()
    for decision, one, until in zip(decisions, (stuck, both), ends, strict=True):
        decision.before["done"]["suspended"]["after"] = until.isoformat()
        Decision.objects.filter(pk=decision.pk).update(before=decision.before)
        User.objects.filter(pk=one.pk).update(suspended_until=until)
    User.objects.filter(pk=kept.pk).update(suspended_until=by_hand)
    _migrate()
    people = User.objects.in_bulk([stuck.pk, kept.pk, both.pk])
    assert [people[one.pk].suspended_until for one in (stuck, kept, both)] == [None, by_hand, ends[1]]
    assert {row.before["about"].partition(":")[0] for row in Decision.objects.all()} == {"events.event"}
    version = people[stuck.pk].history.first()
    assert (version.suspended_until, version.history_user) == (None, None)
    assert "undone" in version.history_change_reason
    save_as(boss, people[stuck.pk], action=Action.RECORDED)
    assert people[stuck.pk].history.first() == version
    undo(boss, decisions[1].pk)
    assert not User.objects.get(username="both").is_suspended


@pytest.mark.django_db
@pytest.mark.parametrize("end", [None, timedelta(days=-1)], ids=["lifted", "over"])
def test_whom_a_later_decision_freed_the_migration_leaves_free(end: timedelta | None) -> None:
    """The last word counted then, not the longest suspension."""
    boss, person = admin(), alice()
    _suspended_before(boss, person, 30, 7, until=end and timezone.now() + end)
    _migrate()
    assert not User.objects.get(pk=person.pk).is_suspended
    assert not person.suspensions.in_force().exists()
    day = timezone.now() + timedelta(days=1)
    assert suspend_user(boss, person.pk, until=day).suspended_until == day


@pytest.mark.django_db
def test_the_migration_makes_no_suspension_longer() -> None:
    boss, person = admin(), alice()
    until = timezone.now() + timedelta(days=3)
    _suspended_before(boss, person, 30, 2, until=until)
    versions = person.history.count()
    _migrate()
    _migrate()
    assert User.objects.get(pk=person.pk).suspended_until == until
    ends = [row.until for row in person.suspensions.in_force().order_by("-until")]
    assert (ends[0], len(ends)) == (until, 2)
    assert person.history.count() == versions
