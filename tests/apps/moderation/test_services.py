"""Reports: made once while open, evidence kept, resolved once, with the permission of the outcome."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone

from apps.errors import Absent, Conflict, Invalid, Refused
from apps.events.services import delete_event, edit_event, update_event
from apps.infra.owner import as_owner
from apps.moderation.appeals import appeal, rule_on_appeal
from apps.moderation.cases import resolve_case
from apps.moderation.models import ContentSnapshot, Report
from apps.moderation.reporting import report, resolve_report
from apps.moderation.retention import release_unneeded
from apps.notifications.models import Kind, Notification
from apps.review.decisions.models import Decision
from apps.stories.models import Story
from apps.stories.services import delete_story, free_expired, remove_story
from apps.users.accounts.relationships import block, follow, unfollow
from apps.users.models import User
from tests.client import api
from tests.factories import make_connection, make_event, make_message, make_story
from tests.jobs import run_jobs
from tests.people import admin, alice, bob, carol, make_staff, make_user
from tests.races import at_once, lost, won


def file_report(reporter: User, kind: str, target: Any, reason: str = "spam", note: str = "") -> Report:
    return report(reporter, kind=kind, target_id=target.pk, reason=reason, note=note)


def kinds_notified(user: User) -> list[str]:
    run_jobs(later=timedelta(seconds=10))
    return list(Notification.objects.filter(recipient=user).order_by("id").values_list("kind", flat=True))


def moderator(*codenames: str) -> User:
    staff = make_staff("moderator")
    staff.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    assert staff.user_permissions.count() == len(codenames)
    return staff


# --- Making one ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
class TestReporting:
    def test_reports_of_all_kinds_name_the_author(self) -> None:
        author, reporter = alice(), bob()
        make_connection(author, reporter, status="accepted", responded_at=timezone.now())
        targets = {
            "story": make_story(author),
            "event": make_event(author),
            "message": make_message(author, reporter),
            "user": author,
        }
        for kind, target in targets.items():
            made = file_report(reporter, kind, target)
            assert (made.status, made.author, made.target_id) == ("open", author, target.pk)

    def test_reporting_needs_visibility_of_the_target(self) -> None:
        author, reporter, other = alice(), bob(), carol()
        hidden = [
            ("story", make_story(author, audience="connections")),
            ("story", make_story(author, hours_old=30)),
            ("message", make_message(author, other)),
            ("user", make_staff("clerk")),
            ("user", make_user("gone", is_active=False)),
        ]
        shy = make_user("shy")
        block(shy, "bob")
        hidden += [("event", make_event(shy)), ("story", make_story(shy)), ("user", shy)]
        for kind, target in hidden:
            with pytest.raises(Absent):
                file_report(reporter, kind, target)
        with pytest.raises(Absent):
            report(reporter, kind="event", target_id=10**15, reason="spam")
        assert not Report.objects.exists()
        assert not Story.objects.filter(held=True).exists()

    def test_blocking_does_not_prevent_reports(self) -> None:
        victim, offender = alice(), bob()
        targets = {
            "story": make_story(offender),
            "event": make_event(offender),
            "message": make_message(offender, victim),
            "user": offender,
        }
        block(victim, "bob")
        client = api(victim)
        for kind, target in targets.items():
            sent = {"kind": kind, "id": target.pk, "reason": "harassment"}
            assert client.post("/reports", sent).status_code == 201, kind

    def test_blocked_users_report_content_visible_before_the_block(self) -> None:
        victim, offender, stranger = alice(), bob(), carol()
        make_connection(victim, offender, status="accepted", responded_at=timezone.now())
        before = {
            "story": make_story(offender),
            "event": make_event(offender),
            "message": make_message(offender, victim),
            "user": offender,
        }
        for_connections = make_story(offender, audience="connections")
        for name in ("alice", "carol"):
            block(offender, name)
        after = {
            "story": make_story(offender),
            "event": make_event(offender),
            "message": make_message(offender, make_user("dora")),
        }
        asked: list[tuple[User, str, Any, int]] = [
            *((victim, kind, target, 201) for kind, target in before.items()),
            (victim, "story", for_connections, 201),
            *((victim, kind, target, 404) for kind, target in after.items()),
            *((stranger, kind, before[kind], 201) for kind in ("story", "event")),  # listed to everyone
            *((stranger, kind, before[kind], 404) for kind in ("message", "user")),
            (stranger, "story", for_connections, 404),
            *((stranger, kind, target, 404) for kind, target in after.items()),
        ]
        for reporter, kind, target, status in asked:
            sent = {"kind": kind, "id": target.pk, "reason": "harassment"}
            assert api(reporter).post("/reports", sent).status_code == status, (reporter, kind, target)

    def test_requesters_and_followers_report_the_users_they_met(self) -> None:
        offender = bob()
        dora, erin, fay = (make_user(name) for name in ("dora", "erin", "fay"))
        make_connection(offender, dora)
        follow(erin, "bob")
        follow(fay, "bob")
        unfollow(fay, "bob")
        followed = make_user("gina")
        follow(offender, "gina")
        for reporter in (dora, erin, fay, followed):
            block(offender, reporter.username)
            assert file_report(reporter, "user", offender).status == "open"

    def test_users_cannot_report_themselves_or_their_content(self) -> None:
        author, other = alice(), bob()
        for kind, target in (
            ("story", make_story(author)),
            ("event", make_event(author)),
            ("message", make_message(author, other)),
            ("user", author),
        ):
            with pytest.raises(Invalid) as refusal:
                file_report(author, kind, target)
            assert refusal.value.field == "id"

    def test_other_needs_a_note(self) -> None:
        event, reporter = make_event(alice()), bob()
        for note in ("", "   \n"):
            with pytest.raises(Invalid) as refusal:
                file_report(reporter, "event", event, reason="other", note=note)
            assert refusal.value.field == "note"
        assert file_report(reporter, "event", event, reason="other", note=" It is a trap. ").note == "It is a trap."

    def test_targets_are_reported_once_while_open_and_again_when_closed(self) -> None:
        event, reporter, boss = make_event(alice()), bob(), admin()
        first = file_report(reporter, "event", event)
        with pytest.raises(Conflict) as refusal:
            file_report(reporter, "event", event, reason="fraud")
        assert refusal.value.code == "already-reported"
        assert file_report(carol(), "event", event).pk
        resolve_report(boss, first.pk, outcome="kept")
        assert file_report(reporter, "event", event).pk != first.pk


@pytest.mark.django_db(transaction=True)
def test_twenty_reports_by_one_user_make_one() -> None:
    story, reporter = make_story(alice()), bob()
    results = at_once([partial(file_report, reporter, "story", story)] * 20)
    assert len(won(results)) == 1
    assert lost(results) == {(Conflict, "already-reported")}
    assert Story.history.filter(action="story.held").count() == 1


# --- Evidence --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
class TestEvidence:
    def test_a_reported_story_is_on_legal_hold_until_its_case_is_closed(self) -> None:
        author, boss = alice(), admin()
        story = make_story(author)
        first, second = file_report(bob(), "story", story), file_report(carol(), "story", story)
        delete_story(author, story.pk)
        name = str(story.content_file.name)
        with time_machine.travel(timezone.now() + timedelta(hours=30)):
            assert free_expired() == 0
        resolve_report(boss, first.pk, outcome="kept")
        second.refresh_from_db()
        assert (second.status, second.outcome) == ("closed", "kept")
        assert default_storage.exists(name), "it can still be undone without a trace"
        run_jobs(later=timedelta(seconds=10))
        assert not default_storage.exists(name)
        assert not Story.objects.exists()

    def test_evidence_is_released_after_simultaneous_resolutions(self) -> None:
        story, boss = make_story(alice()), admin()
        reports = [file_report(make_user(f"person{number}"), "story", story) for number in range(10)]
        results = at_once([partial(resolve_report, boss, made.pk, outcome="kept") for made in reports])
        assert len(won(results)) == 1
        assert lost(results) == {(Conflict, "already-decided")}
        run_jobs(later=timedelta(seconds=10))
        story.refresh_from_db()
        assert not story.held

    def test_kept_stories_are_freed_on_expiry(self) -> None:
        story, boss = make_story(alice()), admin()
        resolve_report(boss, file_report(bob(), "story", story).pk, outcome="kept")
        run_jobs(later=timedelta(seconds=10))
        with time_machine.travel(timezone.now() + timedelta(hours=30)):
            assert free_expired() == 1


# --- Settling --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_exactly_one_of_twenty_report_decisions_counts() -> None:
    event, boss = make_event(alice()), admin()
    made = file_report(bob(), "event", event)
    outcomes = ["kept", "removed"] * 10
    results = at_once([partial(resolve_report, boss, made.pk, outcome=outcome) for outcome in outcomes])
    [winner] = won(results)
    assert lost(results) == {(Conflict, "already-decided")}
    made.refresh_from_db()
    event.refresh_from_db()
    assert made.outcome == winner.outcome
    assert (event.removed_at is not None) == (made.outcome == "removed")
    run_jobs(later=timedelta(seconds=10))
    assert Notification.objects.filter(kind=Kind.REPORT_CLOSED).count() == 1


@pytest.mark.django_db
class TestResolving:
    def test_keeping_content_notifies_the_reporter_alone(self) -> None:
        author, reporter, boss = alice(), bob(), admin()
        made = resolve_report(
            boss, file_report(reporter, "event", make_event(author)).pk, outcome="kept", reason="fine"
        )
        assert (made.status, made.outcome, made.closed_by) == ("closed", "kept", boss)
        assert made.closed_at is not None
        assert kinds_notified(reporter) == [Kind.REPORT_CLOSED]
        assert kinds_notified(author) == []
        version = made.history.latest()
        assert (version.history_user, version.history_change_reason) == (boss, "fine")

    def test_removing_content_notifies_author_and_reporter(self) -> None:
        author, reporter, boss = alice(), bob(), admin()
        for kind, target in (
            ("story", make_story(author)),
            ("event", make_event(author)),
            ("message", make_message(author, reporter)),
        ):
            Notification.objects.all().delete()
            resolve_report(boss, file_report(reporter, kind, target).pk, outcome="removed", reason="spam")
            target.refresh_from_db()
            assert (target.removed_by, target.removal_reason) == (boss, "spam")
            assert kinds_notified(author) == [Kind.CONTENT_REMOVED]
            assert kinds_notified(reporter) == [Kind.REPORT_CLOSED]

    def test_deleted_content_can_be_closed_as_removed(self) -> None:
        author, reporter, boss = alice(), bob(), admin()
        down, gone, evidence = make_story(author), make_event(author), make_story(author)
        reports = [
            file_report(reporter, kind, target)
            for kind, target in (("story", down), ("event", gone), ("story", evidence))
        ]
        remove_story(boss, down.pk)
        gone.delete()
        delete_story(author, evidence.pk)
        for made in reports:
            assert resolve_report(boss, made.pk, outcome="removed").outcome == "removed"
        with time_machine.travel(timezone.now() + timedelta(days=19)):
            release_unneeded()
            assert set(Story.objects.all()) == {down, evidence}, "the author may still appeal"
        with time_machine.travel(timezone.now() + timedelta(days=21)):
            release_unneeded()
            assert list(Story.objects.all()) == [down]

    def test_closing_as_edited_confirms_the_current_text(self) -> None:
        author, reporter, boss = alice(), bob(), admin()
        event = make_event(author)
        made = file_report(reporter, "event", event)
        edit_event(boss, event.pk, title="Cleaner")
        assert resolve_report(boss, made.pk, outcome="edited").outcome == "edited"
        assert kinds_notified(author) == [Kind.CONTENT_EDITED]

    def test_warning_notifies_the_author(self) -> None:
        author, reporter, boss = alice(), bob(), admin()
        resolve_report(boss, file_report(reporter, "user", author).pk, outcome="warned")
        assert kinds_notified(author) == [Kind.WARNING]

    def test_suspension_lasts_a_week_by_default(self) -> None:
        author, reporter, boss = alice(), bob(), admin()
        now = timezone.now()
        with time_machine.travel(now, tick=False):
            resolve_report(boss, file_report(reporter, "user", author).pk, outcome="suspended")
            author.refresh_from_db()
            assert author.suspended_until == now + timedelta(days=7)
            resolve_report(
                boss, file_report(reporter, "user", author).pk, outcome="suspended", until=now + timedelta(days=90)
            )
        author.refresh_from_db()
        assert author.suspended_until == now + timedelta(days=90)

    def test_invalid_outcomes_are_rejected_and_leave_the_report_open(self) -> None:
        author, reporter, boss = alice(), bob(), admin()
        about_person, about_story = (
            file_report(reporter, "user", author),
            file_report(reporter, "story", make_story(author)),
        )
        for made, outcome in (
            (about_person, "removed"),
            (about_person, "edited"),
            (about_story, "edited"),
            (about_story, "burnt"),
        ):
            with pytest.raises(Invalid) as refusal:
                resolve_report(boss, made.pk, outcome=outcome)
            assert refusal.value.field == "outcome"
            made.refresh_from_db()
            assert made.status == "open"
        assert kinds_notified(author) == kinds_notified(reporter) == []

    def test_each_outcome_needs_its_own_permission(self) -> None:
        author, reporter = alice(), bob()
        clerk = moderator("settle_report")
        reports = {
            "Can delete story": (file_report(reporter, "story", make_story(author)), "removed"),
            "Can change event": (file_report(reporter, "event", make_event(author)), "edited"),
            "Can suspend user": (file_report(reporter, "user", author), "suspended"),
        }
        for name, (made, outcome) in reports.items():
            with pytest.raises(Refused, match=name):
                resolve_report(clerk, made.pk, outcome=outcome)
            made.refresh_from_db()
            assert made.status == "open"
            assert resolve_report(clerk, made.pk, outcome="kept").status == "closed"

    def test_reports_are_not_resolved_without_the_permission(self) -> None:
        made = file_report(bob(), "event", make_event(alice()))
        for staff in (moderator("delete_event", "change_event", "view_report"), alice_again()):
            with pytest.raises(Refused, match="Can settle report"):
                resolve_report(staff, made.pk, outcome="kept")
        with pytest.raises(Absent):
            resolve_report(admin(), 10**9, outcome="kept")


def alice_again() -> User:
    return User.objects.get(username="alice")


@pytest.mark.django_db(transaction=True)
class TestContentSnapshots:
    def test_content_snapshots_survive_changes_by_the_author(self) -> None:
        host, boss = alice(), admin()
        event = make_event(host, "Rude party")
        case = file_report(bob(), "event", event).case
        assert case is not None
        update_event(host, event.pk, title="Party")
        file_report(carol(), "event", event)
        file_report(make_user("dora"), "event", event)
        delete_event(host, event.pk)
        titles = [snapshot.text["title"] for snapshot in case.snapshots.order_by("id")]
        assert titles == ["Rude party", "Party"], "one for each wording, not for each report"
        resolve_case(boss, case.pk, outcomes=["warned"])

    def test_content_snapshots_keep_the_view_of_the_reporter(self) -> None:
        author, reporter = make_user("alice"), bob()
        author.profile.bio = "Send money"
        author.profile.save()
        make_connection(author, reporter, status="accepted", responded_at=timezone.now())
        reported = {
            "story": (make_story(author, "Sunrise"), {"caption": "Sunrise", "sha256": "0" * 64}),
            "message": (make_message(author, reporter, "Pay me"), {"text": "Pay me"}),
            "user": (author, {"username": "alice", "bio": "Send money"}),
        }
        for kind, (target, text) in reported.items():
            case = file_report(reporter, kind, target).case
            assert case is not None
            assert [snapshot.text for snapshot in case.snapshots.all()] == [text]

    def test_content_snapshots_are_purged_after_case_and_appeal(self) -> None:
        author, boss = alice(), admin()
        reporter = bob()
        kept, struck = (file_report(reporter, "event", make_event(author)).case for _number in range(2))
        assert kept is not None
        assert struck is not None
        resolve_case(boss, struck.pk, outcomes=["warned"])
        release_unneeded()
        assert ContentSnapshot.objects.count() == 2
        resolve_case(boss, kept.pk, outcomes=["kept"])
        release_unneeded()
        assert ContentSnapshot.objects.count() == 2, "the decision may still be undone in silence"
        with time_machine.travel(timezone.now() + timedelta(days=1)):
            release_unneeded()
            assert list(ContentSnapshot.objects.values_list("case", flat=True)) == [struck.pk]
            made = appeal(author, Decision.objects.get(target_id=struck.pk).pk, text="It was a joke.")
        with time_machine.travel(timezone.now() + timedelta(days=60)):
            release_unneeded()
            assert ContentSnapshot.objects.exists()
            rule_on_appeal(make_staff("other", is_superuser=True), made.pk, overturn=False, text="No.")
            release_unneeded()
            assert not ContentSnapshot.objects.exists()

    def test_failed_releases_block_no_other_and_succeed_later(self) -> None:
        author = alice()
        stuck, free = (make_story(author, held=True) for _number in range(2))
        with as_owner(), connection.cursor() as cursor:
            cursor.execute(f"""
                CREATE FUNCTION refuse() RETURNS trigger AS 'BEGIN RAISE EXCEPTION ''not now''; END' LANGUAGE plpgsql;
                CREATE TRIGGER stuck BEFORE UPDATE ON stories_story FOR EACH ROW WHEN (OLD.id = {stuck.pk})
                EXECUTE FUNCTION refuse();
            """)
        try:
            release_unneeded()
            assert list(Story.objects.filter(held=True)) == [stuck]
        finally:
            with as_owner(), connection.cursor() as cursor:
                cursor.execute("DROP FUNCTION refuse CASCADE")
        release_unneeded()
        assert not Story.objects.filter(held=True).exists()
        assert free.pk != stuck.pk
