"""The demo holds what people are promised who try it out, and nothing that the services would not have let in."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import timedelta
from random import Random

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q
from django.test import TestCase, override_settings
from django.utils import timezone

from apps.chat.models import Message, Room
from apps.connections.models import Connection
from apps.events.models import Event, Participation
from apps.infra.files.uploads import take_document, take_picture, take_story
from apps.moderation.appeals import rule_on_appeal
from apps.moderation.models import Appeal, Case, Report
from apps.notifications.models import Notification
from apps.review.decisions.models import Decision
from apps.review.decisions.services import snapshot_of
from apps.review.message_templates import templates_for
from apps.review.models import Note, ReviewItem
from apps.review.notices import notices_of, unread_count
from apps.review.preferences import is_away
from apps.stories.models import Story
from apps.users.accounts.guards import access_administrators
from apps.users.models import BlindCheck, Block, DocType, Document, Profile, Reason, Role, User
from apps.users.names import skeleton_key
from apps.users.staff.access_review import ends_soon, staff_access
from apps.users.verification.details import compare_details
from apps.users.verification.duplicates import duplicates, inspect_document
from apps.users.verification.four_eyes import needs_second
from apps.users.verification.quality import open_checks, quality
from demo.accounts import PASSWORD, STAFF, TRIO
from demo.colleagues import COLLEAGUES
from demo.drawing.documents import Holder, business_paper, identity_card
from demo.drawing.people import portrait
from demo.drawing.scenes import scene
from demo.load import load

OFFICERS = {"admin", "compliance", "robin.marsh"}


def upload(file: object) -> SimpleUploadedFile:
    with file.open("rb") as opened:
        return SimpleUploadedFile("file", opened.read())


@pytest.mark.xdist_group("demo")  # one process loads the data
class DemoTest(TestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        load()

    def test_demo_has_the_promised_staff(self) -> None:
        staff = {user.username: user for user in User.objects.staff().prefetch_related("groups")}
        assert staff.keys() == STAFF.keys() | COLLEAGUES.keys()
        assert {name: [group.name for group in user.groups.all()] for name, user in staff.items() if name in STAFF} == {
            "admin": [],
            "compliance": ["Compliance Officer"],
            "community": ["Community Manager"],
            "access": ["Access Manager"],
            "support": ["User Support Specialist"],
        }
        assert [name for name, user in staff.items() if user.is_superuser] == ["admin"]
        assert all(user.check_password(PASSWORD) for name, user in staff.items() if name in STAFF)
        assert not any(staff[name].has_usable_password() for name in COLLEAGUES)
        assert all(is_away(staff[name]) for name in COLLEAGUES), "no officer would do what is given to them"

    def test_the_access_desk_has_something_to_look_into(self) -> None:
        granted = {each.person.username: each for each in staff_access()}
        assert {name for name, each in granted.items() if each.pairs} == {"robin.marsh"}
        given = [(name, each) for name, each in granted.items() if name in COLLEAGUES]
        ends = {
            name
            for name, each in given
            for row in [*each.memberships, *(grant.row for grant in each.grants)]
            if ends_soon(row.ends_at)
        }
        assert ends == {"robin.marsh", "maya.lund"}
        idle = {name for name, each in granted.items() if each.idle_memberships or each.idle_grants}
        assert idle == {"jonas.hale"}
        assert [person.username for person in access_administrators()] == ["access"]

    def test_demo_has_the_promised_users(self) -> None:
        people = {user.username: user for user in User.objects.clients()}
        assert len(people) >= 64
        assert {name: people[name].role for name in TRIO} == {
            "brand1": Role.BRAND,
            "influencer1": Role.INFLUENCER,
            "entrepreneur1": Role.ENTREPRENEUR,
        }
        assert all(people[name].identity_verified for name in TRIO)
        assert all(people[name].check_password(PASSWORD) for name in (*TRIO, "newcomer1"))

    def test_no_two_names_look_alike(self) -> None:
        assert all(user.username_skeleton == skeleton_key(user.username) for user in User.objects.all())

    def test_the_newcomer_waits_with_one_document(self) -> None:
        newcomer = User.objects.get(username="newcomer1")
        assert not newcomer.identity_verified
        assert [document.status for document in newcomer.documents.all()] == [Document.Status.PENDING]

    def test_the_details_of_documents_match_and_some_are_flagged(self) -> None:
        officer = User.objects.get(username="compliance")
        documents = Document.objects.select_related("owner__profile", "details")
        waiting = [compare_details(officer, each) for each in documents.filter(status="pending", details__isnull=False)]
        assert {reason for each in waiting for reason in each.reasons} == {
            Reason.NAME_DIFFERS, Reason.EXPIRED, Reason.ALREADY_USED,
        }  # fmt: skip
        assert not any(each.matches.name for each in waiting), "no two share a name by chance"
        for each in documents.filter(status="approved", details__isnull=False)[:10]:
            names = [line.outcome for line in compare_details(officer, each).lines if line.is_given]
            assert {outcome.code for outcome in names if outcome} <= {"match", "not_given"}
        assert documents.get(owner__username="newcomer1").legal_name
        assert documents.filter(legal_name="").exists()

    def test_the_three_are_connected_and_share_rooms(self) -> None:
        trio = list(User.objects.filter(username__in=TRIO))
        ids = {user.pk for user in trio}
        assert Connection.objects.accepted().filter(sender__in=ids, receiver__in=ids).count() == 3
        rooms = Room.objects.annotate(
            of_them=Count("memberships", filter=Q(memberships__user__in=ids)), members=Count("memberships")
        ).filter(of_them=F("members"))
        assert sorted(rooms.values_list("members", flat=True)) == [2, 2, 2, 3]
        assert not rooms.filter(last_seq=0).exists()

    def test_messages_are_numbered_without_a_gap(self) -> None:
        rooms = Room.objects.annotate(
            count=Count("messages"), highest=Max("messages__seq"), latest=Max("messages__sent_at")
        )
        assert not rooms.exclude(last_seq=F("count"), highest=F("count"), last_message_at=F("latest")).exists()
        assert rooms.aggregate(longest=Max("last_seq"))["longest"] > 50

    def test_direct_rooms_of_the_demo_need_connections(self) -> None:
        for room in Room.objects.exclude(direct_key=None).prefetch_related("memberships"):
            one, other = (membership.user_id for membership in room.memberships.all())
            assert Connection.objects.accepted().between(one, other).exists()

    def test_blocked_users_of_the_demo_are_not_connected(self) -> None:
        assert Block.objects.count() >= 3
        for block in Block.objects.all():
            assert not Connection.objects.between(block.blocker_id, block.blocked_id).exists()

    def test_events_are_of_every_time_and_state(self) -> None:
        assert all(Event.objects.when(when).count() >= 3 for when in ("past", "ongoing", "upcoming"))
        assert Event.objects.filter(status=Event.Status.CANCELLED).exists()
        assert Event.objects.filter(removed_at__isnull=False).exists()
        going = Count("participations", filter=Q(participations__status=Participation.Status.GOING))
        counted = Event.objects.annotate(going=going)
        assert counted.filter(date__gt=timezone.now(), going=F("capacity")).exists()
        assert not counted.filter(going__gt=F("capacity")).exists()
        assert not Participation.objects.filter(user=F("event__host")).exists()
        assert not Participation.objects.filter(created_at__gt=timezone.now()).exists()

    def test_stories_are_of_every_state(self) -> None:
        assert Story.objects.active().count() >= 10
        assert Story.objects.filter(expires_at__lte=timezone.now(), freed_at__isnull=True).exists()
        assert Story.objects.filter(freed_at__isnull=False).exists()
        assert Story.objects.filter(removed_at__isnull=False).exists()
        assert Story.objects.filter(held=True).exists()
        assert {*Story.objects.active().values_list("audience", flat=True)} == {*Story.Audience.values}

    def test_documents_are_of_every_state(self) -> None:
        assert {*Document.objects.exclude(reason="").values_list("reason", flat=True)} == {*Reason.values}
        pending = Document.objects.pending()
        assert {document.media_type for document in pending} == {"image/png", "image/jpeg", "application/pdf"}
        # For the rule that businesses rejected before are checked twice.
        assert pending.filter(owner__documents__status="rejected", owner__role=Role.BRAND, doc_type="business").exists()

    def test_badges_of_the_demo_rest_on_approved_documents(self) -> None:
        approved = Document.objects.filter(status=Document.Status.APPROVED, doc_type="identity").values("owner")
        assert not User.objects.clients().filter(identity_verified=True).exclude(pk__in=approved).exists()
        assert not User.objects.filter(identity_verified=False, pk__in=approved).exists()

    def test_reports_are_of_every_kind_and_outcome(self) -> None:
        assert {*Report.objects.open().values_list("kind", flat=True)} == {*Report.Kind.values}
        closed = Report.objects.filter(status=Report.Status.CLOSED)
        assert {*closed.values_list("outcome", flat=True)} == {*Report.Outcome.values}
        assert {*Report.objects.values_list("reason", flat=True)} == {*Report.Reason.values}
        assert User.objects.filter(suspended_until__gt=timezone.now()).count() == 2
        assert Message.objects.filter(removed_at__isnull=False).count() == 2

    def test_appeals_wait_for_the_community_manager_who_can_rule_either_way(self) -> None:
        community = User.objects.get(username="community")
        waiting = list(Appeal.objects.open())
        assert len(waiting) >= 4
        assert {appeal.decider.username for appeal in waiting} == {"admin", "maya.lund"}
        assert {appeal.case.kind for appeal in waiting} == {*Report.Kind.values}
        for appeal in waiting:
            for overturn in (False, True):
                with transaction.atomic():
                    ruled = rule_on_appeal(community, appeal.pk, overturn=overturn, text="Looked at it again.")
                    assert ruled.status == ("overturned" if overturn else "upheld")
                    transaction.set_rollback(True)

    def test_a_day_s_cases_wait_of_every_kind_age_and_priority(self) -> None:
        waiting = list(Case.objects.open().annotate(reported=Count("reports")))
        assert len(waiting) >= 25
        assert all(sum(case.kind == kind for case in waiting) >= 4 for kind in Report.Kind)
        assert sum(case.reported > 1 for case in waiting) >= 10
        assert min(case.priority_score for case in waiting) <= 10 < 120 <= max(case.priority_score for case in waiting)
        assert all(case.snapshots.exists() for case in waiting)
        now = timezone.now()
        assert sum(now - case.opened_at < timedelta(hours=1) for case in waiting) >= 2
        assert sum(now - case.opened_at > timedelta(hours=24) for case in waiting) >= 4
        _assert_work_is_spread(waiting)

    def test_a_day_s_documents_wait_of_every_age(self) -> None:
        waiting = list(Document.objects.pending())
        assert len(waiting) >= 40
        now = timezone.now()
        for doc_type in DocType.values:
            of_type = [document for document in waiting if document.doc_type == doc_type]
            assert len(of_type) >= 15
            assert sum(now - document.created_at > timedelta(hours=24) for document in of_type) >= 3
        assert not any(document.created_at > now for document in waiting)
        assert len({(now - document.created_at).days for document in waiting}) >= 4
        first = [document.first_approved_by.username for document in waiting if document.first_approved_by]
        assert sorted(first) == ["admin", "robin.marsh"]
        assert sum(needs_second(document) for document in waiting) >= 5
        _assert_work_is_spread(waiting)

    def test_copies_of_documents_are_found_on_other_accounts(self) -> None:
        again = Document.objects.pending().filter(
            Exists(Document.objects.filter(sha256=OuterRef("sha256")).exclude(owner=OuterRef("owner")))
        )
        assert again.count() == 1
        smaller = Document.objects.pending().filter(media_type="image/jpeg").exclude(pk__in=again)
        assert smaller.count() == 2
        for document in (*again, *smaller):
            inspect_document(document.pk)
        for document in Document.objects.filter(doc_type="identity", status="approved").order_by("-created_at")[:2]:
            inspect_document(document.pk)
        found = duplicates(User.objects.get(username="compliance"), again.get())
        assert [one.same_file for one in found.shown] == [True]

    def test_the_last_two_weeks_have_decisions_by_several_officers_on_most_days(self) -> None:
        since = timezone.now() - timedelta(days=14)
        for verbs, officers in (
            (["document.approved", "document.rejected"], OFFICERS),
            (["case.settled"], {"admin", "community", "maya.lund"}),
        ):
            lately = Decision.objects.filter(verb__in=verbs, made_at__gte=since).select_related("actor")
            assert {decision.actor.username for decision in lately} == officers
            assert len({decision.made_at.date() for decision in lately}) >= 10, verbs
        assert not Decision.objects.filter(made_at__gt=timezone.now()).exists()

    def test_staff_have_notices_notes_and_templates(self) -> None:
        for name, kinds in (
            ("compliance", {"assigned", "mentioned"}),
            ("community", {"assigned", "mentioned"}),
            ("admin", {"assigned", "escalated", "mentioned"}),
        ):
            staff = User.objects.get(username=name)
            assert {notice.kind for notice in notices_of(staff)} == kinds, name
            assert unread_count(staff), name
        for note in Note.objects.all():
            model = apps.get_model(note.target_type)
            item = model._default_manager.get(pk=note.target_id)
            opened = item.opened_at if isinstance(item, Case) else item.created_at
            assert opened < note.created_at <= timezone.now(), note
        for name, queue in (("compliance", "documents"), ("community", "cases"), ("community", "appeals")):
            templates = templates_for(User.objects.get(username=name), queue)
            assert len(templates) >= 2
            assert all(template.texts.keys() == {"en", "de"} for template in templates)

    def test_message_reports_of_the_demo_come_from_members(self) -> None:
        for report in Report.objects.filter(kind=Report.Kind.MESSAGE):
            message = Message.objects.get(pk=report.target_id)
            assert message.room.memberships.filter(user=report.reporter).exists()

    def test_requests_and_notifications_wait_for_those_who_try_it_out(self) -> None:
        for name in (*TRIO, "newcomer1"):
            user = User.objects.get(username=name)
            assert user.requests_received.filter(status=Connection.Status.PENDING).count() >= 2
            assert user.requests_sent.filter(status=Connection.Status.PENDING).exists()
            assert user.notifications.unread().exists()
        assert not Notification.objects.filter(created_at__gt=timezone.now()).exists()

    def test_versions_of_the_demo_have_actor_and_reason(self) -> None:
        for model in (Document, Connection, Event, Report, Room, Participation):
            versions = model.history.all()
            assert not versions.filter(Q(history_user=None) | Q(action="")).exists(), model
            assert versions.filter(history_type="+").count() == model.objects.count()
        decided = Document.history.filter(status="rejected").select_related("history_user")
        assert {version.history_user.username for version in decided} == OFFICERS

    def test_officers_have_judged_each_other_s_decisions(self) -> None:
        seen = quality(User.objects.get(username="admin"))
        assert {line.name for line in seen.by_officer} == OFFICERS
        assert any(line.agreed < line.checked for line in seen.by_officer)
        reasons = [line for line in seen.by_outcome if line.reasoned]
        assert len(reasons) >= 5
        assert any(line.same_reason < line.reasoned for line in reasons)
        assert open_checks(User.objects.get(username="compliance")).exists()
        assert not Decision.objects.filter(told_at__isnull=True, target_type="users.document").exists()
        assert not BlindCheck.objects.filter(checked_at__gt=timezone.now()).exists()
        for document in Document.objects.exclude(status="pending"):
            decision = Decision.objects.about(document).get()
            assert snapshot_of(document, decision.after) == decision.after

    def test_its_files_would_be_taken(self) -> None:
        for document in Document.objects.all()[:12]:
            assert take_document(upload(document.file)).media_type == document.media_type
        for document in Document.objects.filter(media_type="application/pdf")[:2]:
            assert take_document(upload(document.file)).sha256 == document.sha256
        for story in Story.objects.active()[:8]:
            assert take_story(upload(story.content_file)).media_type == story.media_type
        for profile in Profile.objects.exclude(image="")[:4]:
            assert take_picture(upload(profile.image)).media_type == "image/jpeg"

    def test_demo_needs_an_empty_database(self) -> None:
        with override_settings(DEBUG=True), pytest.raises(CommandError, match="accounts already"):
            call_command("demo")


def _assert_work_is_spread(waiting: Sequence[ReviewItem]) -> None:
    """Some are claimed, some assigned, some snoozed, some escalated, and most are free."""
    now = timezone.now()
    assert any(item.claim_holder() for item in waiting)
    assert sum(item.assigned_to is not None for item in waiting) >= 3
    assert sum(item.snoozed_until is not None and item.snoozed_until > now for item in waiting) == 2
    assert any(item.escalated_at is not None for item in waiting)
    free = [item for item in waiting if item.assigned_to is None and not item.claim_holder() and not item.snoozed_until]
    assert len(free) > len(waiting) / 2


def test_demo_needs_debug() -> None:
    with override_settings(DEBUG=False), pytest.raises(CommandError, match="DEBUG"):
        call_command("demo")


@pytest.mark.parametrize("host", ["db.example.com", "192.0.2.7", "2001:db8::1"])
def test_demo_refuses_remote_databases(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", host)
    with override_settings(DEBUG=True), pytest.raises(CommandError, match="on this machine"):
        call_command("demo", stdout=io.StringIO())


def test_drawings_are_equal_for_equal_seeds() -> None:
    holder = Holder("Sam Seed")
    for draw in (portrait, scene, lambda random: identity_card(random, holder)):
        assert draw(Random(7)) == draw(Random(7))
    assert business_paper("A", "B", "1") == business_paper("A", "B", "1")
