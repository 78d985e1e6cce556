"""Appeals: once, in time, ruled on by another officer, and what becomes of the evidence."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from guardian.shortcuts import assign_perm

from apps.errors import Absent, Conflict, Invalid, Refused
from apps.moderation.appeals import appeal, rule_on_appeal
from apps.moderation.cases import resolve_case
from apps.moderation.models import Appeal, Case, Report, Strike
from apps.moderation.reporting import report
from apps.moderation.retention import release_unneeded
from apps.notifications.models import Kind, Notification
from apps.review.conflicts import conflict_of, without_conflicts
from apps.review.decisions.models import Decision
from apps.review.decisions.services import undo
from apps.stories.models import Story
from apps.stories.services import delete_story, free_expired
from apps.users.models import User
from tests.factories import make_story
from tests.jobs import run_jobs
from tests.people import admin, alice, bob, community, make_staff
from tests.races import at_once, lost, won

UNDO_WINDOW = timedelta(seconds=10)


def decided(author: User, decider: User, *outcomes: str, notified: bool = True) -> Decision:
    """A decision about a story of `author`, reported by Bob."""
    made = report(bob(), kind="story", target_id=make_story(author).pk, reason="spam")
    assert made.case_id is not None
    resolve_case(decider, made.case_id, outcomes=list(outcomes) or ["removed"])
    if notified:
        run_jobs(later=UNDO_WINDOW)
    return Decision.objects.get()


def last_notification(user: User) -> tuple[str, str]:
    return Notification.objects.filter(recipient=user).values_list("kind", "text").latest("id")


@pytest.mark.django_db
class TestAppeals:
    def test_decisions_are_appealed_once(self) -> None:
        author = alice()
        decision = decided(author, community())
        made = appeal(author, decision.pk, text=" It is art. ")
        assert (made.text, made.status, made.decider) == ("It is art.", "open", decision.actor)
        with pytest.raises(Conflict) as refusal:
            appeal(author, decision.pk, text="Please!")
        assert refusal.value.code == "already-appealed"

    @pytest.mark.parametrize("outcome", ["removed", "suspended"])
    def test_officers_without_the_permission_to_overturn_are_shown_who_has_it(self, outcome: str) -> None:
        author, decider, ruler = alice(), community(), make_staff("ruler")
        assign_perm("moderation.settle_report", ruler)
        decision = decided(author, decider, outcome)
        made = appeal(author, decision.pk, text="It is art.")
        assert not without_conflicts(ruler, Appeal.objects.all()).exists()
        with CaptureQueriesContext(connection) as queries:
            refusal = conflict_of(ruler, made)
        assert not any("ORDER BY" in query["sql"] for query in queries), "no officer is searched for yet"
        assert "No other colleague holds it; ask an access manager." in str(refusal)
        second = make_staff("second", "Community Manager")
        assert "It can be decided by: second." in str(conflict_of(ruler, made))
        assert without_conflicts(second, Appeal.objects.all()).exists()

    def test_appeals_are_refused_after_twenty_days(self) -> None:
        author = alice()
        decision = decided(author, community())
        with time_machine.travel(decision.made_at + timedelta(days=20, seconds=1)):
            with pytest.raises(Conflict) as refusal:
                appeal(author, decision.pk, text="It is art.")
            assert refusal.value.code == "too-late"
        with time_machine.travel(decision.made_at + timedelta(days=20, seconds=-5)):
            assert appeal(author, decision.pk, text="It is art.").pk

    def test_appeals_are_open_to_the_notified_author_alone(self) -> None:
        author = alice()
        decision = decided(author, community(), notified=False)
        for person in (author, User.objects.get(username="bob")):
            with pytest.raises(Absent):
                appeal(person, decision.pk, text="It is art.")
        run_jobs(later=UNDO_WINDOW)
        with pytest.raises(Absent):
            appeal(User.objects.get(username="bob"), decision.pk, text="It is art.")
        with pytest.raises(Absent):
            appeal(author, 10**9, text="It is art.")
        for text in ("  ", "x" * 2001):
            with pytest.raises(Invalid):
                appeal(author, decision.pk, text=text)

    def test_undone_decisions_cannot_be_appealed(self) -> None:
        author, boss = alice(), admin()
        decision = decided(author, boss)
        undo(boss, decision.pk)
        with pytest.raises(Conflict) as refusal:
            appeal(author, decision.pk, text="It is art.")
        assert refusal.value.code == "decision-undone"


@pytest.mark.django_db
class TestRulings:
    def test_overturned_the_decision_is_undone_and_the_case_closed(self) -> None:
        author, decider, other = alice(), admin(), community()
        made = appeal(author, decided(author, decider).pk, text="It is art.")
        ruled = rule_on_appeal(other, made.pk, overturn=True, text="You are right.", version=1)
        assert (ruled.status, ruled.ruled_by, ruled.ruling) == ("overturned", other, "You are right.")
        assert Story.objects.get().removed_at is None
        assert not Strike.objects.in_force().exists()
        case = Case.objects.get()
        assert (case.status, case.outcomes, case.closed_by) == ("closed", ["kept"], other)
        assert Report.objects.get().outcome == "kept"
        run_jobs(later=UNDO_WINDOW)
        kind, text = last_notification(author)
        assert kind == Kind.APPEAL_DECIDED
        assert text.endswith("You are right.")
        assert last_notification(User.objects.get(username="bob"))[0] == Kind.REPORT_CLOSED
        with pytest.raises(Conflict):
            undo(decider, Decision.objects.get(verb="appeal.overturned").pk)

    def test_upheld_decisions_stay_and_their_ruling_is_undone(self) -> None:
        author, decider, other = alice(), admin(), community()
        made = appeal(author, decided(author, decider).pk, text="It is art.")
        rule_on_appeal(other, made.pk, overturn=False, text="It is not.")
        assert Story.objects.get().removed_at is not None
        assert Strike.objects.in_force().exists()
        undo(other, Decision.objects.get(verb="appeal.upheld").pk)
        run_jobs(later=UNDO_WINDOW)
        assert last_notification(author)[0] != Kind.APPEAL_DECIDED
        made.refresh_from_db()
        assert (made.status, made.ruling, made.version) == ("open", "", 3)
        assert rule_on_appeal(other, made.pk, overturn=True, text="It is.").status == "overturned"

    def test_rulings_on_decisions_undone_since_are_not_undone(self) -> None:
        author, decider, other = alice(), admin(), community()
        decision = decided(author, decider)
        rule_on_appeal(other, appeal(author, decision.pk, text="It is art.").pk, overturn=False, text="It is not.")
        undo(decider, decision.pk)
        with pytest.raises(Conflict) as refusal:
            undo(other, Decision.objects.get(verb="appeal.upheld").pk)
        assert refusal.value.code == "changed-since"

    def test_deciders_cannot_rule_on_their_own_decisions(self) -> None:
        author, decider = alice(), admin()
        made = appeal(author, decided(author, decider).pk, text="It is art.")
        with pytest.raises(Refused) as refusal:
            rule_on_appeal(decider, made.pk, overturn=False, text="No.")
        assert refusal.value.code == "own-decision"
        with pytest.raises(IntegrityError), transaction.atomic():
            Appeal.objects.update(status="upheld", ruling="No.", ruled_by=decider, ruled_at=timezone.now())

    def test_ruling_needs_the_permission_and_a_text(self) -> None:
        author, other = alice(), community()
        made = appeal(author, decided(author, admin()).pk, text="It is art.")
        with pytest.raises(Refused, match="Can settle report"):
            rule_on_appeal(make_staff("clerk"), made.pk, overturn=False, text="No.")
        for text in ("", "  ", "x" * 801):
            with pytest.raises(Invalid):
                rule_on_appeal(other, made.pk, overturn=False, text=text)
        with pytest.raises(IntegrityError), transaction.atomic():
            Appeal.objects.update(status="upheld", ruled_by=other, ruled_at=timezone.now())
        with pytest.raises(Absent):
            rule_on_appeal(other, 10**9, overturn=False, text="No.")

    def test_open_appeals_refuse_other_undoing_of_the_decision(self) -> None:
        author, decider = alice(), admin()
        decision = decided(author, decider)
        appeal(author, decision.pk, text="It is art.")
        with pytest.raises(Conflict) as refusal:
            undo(decider, decision.pk)
        assert refusal.value.code == "appealed"

    def test_a_new_case_about_the_same_does_not_stop_it(self) -> None:
        author, decider, other = alice(), admin(), community()
        made = appeal(author, decided(author, decider, "warned").pk, text="It is art.")
        again = report(User.objects.get(username="bob"), kind="story", target_id=Story.objects.get().pk, reason="spam")
        rule_on_appeal(other, made.pk, overturn=True, text="Right.")
        again.refresh_from_db()
        assert again.status == "open"
        assert Case.objects.open().count() == 1


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_exactly_one_of_twenty_appeals_is_made(self) -> None:
        author = alice()
        decision = decided(author, community())
        results = at_once([partial(appeal, author, decision.pk, text="It is art.")] * 20)
        assert len(won(results)) == 1
        assert lost(results) == {(Conflict, "already-appealed")}

    def test_exactly_one_of_twenty_rulings_counts(self) -> None:
        author = alice()
        decision = decided(author, admin())
        made = appeal(author, decision.pk, text="It is art.")
        staff = [make_staff(f"staff{number}", "Community Manager") for number in range(20)]
        results = at_once(
            [
                partial(rule_on_appeal, person, made.pk, overturn=bool(number % 2), text="So be it.")
                for number, person in enumerate(staff)
            ]
        )
        [ruled] = won(results)
        assert lost(results) == {(Conflict, "already-decided")}
        decision.refresh_from_db()
        assert (decision.undone_at is not None) == (ruled.status == "overturned")

    def test_appealing_and_undoing_at_once_lets_one_win(self) -> None:
        author, boss = alice(), admin()
        decision = decided(author, boss)
        results = at_once([partial(appeal, author, decision.pk, text="It is art."), partial(undo, boss, decision.pk)])
        assert len(won(results)) == 1
        assert len(lost(results) & {(Conflict, "decision-undone"), (Conflict, "appealed")}) == 1


@pytest.mark.django_db
class TestEvidence:
    def test_evidence_is_kept_while_an_appeal_is_possible_or_open(self) -> None:
        author, other = alice(), community()
        decision = decided(author, admin())
        story = Story.objects.get()
        delete_story(author, story.pk)
        with time_machine.travel(decision.made_at + timedelta(days=19)):
            assert free_expired() == 0
            release_unneeded()
            made = appeal(author, decision.pk, text="It is art.")
        with time_machine.travel(decision.made_at + timedelta(days=60)):
            release_unneeded()
            assert Story.objects.filter(pk=story.pk, held=True).exists()
            rule_on_appeal(other, made.pk, overturn=False, text="It is not.")
            release_unneeded()
        assert not Story.objects.exists()

    def test_evidence_is_released_after_the_time_to_appeal(self) -> None:
        author = alice()
        decision = decided(author, admin())
        with time_machine.travel(decision.made_at + timedelta(days=20, seconds=1)):
            release_unneeded()
            assert free_expired() == 1
