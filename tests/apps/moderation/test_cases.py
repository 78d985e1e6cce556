"""Cases: what gathers in them, what they weigh, how they are settled and taken back."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.chat.services import remove_message
from apps.errors import Absent, Conflict, Invalid, Refused
from apps.events.services import delete_event, edit_event, remove_event
from apps.moderation import jobs
from apps.moderation.appeals import appeal, rule_on_appeal
from apps.moderation.cases import gather_strays, settle_case
from apps.moderation.models import Case, Report, Strike
from apps.moderation.priority import Record, lines_of, weigh_open
from apps.moderation.reporting import report, settle_report
from apps.moderation.strikes import recommend
from apps.notifications.models import Kind, Notification
from apps.review.claims import claim
from apps.review.decisions.models import Decision
from apps.review.decisions.services import undo, undo_batch
from apps.stories.models import Story
from apps.stories.services import remove_story, restore_story
from apps.users.accounts.services import suspend_user
from apps.users.models import Suspension, User
from tests.factories import make_case, make_event, make_message, make_report, make_story
from tests.jobs import run_jobs
from tests.people import admin, alice, bob, carol, community, make_staff, make_user
from tests.races import at_once, lost, won

HOLD = timedelta(seconds=10)


def kinds_told(user: User) -> list[str]:
    return list(Notification.objects.filter(recipient=user).order_by("id").values_list("kind", flat=True))


# --- Gathering and weighing -------------------------------------------------------------------------------------------


@pytest.mark.django_db
class TestGrouping:
    def test_reports_about_one_thing_gather_in_one_case(self) -> None:
        author = alice()
        event, other = make_event(author), make_event(author)
        case = make_case(bob(), "event", event)
        assert make_case(carol(), "event", event, "fraud") == case
        assert make_case(make_user("dora"), "event", other) != case
        assert (case.author, case.target_id, case.reports.count()) == (author, event.pk, 2)

    def test_a_report_after_closing_opens_a_new_case(self) -> None:
        event, reporter = make_event(alice()), bob()
        first = make_case(reporter, "event", event)
        settle_case(admin(), first.pk, outcomes=["kept"])
        second = make_case(reporter, "event", event)
        assert second != first
        assert list(Case.objects.order_by("id").values_list("status", flat=True)) == ["closed", "open"]

    def test_the_database_holds_one_open_case_a_target(self) -> None:
        case = make_case(bob(), "event", make_event(alice()))
        with pytest.raises(IntegrityError), transaction.atomic():
            Case.objects.create(kind=case.kind, target_id=case.target_id, author=case.author)

    def test_ungrouped_reports_are_grouped_into_cases(self) -> None:
        author = alice()
        event = make_event(author)
        stray = [make_report(person, "event", event, author) for person in (bob(), carol())]
        gather_strays()
        [case] = Case.objects.all()
        assert list(case.reports.order_by("id")) == stray

    def test_the_migration_gathers_open_reports_and_keeps_closed_ones_apart(self) -> None:
        author, boss = alice(), admin()
        event, now = make_event(author), timezone.now()
        closed = {"status": "closed", "outcome": "removed", "closed_at": now, "closed_by": boss}
        done = [make_report(person, "event", event, author, **closed) for person in (bob(), carol())]
        fresh = [make_report(make_user(f"person{number}"), "event", event, author) for number in range(2)]
        gather = import_module("apps.moderation.migrations.0004_gather_reports").gather
        gather(apps, None)
        gather(apps, None)
        for made in done + fresh:
            made.refresh_from_db()
        assert fresh[0].case == fresh[1].case
        assert [made.case.outcomes for made in done] == [["removed"], ["removed"]]
        assert Case.objects.count() == 3

    def test_the_weight_is_the_sum_of_its_lines(self) -> None:
        author, boss, liar, new = alice(), admin(), bob(), carol()
        for _number in range(4):
            settle_case(boss, make_case(liar, "event", make_event(author)).pk, outcomes=["kept"])
        event = make_event(author)
        make_case(liar, "event", event, "violence")
        case = make_case(new, "event", event, "fraud")
        case.refresh_from_db()
        lines = lines_of(case)
        assert [(line.report.reporter, line.gravity, line.record.trust, line.weight) for line in lines] == [
            (new, 40, 100, 40),
            (liar, 50, 50, 25),
        ]
        assert case.weight == 65
        assert "bob, 0 of 4 upheld, ×0.5 = 25" in lines[1].sentence
        assert "carol, no reports decided yet: 40" in lines[0].sentence

    def test_trust_rises_and_falls_with_the_record(self) -> None:
        records = [Record(0, 20), Record(0, 2), Record(), Record(2, 2), Record(20, 20)]
        assert [record.trust for record in records] == [16, 66, 100, 133, 183]

    def test_open_cases_follow_the_records_of_their_reporters(self) -> None:
        author, reporter = alice(), bob()
        waiting = make_case(reporter, "event", make_event(author), "harassment")
        settle_case(admin(), make_case(reporter, "event", make_event(author)).pk, outcomes=["warned"])
        weigh_open()
        waiting.refresh_from_db()
        assert waiting.weight == 36 == sum(line.weight for line in lines_of(waiting))


# --- Settling ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
class TestResolving:
    def test_several_outcomes_at_once(self) -> None:
        author, reporters, boss = alice(), [bob(), carol()], admin()
        story, until = make_story(author), timezone.now() + timedelta(days=3)
        [case] = {make_case(reporter, "story", story) for reporter in reporters}
        settled = settle_case(
            boss,
            case.pk,
            outcomes=["warned", "removed", "suspended"],
            reason="nudity",
            text="No nudity here.",
            until=until,
            version=1,
        )
        assert (settled.status, settled.outcomes, settled.closed_by) == (
            "closed",
            ["suspended", "removed", "warned"],
            boss,
        )
        story.refresh_from_db()
        author.refresh_from_db()
        assert story.removed_by == boss
        assert author.suspended_until == until
        assert set(Report.objects.values_list("status", "outcome", "closed_at")) == {
            ("closed", "suspended", settled.closed_at)
        }
        assert run_jobs(later=timedelta(seconds=9)) == 0
        assert not Notification.objects.exists()
        run_jobs(later=HOLD)
        assert kinds_told(author) == [Kind.SUSPENDED, Kind.CONTENT_REMOVED, Kind.WARNING]
        texts = Notification.objects.filter(recipient=author).values_list("text", flat=True)
        assert sum("No nudity here." in text for text in texts) == 1
        for reporter in reporters:
            assert kinds_told(reporter) == [Kind.REPORT_CLOSED]

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"outcomes": []}, "outcome"),
            ({"outcomes": ["burnt"]}, "outcome"),
            ({"outcomes": ["kept", "warned"]}, "outcome"),
            ({"outcomes": ["removed"], "edits": {"title": "Nicer"}}, "outcome"),
            ({"outcomes": ["edited"], "edits": {"location": "Moon"}}, "outcome"),
            ({"outcomes": ["kept"], "reason": "dislike"}, "reason"),
            ({"outcomes": ["warned"], "text": "x" * 801}, "text"),
            ({"outcomes": ["suspended"], "until": timezone.now()}, "until"),
        ],
    )
    def test_invalid_decisions_leave_the_case_open(self, given: dict[str, Any], field: str) -> None:
        case = make_case(bob(), "event", make_event(alice()))
        with pytest.raises(Invalid) as refusal:
            settle_case(admin(), case.pk, **given)
        assert refusal.value.field == field
        case.refresh_from_db()
        assert case.status == "open"
        assert not Decision.objects.exists()

    def test_resolving_needs_its_permission_and_that_of_each_action(self) -> None:
        case = make_case(bob(), "user", alice())
        with pytest.raises(Refused, match="Can settle report"):
            settle_case(make_staff("clerk"), case.pk, outcomes=["kept"])
        helper = make_staff("helper")
        helper.user_permissions.add(Permission.objects.get(codename="settle_report"))
        with pytest.raises(Refused, match="Can suspend user"):
            settle_case(helper, case.pk, outcomes=["warned", "suspended"])
        assert not Strike.objects.exists()
        with pytest.raises(Absent):
            settle_case(admin(), 10**9, outcomes=["kept"])

    def test_an_old_version_or_a_second_decision_is_refused_with_who_and_when(self) -> None:
        case, boss = make_case(bob(), "event", make_event(alice())), admin()
        with pytest.raises(Conflict, match="changed since you opened it"):
            settle_case(boss, case.pk, outcomes=["kept"], version=2)
        settle_case(boss, case.pk, outcomes=["kept"], version=1)
        with pytest.raises(Conflict, match="Kept by admin at") as refusal:
            settle_case(boss, case.pk, outcomes=["warned"])
        assert refusal.value.code == "already-decided"

    def test_claimed_cases_are_resolved_by_their_claim_holder_alone(self) -> None:
        case, boss, other = make_case(bob(), "event", make_event(alice())), admin(), community()
        claim(other, Case, case.pk)
        with pytest.raises(Conflict, match="Claimed by community"):
            settle_case(boss, case.pk, outcomes=["kept"])
        assert settle_case(other, case.pk, outcomes=["kept"]).claim_holder() is None

    def test_edited_texts_are_saved_and_notified(self) -> None:
        author, boss = alice(), admin()
        event = make_event(author, "Rude party")
        case = make_case(bob(), "event", event)
        settle_case(boss, case.pk, outcomes=["edited"], edits={"title": "Party"}, text="Please be polite.")
        event.refresh_from_db()
        assert event.title == "Party"
        run_jobs(later=HOLD)
        assert kinds_told(author) == [Kind.CONTENT_EDITED]
        undo(boss, Decision.objects.get().pk)
        event.refresh_from_db()
        assert event.title == "Rude party"


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_twenty_reports_make_one_case(self) -> None:
        event = make_event(alice())
        people = [make_user(f"person{number}") for number in range(20)]
        assert len(won(at_once([partial(make_case, person, "event", event) for person in people]))) == 20
        [case] = Case.objects.all()
        assert case.reports.count() == 20
        weigh_open()
        case.refresh_from_db()
        assert case.weight == 200

    def test_exactly_one_of_twenty_resolutions_counts(self) -> None:
        author = alice()
        case = make_case(bob(), "event", make_event(author))
        staff = [make_staff(f"staff{number}", "Community Manager") for number in range(20)]
        actions = [
            partial(settle_case, person, case.pk, outcomes=["warned" if number % 2 else "kept"])
            for number, person in enumerate(staff)
        ]
        results = at_once(actions)
        [settled] = won(results)
        assert lost(results) == {(Conflict, "already-decided")}
        assert Strike.objects.count() == (settled.outcomes == ["warned"])
        assert Decision.objects.count() == 1

    def test_reports_during_resolution_are_lost_in_no_closed_case(self) -> None:
        event, boss = make_event(alice()), admin()
        case = make_case(bob(), "event", event)
        people = [make_user(f"person{number}") for number in range(10)]
        reports = [partial(make_case, person, "event", event) for person in people]
        results = at_once([*reports, partial(settle_case, boss, case.pk, outcomes=["kept"])])
        assert len(won(results)) == 11
        for made in Report.objects.select_related("case"):
            assert made.case is not None
            assert made.status == made.case.status

    def test_exactly_one_of_twenty_undos_counts(self) -> None:
        event, boss = make_event(alice()), admin()
        settle_case(boss, make_case(bob(), "event", event).pk, outcomes=["warned"])
        decision = Decision.objects.get()
        results = at_once([partial(undo, boss, decision.pk)] * 20)
        assert len(won(results)) == 1
        assert lost(results) == {(Conflict, "already-undone")}

    def test_resolving_during_undo_comes_before_or_after_it(self) -> None:
        event, boss, other = make_event(alice()), admin(), community()
        case = make_case(bob(), "event", event)
        settle_case(boss, case.pk, outcomes=["warned"])
        decision = Decision.objects.get()
        results = at_once(
            [partial(undo, boss, decision.pk), *[partial(settle_case, other, case.pk, outcomes=["kept"])] * 9]
        )
        assert lost(results) <= {(Conflict, "already-decided")}
        case.refresh_from_db()
        settled = [result for result in won(results) if isinstance(result, Case)]
        assert len(settled) <= 1
        assert (case.status, case.outcomes) == (("closed", ["kept"]) if settled else ("open", []))
        assert not Strike.objects.standing().exists()

    def test_reports_during_undo_join_the_one_open_case(self) -> None:
        event, boss = make_event(alice()), admin()
        case = make_case(bob(), "event", event)
        settle_case(boss, case.pk, outcomes=["warned"])
        decision = Decision.objects.get()
        people = [make_user(f"person{number}") for number in range(9)]
        results = at_once(
            [partial(undo, boss, decision.pk), *(partial(make_case, one, "event", event) for one in people)]
        )
        assert lost(results) <= {(Conflict, "changed-since")}
        [current] = Case.objects.open()
        assert current.reports.open().count() == 9 + (current == case)


# --- Undoing ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
class TestUndo:
    def test_undone_in_time_nothing_is_left_of_it_outside(self) -> None:
        author, reporter, boss = alice(), bob(), admin()
        story = make_story(author)
        case = make_case(reporter, "story", story)
        settle_case(boss, case.pk, outcomes=["removed", "suspended"])
        undo(community(), Decision.objects.get().pk, reason="wrong one")
        run_jobs(later=HOLD)
        for row in (story, author, case):
            row.refresh_from_db()
        assert (story.removed_at, author.suspended_until, case.status, case.outcomes) == (None, None, "open", [])
        assert case.version == 3
        assert story.held
        assert set(Report.objects.values_list("status", "outcome")) == {("open", None)}
        assert Strike.objects.standing().count() == 0
        assert not Notification.objects.exists()
        assert settle_case(boss, case.pk, outcomes=["kept"]).status == "closed"

    def test_late_undo_notifies_author_and_reporters(self) -> None:
        author, reporter, boss = alice(), bob(), admin()
        settle_case(boss, make_case(reporter, "user", author).pk, outcomes=["warned"])
        run_jobs(later=HOLD)
        undo(boss, Decision.objects.get().pk)
        assert kinds_told(author) == [Kind.WARNING, Kind.DECISION_UNDONE]
        assert kinds_told(reporter) == [Kind.REPORT_CLOSED] * 2
        corrected = Notification.objects.filter(recipient=reporter).latest("id").text
        assert "reversed our decision about your report" in corrected
        assert not Strike.objects.standing().exists()

    def test_undo_keeps_later_changes_by_others(self) -> None:
        author, boss = alice(), admin()
        story, until = make_story(author), timezone.now() + timedelta(days=90)
        settle_case(boss, make_case(bob(), "story", story).pk, outcomes=["removed", "suspended"])
        suspend_user(boss, author.pk, until=until)
        undo(boss, Decision.objects.get().pk)
        author.refresh_from_db()
        assert author.suspended_until == until
        assert Story.objects.get().removed_at is None

    def test_an_earlier_suspension_comes_back(self) -> None:
        author, boss = alice(), admin()
        until = timezone.now() + timedelta(days=2)
        suspend_user(boss, author.pk, until=until)
        case = Case.objects.create(kind="user", target_id=author.pk, author=author)
        settle_case(boss, case.pk, outcomes=["suspended"])
        undo(boss, Decision.objects.get().pk)
        author.refresh_from_db()
        assert author.suspended_until == until

    def test_a_batch_skips_what_was_reported_anew(self) -> None:
        author, reporter, boss, batch = alice(), bob(), admin(), uuid4()
        events = [make_event(author), make_event(author)]
        cases = [make_case(reporter, "event", event) for event in events]
        for case in cases:
            settle_case(boss, case.pk, outcomes=["warned"], batch=batch)
        make_case(carol(), "event", events[0])
        result = undo_batch(boss, batch)
        assert [decision.target_id for decision in result.done] == [cases[1].pk]
        [(skipped, why)] = result.skipped
        assert skipped.target_id == cases[0].pk
        assert "Reported again" in why
        assert Strike.objects.standing().count() == 1


# --- Strikes ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
class TestStrikes:
    def test_decisions_give_one_strike_of_the_gravest_severity(self) -> None:
        author, reporter, boss = alice(), bob(), admin()
        for outcomes in (["kept"], ["edited"], ["warned"], ["removed", "warned"], ["suspended", "removed"]):
            settle_case(boss, make_case(reporter, "event", make_event(author)).pk, outcomes=outcomes)
            User.objects.filter(pk=author.pk).update(suspended_until=None)
        assert list(Strike.objects.order_by("id").values_list("weight", flat=True)) == [1, 2, 4]

    def test_strikes_recommend_the_next_step_and_expire(self) -> None:
        author, reporter, boss = alice(), bob(), admin()
        steps = []
        for _number in range(5):
            step = recommend(author.pk)
            steps.append((step.weight, step.outcome, step.lasts.days))
            settle_case(boss, make_case(reporter, "event", make_event(author)).pk, outcomes=["removed"])
        assert steps == [
            (0, "warned", 0),
            (2, "suspended", 3),
            (4, "suspended", 7),
            (6, "suspended", 7),
            (8, "suspended", 30),
        ]
        author.refresh_from_db()
        assert author.suspended_until is None, "it recommends only"
        past = timezone.now() - timedelta(days=200)
        Strike.objects.update(given_at=past, expires_at=past + timedelta(days=180))
        assert recommend(author.pk).weight == 0


@pytest.mark.django_db
def test_jobs_group_score_and_release() -> None:
    author = alice()
    story = make_story(author, held=True)
    made = make_report(bob(), "event", make_event(author), author, reason="fraud")
    jobs.weigh_open(timestamp=0)
    jobs.let_go_of_evidence(timestamp=0)
    made.refresh_from_db()
    story.refresh_from_db()
    assert made.case is not None
    assert made.case.weight == 40
    assert not story.held


@pytest.mark.django_db
def test_resolving_a_single_report_resolves_its_case() -> None:
    author, boss = alice(), admin()
    event = make_event(author)
    made = [make_report(person, "event", event, author) for person in (bob(), carol())]
    assert settle_report(boss, made[0].pk, outcome="warned").outcome == "warned"
    made[1].refresh_from_db()
    assert (made[1].status, made[1].outcome) == ("closed", "warned")
    Report.objects.filter(pk=made[1].pk).update(case=None)
    assert Strike.objects.get().person == author
    with pytest.raises(Conflict, match="already been closed"):
        settle_report(boss, made[1].pk, outcome="kept")


# --- What follows from the decisions that stand -----------------------------------------------------------------------


def settle(boss: User, author: User, target: Any, **given: Any) -> Decision:
    """Settle one more case about something of the author's."""
    kind = type(target)._meta.model_name
    case = Case.objects.create(kind=kind, target_id=target.pk, author=author)
    settle_case(boss, case.pk, **given)
    return Decision.objects.get(verb="case.settled", target_id=case.pk)


