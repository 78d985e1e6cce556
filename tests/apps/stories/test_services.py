"""Stories: who sees them until when, what deletion leaves, evidence, and files that are freed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from typing import Any

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.core.files.storage.filesystem import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError
from PIL import Image

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.connections.models import Connection
from apps.errors import Absent, Conflict, Invalid, Refused, WrongKind
from apps.notifications.models import Kind, Notification
from apps.review.decisions.models import UNDO_WINDOW, Decision
from apps.review.decisions.services import undo
from apps.stories import jobs, services
from apps.stories.models import Story, StoryView
from apps.stories.services import (
    delete_story,
    feed,
    free_expired,
    hold_story,
    mark_seen,
    post_story,
    release_story,
    remove_story,
    restore_story,
    stories_of,
    story_for,
    update_story,
    viewers_of,
)
from apps.users.accounts.relationships import block
from apps.users.models import Follow, User
from tests.factories import make_connection, make_story
from tests.jobs import run_jobs, waiting
from tests.people import admin, alice, bob, carol, make_staff, make_user
from tests.races import at_once, won

NOON = datetime(2030, 6, 1, 12, tzinfo=UTC)


def picture(name: str = "sunrise.png") -> SimpleUploadedFile:
    out = BytesIO()
    Image.new("RGB", (8, 8), "teal").save(out, "PNG")
    return SimpleUploadedFile(name, out.getvalue())


def connect(one: User, other: User) -> None:
    make_connection(one, other, status=Connection.Status.ACCEPTED, responded_at=datetime.now(UTC))


def sees(viewer: User, story: Story) -> bool:
    listed = story in feed(viewer)
    try:
        story_for(viewer, story.pk)
    except Absent:
        assert not listed
        return False
    return True


def has_seen(viewer: User, story: Story) -> bool:
    found: Any = story_for(viewer, story.pk)
    return bool(found.seen)


def is_stored(story: Story) -> bool:
    return default_storage.exists(str(story.content_file.name))


# --- Who sees what ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
class TestAudience:
    def test_public_stories_are_visible_to_all_users(self) -> None:
        story = make_story(alice())
        for viewer in (bob(), story.author):
            assert sees(viewer, story)
            assert list(feed(viewer)) == [story]

    def test_the_others_are_for_accepted_connections_and_not_for_followers(self) -> None:
        author, friend, asking, follower, stranger = alice(), bob(), make_user("asking"), carol(), make_user("x")
        story = make_story(author, audience="connections")
        connect(friend, author)
        make_connection(asking, author)
        Follow.objects.create(follower=follower, followed=author)
        assert sees(friend, story)
        assert sees(author, story)
        for viewer in (asking, follower, stranger):
            assert not sees(viewer, story)
        Connection.objects.of(friend.pk).get().delete()
        assert not sees(friend, story)

    def test_a_block_hides_stories_both_ways(self) -> None:
        one, other = alice(), bob()
        stories = [make_story(one), make_story(other)]
        connect(one, other)
        block(one, "bob")
        assert list(feed(one)) == [stories[0]]
        assert list(feed(other)) == [stories[1]]
        assert not sees(other, stories[0])
        assert not sees(one, stories[1])

    def test_the_switched_off_take_theirs_along(self) -> None:
        author = alice()
        story = make_story(author)
        author.is_active = False
        save_as(None, author, action=Action.STAFF_DEACTIVATED)
        assert not sees(bob(), story)

    def test_the_newest_come_first(self) -> None:
        author = alice()
        stories = [make_story(author, hours_old=hours) for hours in (3, 1, 2)]
        assert list(feed(author)) == [stories[1], stories[2], stories[0]]


@pytest.mark.django_db
class TestExpiry:
    def test_stories_expire_on_time_without_jobs(self) -> None:
        author, viewer = alice(), bob()
        with time_machine.travel(NOON, tick=False):
            story = post_story(author, picture())
            assert story.expires_at == NOON + timedelta(hours=24)
        with time_machine.travel(NOON + timedelta(hours=24, microseconds=-1), tick=False):
            assert sees(viewer, story)
            mark_seen(viewer, story.pk)
        with time_machine.travel(NOON + timedelta(hours=24), tick=False):
            assert not sees(viewer, story)
            with pytest.raises(Absent):
                mark_seen(viewer, story.pk)
            assert story_for(author, story.pk) == story
            assert list(stories_of(author)) == []
            assert list(stories_of(author, expired=True)) == [story]
            assert list(feed(author)) == []

    def test_removed_stories_are_visible_to_their_author_alone_and_unlisted(self) -> None:
        author, viewer = alice(), bob()
        story = make_story(author)
        remove_story(admin(), story.pk, reason="spam")
        assert not sees(viewer, story)
        assert story_for(author, story.pk) == story
        assert list(feed(author)) == list(stories_of(author, expired=True)) == []


# --- Seen ------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_seen_once_is_seen() -> None:
    author, viewer, other = alice(), bob(), carol()
    story = make_story(author)
    assert not has_seen(viewer, story)
    first = None
    for _again in range(2):
        mark_seen(viewer, story.pk)
        row = StoryView.objects.get()
        first = first or row.seen_at
        assert row.seen_at == first
    assert has_seen(viewer, story)
    assert not has_seen(other, story)
    mark_seen(author, story.pk)
    mark_seen(other, story.pk)
    assert [view.viewer for view in viewers_of(author, story.pk)] == [other, viewer]
    with pytest.raises(Refused):
        viewers_of(viewer, story.pk)
    block(author, "carol")
    assert [view.viewer for view in viewers_of(author, story.pk)] == [viewer]


@pytest.mark.django_db(transaction=True)
def test_twenty_views_at_once_are_one() -> None:
    story, viewer = make_story(alice()), bob()
    assert len(won(at_once([partial(mark_seen, viewer, story.pk)] * 20))) == 20
    assert StoryView.objects.count() == 1


# --- Posting, changing, deleting -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_file_is_recognized_by_its_content() -> None:
    author = alice()
    with pytest.raises(WrongKind):
        post_story(author, SimpleUploadedFile("sunrise.png", b"<html><script>"))
    with pytest.raises(Invalid) as refusal:
        post_story(author, picture(), caption="x" * 501)
    assert refusal.value.field == "caption"
    assert not Story.objects.exists()


@pytest.mark.django_db
def test_a_row_that_cannot_be_written_leaves_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    author, stored = alice(), []
    keep: Any = FileSystemStorage._save

    def note(self: Any, name: str, content: Any) -> str:
        stored.append(keep(self, name, content))
        return stored[-1]

    def fail(*_: Any, **__: Any) -> None:
        raise DatabaseError

    monkeypatch.setattr(FileSystemStorage, "_save", note)
    monkeypatch.setattr("apps.audit.history.insert", fail)
    with pytest.raises(DatabaseError):
        post_story(author, picture())
    [name] = stored
    assert not default_storage.exists(name)


@pytest.mark.django_db
def test_stories_are_changed_by_their_author_alone() -> None:
    author, viewer = alice(), bob()
    story = make_story(author, audience="connections")
    assert update_story(author, story.pk, caption="Edited").caption == "Edited"
    assert update_story(author, story.pk, caption="").audience == "connections"
    assert update_story(author, story.pk, audience="public").caption == ""
    with pytest.raises(Refused):
        update_story(viewer, story.pk, caption="Mine")
    with pytest.raises(Refused):
        delete_story(viewer, story.pk)


@pytest.mark.django_db(transaction=True)
def test_its_author_deletes_it_with_its_file() -> None:
    author = alice()
    story = post_story(author, picture())
    mark_seen(bob(), story.pk)
    delete_story(author, story.pk)
    assert not Story.objects.exists()
    assert not is_stored(story)
    run_jobs()  # finds nothing left to do


@pytest.mark.django_db(transaction=True)
def test_a_file_that_could_not_be_deleted_at_once_is_deleted_by_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    author = alice()
    story = post_story(author, picture())

    def fail(*_: Any) -> None:
        raise OSError("The storage is away.")

    with monkeypatch.context() as away:
        away.setattr(FileSystemStorage, "delete", fail)
        delete_story(author, story.pk)
        assert is_stored(story)
    assert len(waiting("stories.delete_file")) == 1
    run_jobs()
    assert not is_stored(story)


# --- Staff -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_staff_removals_and_restorations_notify_the_author() -> None:
    author, boss, viewer = alice(), admin(), bob()
    story = make_story(author)
    remove_story(boss, story.pk, reason="nudity")
    run_jobs(later=UNDO_WINDOW)
    with pytest.raises(Conflict) as refusal:
        remove_story(boss, story.pk)
    assert refusal.value.code == "already-removed"
    assert is_stored(story)
    restore_story(boss, story.pk)
    assert sees(viewer, story)
    with pytest.raises(Conflict):
        restore_story(boss, story.pk)
    with pytest.raises(Refused, match="Can delete story"):
        remove_story(make_staff("clerk"), story.pk)
    with pytest.raises(Absent):
        remove_story(boss, 10**9)
    run_jobs(later=UNDO_WINDOW)
    kinds = Notification.objects.filter(recipient=author).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == [Kind.CONTENT_REMOVED, Kind.CONTENT_RESTORED]
    versions = story.history.order_by("history_id")
    assert [(version.history_user, version.sentence) for version in versions] == [
        (author, "posted"),
        (boss, "removed: nudity"),
        (boss, "restored"),
    ]


@pytest.mark.django_db
def test_stories_restored_in_time_notify_no_author() -> None:
    author, boss = alice(), admin()
    story = make_story(author)
    remove_story(boss, story.pk)
    assert restore_story(boss, story.pk, reason="wrong one").removed_at is None
    story.refresh_from_db()
    assert story.removed_at is None
    run_jobs(later=UNDO_WINDOW)
    assert not Notification.objects.exists()
    [decision] = Decision.objects.all()
    assert (decision.verb, decision.undone_by, decision.undo_reason) == ("story.removed", boss, "wrong one")


@pytest.mark.django_db
def test_removals_and_restorations_are_undone_as_decisions() -> None:
    author, boss = alice(), admin()
    story = make_story(author)
    remove_story(boss, story.pk, reason="nudity")
    run_jobs(later=UNDO_WINDOW)
    restore_story(boss, story.pk)
    removed, restored = Decision.objects.order_by("id")
    with pytest.raises(Conflict):
        undo(boss, removed.pk)
    undo(boss, restored.pk)
    story.refresh_from_db()
    assert (story.removed_by, story.removal_reason) == (boss, "nudity")
    undo(boss, removed.pk)
    story.refresh_from_db()
    assert story.removed_at is None
    run_jobs(later=UNDO_WINDOW)
    kinds = Notification.objects.filter(recipient=author).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == [Kind.CONTENT_REMOVED, Kind.CONTENT_RESTORED]


# --- Evidence and files ----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
class TestEvidence:
    def test_stories_under_report_survive_deletion_and_expiry(self) -> None:
        author, reporter = alice(), bob()
        story = make_story(author, hours_old=20)
        hold_story(reporter, story.pk)
        delete_story(author, story.pk)
        with pytest.raises(Absent):
            story_for(author, story.pk)
        assert not sees(reporter, story)
        with time_machine.travel(datetime.now(UTC) + timedelta(hours=5)):
            assert free_expired() == 0
            assert is_stored(story)
            release_story(admin(), story.pk, still_needed=lambda: True)
            assert is_stored(story)
            release_story(make_staff("boss", is_superuser=True), story.pk, still_needed=lambda: False)
        assert not Story.objects.exists()
        assert not is_stored(story)

    def test_released_stories_stay_unless_deleted(self) -> None:
        author, reporter = alice(), bob()
        story = make_story(author)
        hold_story(reporter, story.pk)
        release_story(reporter, story.pk, still_needed=lambda: False)
        assert sees(reporter, story)
        assert is_stored(story)
        delete_story(author, story.pk)
        assert not is_stored(story)


@pytest.mark.django_db(transaction=True)
class TestPurging:
    def test_expired_stories_alone_lose_their_files_and_keep_their_row(self) -> None:
        author = alice()
        expired, active = make_story(author, hours_old=24), make_story(author, hours_old=23.99)
        assert free_expired() == 1
        assert (is_stored(expired), is_stored(active)) == (False, True)
        expired.refresh_from_db()
        assert expired.freed_at is not None
        assert expired.history.latest().action == "story.expired"
        assert expired.history.latest().history_user is None
        assert free_expired() == 0
        delete_story(author, expired.pk)
        assert waiting("stories.delete_file") == []

    def test_a_file_that_is_missing_is_no_trouble(self) -> None:
        story = make_story(alice(), hours_old=30)
        default_storage.delete(str(story.content_file.name))
        assert free_expired() == 1

    def test_failed_purges_are_finished_by_the_next_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        author = alice()
        first, broken, last = (make_story(author, hours_old=hours) for hours in (40, 30, 25))
        delete = FileSystemStorage.delete

        def fail_once(self: FileSystemStorage, name: str) -> None:
            if name == broken.content_file.name:
                raise OSError("The storage is away.")
            delete(self, name)

        with monkeypatch.context() as away:
            away.setattr(FileSystemStorage, "delete", fail_once)
            assert free_expired() == 2
        assert [is_stored(story) for story in (first, broken, last)] == [False, True, False]
        assert free_expired() == 1
        assert not is_stored(broken)

    def test_a_run_that_dies_between_file_and_row_is_made_good(self, monkeypatch: pytest.MonkeyPatch) -> None:
        story = make_story(alice(), hours_old=30)

        def die(*_: Any, **__: Any) -> None:
            raise DatabaseError("The connection is gone.")

        with monkeypatch.context() as away:
            away.setattr(services, "save_as", die)
            assert free_expired() == 0
        assert not is_stored(story)
        assert free_expired() == 1

    def test_the_job_goes_on_until_nothing_is_left(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(services, "FREED_AT_ONCE", 2)
        author = alice()
        for _number in range(5):
            make_story(author, hours_old=30)
        jobs.free_expired(0)
        assert not Story.objects.to_free().exists()

    def test_two_workers_share_the_work(self) -> None:
        author = alice()
        for _number in range(30):
            make_story(author, hours_old=30)
        assert sum(at_once([free_expired] * 4)) == 30
        assert Story.history.filter(action="story.expired").count() == 30
