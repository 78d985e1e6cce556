"""Cases: how reports are grouped and scored, how cases are resolved and undone."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.errors import Absent, Conflict, Invalid, Refused
from apps.moderation import jobs
from apps.moderation.cases import group_ungrouped, resolve_case
from apps.moderation.models import Case, Report, Strike
from apps.moderation.priority import Record, score_parts, update_open_scores
from apps.moderation.reporting import resolve_report
from apps.moderation.strikes import recommend
from apps.notifications.models import Kind, Notification
from apps.review.claims import claim
from apps.review.decisions.models import Decision
from apps.review.decisions.services import undo, undo_batch
from apps.stories.models import Story
from apps.users.accounts.suspensions import suspend_user
from apps.users.models import User
from tests.factories import make_case, make_event, make_report, make_story
from tests.jobs import run_jobs
from tests.people import admin, alice, bob, carol, community, make_staff, make_user
from tests.races import at_once, lost, won

UNDO_WINDOW = timedelta(seconds=10)


def kinds_notified(user: User) -> list[str]:
    return list(Notification.objects.filter(recipient=user).order_by("id").values_list("kind", flat=True))


# --- Grouping and priority --------------------------------------------------------------------------------------------


@pytest.mark.django_db
class TestGrouping:
    def test_reports_about_the_same_content_are_grouped_in_one_case(self) -> None:
        author = alice()
        event, other = make_event(author), make_event(author)
        case = make_case(bob(), "event", event)
        assert make_case(carol(), "event", event, "fraud") == case
        assert make_case(make_user("dora"), "event", other) != case
        assert (case.author, case.target_id, case.reports.count()) == (author, event.pk, 2)

    def test_a_report_after_closing_opens_a_new_case(self) -> None:
        event, reporter = make_event(alice()), bob()
        first = make_case(reporter, "event", event)
        resolve_case(admin(), first.pk, outcomes=["kept"])
        second = make_case(reporter, "event", event)
        assert second != first
        assert list(Case.objects.order_by("id").values_list("status", flat=True)) == ["closed", "open"]

    def test_the_database_has_one_open_case_a_target(self) -> None:
        case = make_case(bob(), "event", make_event(alice()))
        with pytest.raises(IntegrityError), transaction.atomic():
            Case.objects.create(kind=case.kind, target_id=case.target_id, author=case.author)

    def test_ungrouped_reports_are_grouped_into_cases(self) -> None:
        author = alice()
        event = make_event(author)
        ungrouped = [make_report(person, "event", event, author) for person in (bob(), carol())]
        group_ungrouped()
        [case] = Case.objects.all()
        assert list(case.reports.order_by("id")) == ungrouped

    def test_the_migration_groups_open_reports_and_keeps_closed_ones_apart(self) -> None:
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

    def test_the_priority_score_is_the_sum_of_its_parts(self) -> None:
        author, boss, liar, new = alice(), admin(), bob(), carol()
        for _number in range(4):
            resolve_case(boss, make_case(liar, "event", make_event(author)).pk, outcomes=["kept"])
        event = make_event(author)
        make_case(liar, "event", event, "violence")
        case = make_case(new, "event", event, "fraud")
        case.refresh_from_db()
        parts = score_parts(case)
        assert [(part.report.reporter, part.severity, part.record.trust, part.score) for part in parts] == [
            (new, 40, 100, 40),
            (liar, 50, 50, 25),
        ]
        assert case.priority_score == 65
        assert "bob, 0 of 4 upheld, ×0.5 = 25" in parts[1].sentence
        assert "carol, no reports decided yet: 40" in parts[0].sentence

    def test_trust_rises_and_falls_with_the_record(self) -> None:
        records = [Record(0, 20), Record(0, 2), Record(), Record(2, 2), Record(20, 20)]
        assert [record.trust for record in records] == [16, 66, 100, 133, 183]

    def test_open_cases_follow_the_records_of_their_reporters(self) -> None:
        author, reporter = alice(), bob()
        waiting = make_case(reporter, "event", make_event(author), "harassment")
        resolve_case(admin(), make_case(reporter, "event", make_event(author)).pk, outcomes=["warned"])
        update_open_scores()
        waiting.refresh_from_db()
        assert waiting.priority_score == 36 == sum(part.score for part in score_parts(waiting))


# --- Resolving --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
class TestResolving:
    @pytest.mark.parametrize(
        ("outcome", "points", "days"), [("warned", 1, 90), ("removed", 2, 180), ("suspended", 4, 365)]
    )
    def test_each_outcome_gives_its_points_for_its_time(self, outcome: str, points: int, days: int) -> None:
        resolve_case(admin(), make_case(bob(), "story", make_story(alice())).pk, outcomes=[outcome])
        strike = Strike.objects.get()
        assert (strike.points, strike.expires_at - strike.given_at) == (points, timedelta(days=days))

    def test_several_outcomes_at_once(self) -> None:
        author, reporters, boss = alice(), [bob(), carol()], admin()
        story, until = make_story(author), timezone.now() + timedelta(days=3)
        [case] = {make_case(reporter, "story", story) for reporter in reporters}
        resolved = resolve_case(
            boss,
            case.pk,
            outcomes=["warned", "removed", "suspended"],
            reason="nudity",
            text="No nudity here.",
            until=until,
            version=1,
        )
        assert (resolved.status, resolved.outcomes, resolved.closed_by) == (
            "closed",
            ["suspended", "removed", "warned"],
            boss,
        )
        story.refresh_from_db()
        author.refresh_from_db()
        assert story.removed_by == boss
        assert author.suspended_until == until
        assert set(Report.objects.values_list("status", "outcome", "closed_at")) == {
            ("closed", "suspended", resolved.closed_at)
        }
        assert run_jobs(later=timedelta(seconds=9)) == 0
        assert not Notification.objects.exists()
        run_jobs(later=UNDO_WINDOW)
        assert kinds_notified(author) == [Kind.SUSPENDED, Kind.CONTENT_REMOVED, Kind.WARNING]
        texts = Notification.objects.filter(recipient=author).values_list("text", flat=True)
        assert sum("No nudity here." in text for text in texts) == 1
        for reporter in reporters:
            assert kinds_notified(reporter) == [Kind.REPORT_CLOSED]

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
            resolve_case(admin(), case.pk, **given)
        assert refusal.value.field == field
        case.refresh_from_db()
        assert case.status == "open"
        assert not Decision.objects.exists()

    def test_resolving_needs_its_permission_and_that_of_each_action(self) -> None:
        case = make_case(bob(), "user", alice())
        with pytest.raises(Refused, match="Can settle report"):
            resolve_case(make_staff("clerk"), case.pk, outcomes=["kept"])
        helper = make_staff("helper")
        helper.user_permissions.add(Permission.objects.get(codename="settle_report"))
        with pytest.raises(Refused, match="Can suspend user"):
            resolve_case(helper, case.pk, outcomes=["warned", "suspended"])
        assert not Strike.objects.exists()
        with pytest.raises(Absent):
            resolve_case(admin(), 10**9, outcomes=["kept"])

    def test_an_old_version_or_a_second_decision_is_refused_with_who_and_when(self) -> None:
        case, boss = make_case(bob(), "event", make_event(alice())), admin()
        with pytest.raises(Conflict, match="changed since you opened it"):
            resolve_case(boss, case.pk, outcomes=["kept"], version=2)
        resolve_case(boss, case.pk, outcomes=["kept"], version=1)
        with pytest.raises(Conflict, match="Kept by admin at") as refusal:
            resolve_case(boss, case.pk, outcomes=["warned"])
        assert refusal.value.code == "already-decided"

    def test_claimed_cases_are_resolved_by_their_claim_holder_alone(self) -> None:
        case, boss, other = make_case(bob(), "event", make_event(alice())), admin(), community()
        claim(other, Case, case.pk)
        with pytest.raises(Conflict, match="Claimed by community"):
            resolve_case(boss, case.pk, outcomes=["kept"])
        assert resolve_case(other, case.pk, outcomes=["kept"]).claim_holder() is None

    def test_edited_texts_are_saved_and_notified(self) -> None:
        author, boss = alice(), admin()
        event = make_event(author, "Rude party")
        case = make_case(bob(), "event", event)
        resolve_case(boss, case.pk, outcomes=["edited"], edits={"title": "Party"}, text="Please be polite.")
        event.refresh_from_db()
        assert event.title == "Party"
        run_jobs(later=UNDO_WINDOW)
        assert kinds_notified(author) == [Kind.CONTENT_EDITED]
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
        update_open_scores()
        case.refresh_from_db()
        assert case.priority_score == 200

    def test_exactly_one_of_twenty_resolutions_counts(self) -> None:
        author = alice()
        case = make_case(bob(), "event", make_event(author))
        staff = [make_staff(f"staff{number}", "Community Manager") for number in range(20)]
        actions = [
            partial(resolve_case, person, case.pk, outcomes=["warned" if number % 2 else "kept"])
            for number, person in enumerate(staff)
        ]
        results = at_once(actions)
        [resolved] = won(results)
        assert lost(results) == {(Conflict, "already-decided")}
        assert Strike.objects.count() == (resolved.outcomes == ["warned"])
        assert Decision.objects.count() == 1

    def test_reports_during_resolution_are_lost_in_no_closed_case(self) -> None:
        event, boss = make_event(alice()), admin()
        case = make_case(bob(), "event", event)
        people = [make_user(f"person{number}") for number in range(10)]
        reports = [partial(make_case, person, "event", event) for person in people]
        results = at_once([*reports, partial(resolve_case, boss, case.pk, outcomes=["kept"])])
        assert len(won(results)) == 11
        for made in Report.objects.select_related("case"):
            assert made.case is not None
            assert made.status == made.case.status

    def test_exactly_one_of_twenty_undos_counts(self) -> None:
        event, boss = make_event(alice()), admin()
        resolve_case(boss, make_case(bob(), "event", event).pk, outcomes=["warned"])
        decision = Decision.objects.get()
        results = at_once([partial(undo, boss, decision.pk)] * 20)
        assert len(won(results)) == 1
        assert lost(results) == {(Conflict, "already-undone")}

    def test_resolving_during_undo_comes_before_or_after_it(self) -> None:
        event, boss, other = make_event(alice()), admin(), community()
        case = make_case(bob(), "event", event)
        resolve_case(boss, case.pk, outcomes=["warned"])
        decision = Decision.objects.get()
        results = at_once(
            [partial(undo, boss, decision.pk), *[partial(resolve_case, other, case.pk, outcomes=["kept"])] * 9]
        )
        assert lost(results) <= {(Conflict, "already-decided")}
        case.refresh_from_db()
        resolved = [result for result in won(results) if isinstance(result, Case)]
        assert len(resolved) <= 1
        assert (case.status, case.outcomes) == (("closed", ["kept"]) if resolved else ("open", []))
        assert not Strike.objects.in_force().exists()

    def test_reports_during_undo_join_the_one_open_case(self) -> None:
        event, boss = make_event(alice()), admin()
        case = make_case(bob(), "event", event)
        resolve_case(boss, case.pk, outcomes=["warned"])
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
    def test_undo_in_time_leaves_no_trace_outside(self) -> None:
        author, reporter, boss = alice(), bob(), admin()
        story = make_story(author)
        case = make_case(reporter, "story", story)
        resolve_case(boss, case.pk, outcomes=["removed", "suspended"])
        undo(community(), Decision.objects.get().pk, reason="wrong one")
        run_jobs(later=UNDO_WINDOW)
        for row in (story, author, case):
            row.refresh_from_db()
        assert (story.removed_at, author.suspended_until, case.status, case.outcomes) == (None, None, "open", [])
        assert case.version == 3
        assert story.held
        assert set(Report.objects.values_list("status", "outcome")) == {("open", None)}
        assert Strike.objects.in_force().count() == 0
        assert not Notification.objects.exists()
        assert resolve_case(boss, case.pk, outcomes=["kept"]).status == "closed"

    def test_late_undo_notifies_author_and_reporters(self) -> None:
        author, reporter, boss = alice(), bob(), admin()
        resolve_case(boss, make_case(reporter, "user", author).pk, outcomes=["warned"])
        run_jobs(later=UNDO_WINDOW)
        undo(boss, Decision.objects.get().pk)
        assert kinds_notified(author) == [Kind.WARNING, Kind.DECISION_UNDONE]
        assert kinds_notified(reporter) == [Kind.REPORT_CLOSED] * 2
        corrected = Notification.objects.filter(recipient=reporter).latest("id").text
        assert "reversed our decision about your report" in corrected
        assert not Strike.objects.in_force().exists()

    def test_undo_keeps_later_changes_by_others(self) -> None:
        author, boss = alice(), admin()
        story, until = make_story(author), timezone.now() + timedelta(days=90)
        resolve_case(boss, make_case(bob(), "story", story).pk, outcomes=["removed", "suspended"])
        suspend_user(boss, author.pk, until=until)
        undo(boss, Decision.objects.get().pk)
        author.refresh_from_db()
        assert author.suspended_until == until
        assert Story.objects.get().removed_at is None

    def test_undo_reopens_the_reports_that_the_decision_names(self) -> None:
        boss, event = admin(), make_event(alice())
        case = make_case(bob(), "event", event)
        earlier = make_report(
            carol(), "event", event, case.author, case=case, status="closed", outcome="kept", closed_at=timezone.now()
        )
        resolve_case(boss, case.pk, outcomes=["warned"])
        Report.objects.update(closed_at=timezone.now())
        undo(boss, Decision.objects.get().pk)
        assert dict(case.reports.values_list("reporter__username", "status")) == {"bob": "open", "carol": "closed"}
        assert earlier.pk not in Decision.objects.get().before["reports"]

    def test_an_earlier_suspension_comes_back(self) -> None:
        author, boss = alice(), admin()
        until = timezone.now() + timedelta(days=2)
        suspend_user(boss, author.pk, until=until)
        case = Case.objects.create(kind="user", target_id=author.pk, author=author)
        resolve_case(boss, case.pk, outcomes=["suspended"])
        undo(boss, Decision.objects.get().pk)
        author.refresh_from_db()
        assert author.suspended_until == until

    def test_undoing_a_batch_skips_content_reported_again(self) -> None:
        author, reporter, boss, batch = alice(), bob(), admin(), uuid4()
        events = [make_event(author), make_event(author)]
        cases = [make_case(reporter, "event", event) for event in events]
        for case in cases:
            resolve_case(boss, case.pk, outcomes=["warned"], batch=batch)
        make_case(carol(), "event", events[0])
        result = undo_batch(boss, batch)
        assert [decision.target_id for decision in result.done] == [cases[1].pk]
        [(skipped, why)] = result.skipped
        assert skipped.target_id == cases[0].pk
        assert "Reported again" in why
        assert Strike.objects.in_force().count() == 1


# --- Strikes ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
class TestStrikes:
    def test_decisions_give_one_strike_by_their_most_severe_outcome(self) -> None:
        author, reporter, boss = alice(), bob(), admin()
        for outcomes in (["kept"], ["edited"], ["warned"], ["removed", "warned"], ["suspended", "removed"]):
            resolve_case(boss, make_case(reporter, "event", make_event(author)).pk, outcomes=outcomes)
            User.objects.filter(pk=author.pk).update(suspended_until=None)
        assert list(Strike.objects.order_by("id").values_list("points", flat=True)) == [1, 2, 4]

    def test_strikes_recommend_the_next_step_and_expire(self) -> None:
        author, reporter, boss = alice(), bob(), admin()
        steps = []
        for _number in range(5):
            step = recommend(author.pk)
            steps.append((step.points, step.duration.days))
            resolve_case(boss, make_case(reporter, "event", make_event(author)).pk, outcomes=["removed"])
        assert steps == [
            (0, 0),
            (2, 3),
            (4, 7),
            (6, 7),
            (8, 30),
        ]
        author.refresh_from_db()
        assert author.suspended_until is None, "it recommends only"
        past = timezone.now() - timedelta(days=200)
        Strike.objects.update(given_at=past, expires_at=past + timedelta(days=180))
        assert recommend(author.pk).points == 0


@pytest.mark.django_db
def test_jobs_group_score_and_release() -> None:
    author = alice()
    story = make_story(author, held=True)
    made = make_report(bob(), "event", make_event(author), author, reason="fraud")
    jobs.update_scores(timestamp=0)
    jobs.release_evidence(timestamp=0)
    made.refresh_from_db()
    story.refresh_from_db()
    assert made.case is not None
    assert made.case.priority_score == 40
    assert not story.held


@pytest.mark.django_db
def test_resolving_a_single_report_resolves_its_case() -> None:
    author, boss = alice(), admin()
    event = make_event(author)
    made = [make_report(person, "event", event, author) for person in (bob(), carol())]
    assert resolve_report(boss, made[0].pk, outcome="warned").outcome == "warned"
    made[1].refresh_from_db()
    assert (made[1].status, made[1].outcome) == ("closed", "warned")
    Report.objects.filter(pk=made[1].pk).update(case=None)
    assert Strike.objects.get().person == author
    with pytest.raises(Conflict, match="already been closed"):
        resolve_report(boss, made[1].pk, outcome="kept")