@pytest.mark.django_db
class TestOverlappingDecisions:
    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)], ids=str)
    def test_the_longest_active_suspension_counts_in_any_order(self, order: tuple[int, ...]) -> None:
        author, officers, now = alice(), [admin(), community()], timezone.now()
        days = [30, 7, 14]
        decisions = [
            settle(
                officers[number % 2], author, make_event(author), outcomes=["suspended"], until=now + timedelta(days=n)
            )
            for number, n in enumerate(days)
        ]
        standing = dict(enumerate(days))
        for place in order:
            author.refresh_from_db()
            assert author.suspended_until == now + timedelta(days=max(standing.values()))
            undo(officers[place % 2], decisions[place].pk)
            del standing[place]
        author.refresh_from_db()
        assert (author.is_suspended, author.suspended_until) == (False, None)

    def test_a_suspension_by_hand_is_one_of_them_and_lifting_by_hand_ends_all(self) -> None:
        author, boss, now = alice(), admin(), timezone.now()
        decision = settle(boss, author, make_event(author), outcomes=["suspended"], until=now + timedelta(days=30))
        suspend_user(boss, author.pk, until=now + timedelta(days=3))
        author.refresh_from_db()
        assert author.suspended_until == now + timedelta(days=30)
        undo(boss, decision.pk)
        author.refresh_from_db()
        assert author.suspended_until == now + timedelta(days=3)
        settle(boss, author, make_event(author), outcomes=["suspended"])
        assert suspend_user(boss, author.pk, until=now).suspended_until is None

    def test_a_batch_and_an_appeal_leave_the_others(self) -> None:
        author, boss, now, batch = alice(), admin(), timezone.now(), uuid4()
        longest = settle(boss, author, make_event(author), outcomes=["suspended"], until=now + timedelta(days=60))
        for days in (90, 5):
            until = now + timedelta(days=days)
            settle(boss, author, make_event(author), outcomes=["suspended"], until=until, batch=batch)
        assert len(undo_batch(boss, batch).done) == 2
        author.refresh_from_db()
        assert author.suspended_until == now + timedelta(days=60)
        short = settle(boss, author, make_event(author), outcomes=["suspended"], until=now + timedelta(days=9))
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
        settle(boss, author, make_event(author), outcomes=["suspended"], until=now + timedelta(days=30))
        settle(boss, author, make_event(author), outcomes=["suspended"], until=now + timedelta(days=7))
        run_jobs(later=HOLD)
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
        case = settle(make_staff("second", is_superuser=True), author, target, outcomes=["removed"])
        for place, decision in enumerate([table, case] if first == "table" else [case, table]):
            undo(boss, decision.pk)
            target.refresh_from_db()
            assert (target.removed_at is None) == (place == 1)

    def test_a_restoration_by_hand_outlasts_the_undoing_of_what_it_restored(self) -> None:
        author, boss = alice(), admin()
        story = make_story(author)
        remove_story(boss, story.pk)
        case = settle(boss, author, story, outcomes=["removed"])
        restore_story(boss, story.pk)
        assert Story.objects.get().removed_at is None
        undo(boss, case.pk)
        assert Story.objects.get().removed_at is None

    def test_undoing_the_restoration_of_what_was_removed_without_a_decision_takes_it_down(self) -> None:
        author, boss = alice(), admin()
        story = make_story(author, removed_at=timezone.now(), removed_by=boss, removal_reason="of old")
        case = settle(boss, author, story, outcomes=["removed"])
        undo(boss, case.pk)
        assert Story.objects.get().removed_at is not None
        restore_story(boss, story.pk)
        undo(boss, Decision.objects.latest("pk").pk)
        assert Story.objects.get().removal_reason == "of old"

    def test_words_of_an_undone_edit_do_not_come_back(self) -> None:
        author, boss = alice(), admin()
        event = make_event(author, "Lauch Party")
        one = settle(boss, author, event, outcomes=["edited"], edits={"title": "Launch Party"})
        two = settle(boss, author, event, outcomes=["edited"], edits={"title": "A launch party"})
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
        for settle_it in (
            partial(settle_case, boss, made.case.pk, outcomes=["edited"]),
            partial(settle_case, boss, made.case.pk, outcomes=["edited", "warned"], edits={"title": "Tea"}),
            partial(settle_report, boss, made.pk, outcome="edited"),
        ):
            with pytest.raises(Conflict, match="nothing left"):
                settle_it()
        assert (Case.objects.get().status, Strike.objects.count()) == ("open", 0)
        assert settle_case(boss, made.case.pk, outcomes=["suspended", "warned"]).status == "closed"


# --- From before to now ----------------------------------------------------------------------------------------------


def as_before(decision: Decision) -> Decision:
    """A decision as the release before writes it, while its last processes run on after `migrate`."""
    Suspension.objects.filter(decision=decision).delete()
    del decision.before["about"]
    decision.before["done"].pop("removed", None)
    decision.save(update_fields=["before"])
    return decision


@pytest.mark.django_db
class TestDecisionsOfTheReleaseBefore:
    def test_a_suspension_can_be_undone(self) -> None:
        author, boss, now = alice(), admin(), timezone.now()
        long, short = (
            as_before(settle(boss, author, make_event(author), outcomes=["suspended"], until=until))
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
        first = as_before(settle(boss, author, target, outcomes=["removed"]))
        second = as_before(settle(boss, author, target, outcomes=["removed"]))
        undo(boss, first.pk)
        target.refresh_from_db()
        assert target.removed_at is not None
        settle_case(boss, first.target_id, outcomes=["kept"])  # open, it would be Reported again
        undo(boss, second.pk)
        target.refresh_from_db()
        assert target.removed_at is None

    def test_a_later_end_that_nothing_explains_is_not_shortened(self) -> None:
        author, boss, now = alice(), admin(), timezone.now()
        User.objects.filter(pk=author.pk).update(suspended_until=now + timedelta(days=30))
        assert suspend_user(boss, author.pk, until=now + timedelta(days=1)).suspended_until == now + timedelta(days=30)
        decision = settle(boss, author, make_event(author), outcomes=["suspended"], until=now + timedelta(days=60))
        undo(boss, decision.pk)
        author.refresh_from_db()
        assert author.suspended_until == now + timedelta(days=30)
        assert suspend_user(boss, author.pk, until=now).suspended_until is None

    def test_suspensions_lifted_before_stay_lifted(self) -> None:
        author, boss, now = alice(), admin(), timezone.now()
        settle(boss, author, make_event(author), outcomes=["suspended"], until=now + timedelta(days=60))
        as_before(settle(boss, author, make_event(author), outcomes=["suspended"], until=now + timedelta(days=90)))
        User.objects.filter(pk=author.pk).update(suspended_until=None)
        suspend_user(boss, author.pk, until=now + timedelta(days=1))
        author.refresh_from_db()
        assert author.suspended_until == now + timedelta(days=1)

    def test_suspensions_undone_before_are_not_in_force(self) -> None:
        author, boss, now = alice(), admin(), timezone.now()
        long = settle(boss, author, make_event(author), outcomes=["suspended"], until=now + timedelta(days=60))
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
        decision = settle(boss, person, make_event(person), outcomes=["suspended"])
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
