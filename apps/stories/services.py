"""Stories: posted, seen, removed by staff, put on legal hold, and deleted with their files."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from apps.access import require, visible
from apps.audit.actions import Action
from apps.audit.history import delete_as, save_as
from apps.errors import Absent, Invalid
from apps.infra.files.renditions import delete_file
from apps.infra.files.storage import filed
from apps.infra.files.uploads import take_story
from apps.review.decisions.removal import remove_as, restore_as
from apps.stories.models import BY_EXPIRY, Story, StoryQuerySet, StoryView
from apps.stories.permissions import feed_policy
from apps.users.models import User, unshown
from apps.users.permissions import hidden_from
from apps.visibility.compiled import Listing, compiled
from apps.visibility.counting import Terms, count_terms, still_to_come
from apps.visibility.evaluate import visible_rows
from apps.visibility.snapshot import live_for

logger = logging.getLogger(__name__)

LONGEST_CAPTION = 500
FREED_AT_ONCE = 500


@compiled()
def feed(viewer: User) -> QuerySet[Story]:
    """The feed of `viewer`: public stories, those of connections, their own; newest first."""
    return with_seen(visible_rows(feed_policy, Story, viewer, StoryQuerySet).newest_first(), viewer)


@feed.counted
def _count_feed(viewer: User) -> Terms:
    snapshot = live_for(viewer)
    policy = feed_policy(viewer, snapshot)
    return count_terms(policy, Story.objects.all(), *still_to_come(policy, Story, snapshot, BY_EXPIRY))


def stories_of(author: User, *, expired: bool = False) -> Listing[Story]:
    """The stories of `author` that have not expired, or with `expired` all of them; newest first."""
    return _own_stories(author, expired=expired)


@compiled(expired=(False, True))
def _own_stories(viewer: User, *, expired: bool) -> QuerySet[Story]:
    stories = visible(viewer, Story, StoryQuerySet).filter(author_id=viewer.pk).kept()
    return with_seen((stories if expired else stories.active(live_for(viewer).now)).newest_first(), viewer)


def story_for(viewer: User, story_id: int) -> Story:
    """One story as `viewer` sees it. Raises `Absent`."""
    story = _story(viewer, story_id).first()
    if story is None:
        raise _absent()
    return story


@compiled()
def _story(viewer: User, story_id: int) -> QuerySet[Story]:
    return with_seen(visible(viewer, Story), viewer).filter(pk=story_id)


def with_seen(stories: QuerySet[Story], viewer: User) -> QuerySet[Story]:
    """Adds the author, and `seen`: whether the viewer has."""
    views = StoryView.objects.filter(story=OuterRef("pk"), viewer_id=viewer.pk)
    return stories.select_related("author__profile").defer(*unshown("author")).annotate(seen=Exists(views))


def viewers_of(actor: User, story_id: int) -> QuerySet[StoryView]:
    """The viewers of an author's own story, latest first. Raises `Absent`, `Refused`."""
    story = story_for(actor, story_id)
    require(actor, "stories.view_storyview", story)
    views = story.views.filter(viewer__is_active=True).exclude(viewer__in=hidden_from(actor))
    return views.select_related("viewer__profile").order_by("-seen_at", "-id")


def post_story(
    author: User, upload: UploadedFile[bytes], *, caption: str = "", audience: str = Story.Audience.PUBLIC
) -> Story:
    """Post an image or video for 24 hours. Raises what `take_story` does."""
    _check_caption(caption)
    taken = take_story(upload, field="content_file")
    story = Story(
        author=author,
        content_file=taken.file,
        media_type=taken.media_type,
        size=taken.size,
        sha256=taken.sha256,
        caption=caption,
        audience=audience,
    )
    with filed(story.content_file), transaction.atomic():
        save_as(author, story, action=Action.STORY_POSTED)
    return story_for(author, story.pk)


@transaction.atomic
def update_story(actor: User, story_id: int, *, caption: str | None = None, audience: str | None = None) -> Story:
    """Change caption or audience of an own story. None leaves it as it is."""
    story = _locked(actor, story_id, "stories.change_story")
    if caption is not None:
        _check_caption(caption)
        story.caption = caption
    if audience is not None:
        story.audience = audience
    save_as(actor, story, action=Action.STORY_CHANGED)
    return story_for(actor, story.pk)


@transaction.atomic
def delete_story(actor: User, story_id: int) -> None:
    """Delete an own story with its file; on legal hold, it is only hidden until that ends."""
    story = _locked(actor, story_id, "stories.delete_story")
    if story.held:
        story.deleted_at = timezone.now()
        save_as(actor, story, action=Action.STORY_DELETED)
    else:
        _delete_for_good(actor, story)


@transaction.atomic
def mark_seen(viewer: User, story_id: int) -> None:
    """Record the first time that `viewer` sees a story; not for its author."""
    story: Any = story_for(viewer, story_id)
    if story.author_id == viewer.pk or story.seen:
        return
    # Locked, so that it cannot be deleted between the query and the insert.
    if visible(viewer, Story).select_for_update(of=("self",), no_key=True).filter(pk=story_id).first() is None:
        raise _absent()
    StoryView.objects.bulk_create([StoryView(story=story, viewer=viewer)], ignore_conflicts=True)


# --- Staff -----------------------------------------------------------------------------------------------------------


def remove_story(actor: User, story_id: int, *, reason: str = "", batch: UUID | None = None) -> Story:
    """Remove a story at all entry points. Raises `Conflict` where it is removed already."""
    return _decide(actor, story_id, remove_as, reason, batch)


def restore_story(actor: User, story_id: int, *, reason: str = "", batch: UUID | None = None) -> Story:
    """Restore a removed story; its 24 hours have run on."""
    return _decide(actor, story_id, restore_as, reason, batch)


@transaction.atomic
def _decide(actor: User, story_id: int, action: Callable[..., Any], reason: str, batch: UUID | None) -> Story:
    story = Story.objects.select_for_update(of=("self",)).select_related("author").filter(pk=story_id).first()
    if story is None:
        raise _absent()
    require(actor, "stories.delete_story", story)
    action(actor, story, subject_id=story.author_id, named={"thing": "story"}, reason=reason, batch=batch)
    return story


# --- Evidence and files ----------------------------------------------------------------------------------------------


@transaction.atomic
def hold_story(actor: User, story_id: int) -> None:
    """Put a story on legal hold: its file is kept until `release_story`. Raises `Absent`."""
    story = Story.objects.select_for_update(of=("self",)).filter(pk=story_id).first()
    if story is None or story.deleted_at is not None or story.freed_at is not None:
        raise _absent()
    if not story.held:
        story.held = True
        save_as(actor, story, action=Action.STORY_HELD)


@transaction.atomic
def release_story(actor: User | None, story_id: int, *, still_needed: Callable[[], bool]) -> None:
    """End the legal hold of a story, unless it is `still_needed`, which is asked while its row is locked."""
    story = Story.objects.select_for_update(of=("self",)).filter(pk=story_id).first()
    if story is None or not story.held or still_needed():
        return
    story.held = False
    if story.deleted_at is not None:
        _delete_for_good(actor, story)
    else:
        save_as(actor, story, action=Action.STORY_HOLD_RELEASED)


def free_expired() -> int:
    """Delete the files of expired stories; returns how many. What fails is left to the next run."""
    freed = 0
    ids = Story.objects.to_free().order_by("expires_at").values_list("pk", flat=True)
    for story_id in list(ids[:FREED_AT_ONCE]):
        try:
            freed += _free(story_id)
        except Exception:
            logger.exception("The file of story %d could not be freed", story_id)
    return freed


@transaction.atomic
def _free(story_id: int) -> bool:
    story = Story.objects.to_free().select_for_update(skip_locked=True).filter(pk=story_id).first()
    if story is None:
        return False
    # The file first: a story marked as freed is never read again, a missing file is ignored.
    delete_file(str(story.content_file.name))
    story.freed_at = timezone.now()
    save_as(None, story, action=Action.STORY_EXPIRED)
    return True


def _delete_for_good(actor: User | None, story: Story) -> None:
    name = str(story.content_file.name)
    delete_as(actor, story, action=Action.STORY_DELETED)
    if story.freed_at is None:
        # At once; and by a job that commits with the deletion, should storage be away or the process die.
        app.configure_task("stories.delete_file", allow_unknown=False).defer(name=name)
        transaction.on_commit(partial(delete_file, name), robust=True)


# --- Shared ----------------------------------------------------------------------------------------------------------


def _absent() -> Absent:
    return Absent("not-found", _("There is no such story."))


def _locked(actor: User, story_id: int, perm: str) -> Story:
    """A story that `actor` may see, locked. Raises `Absent`, `Refused`."""
    story = visible(actor, Story).select_for_update(of=("self",)).filter(pk=story_id).first()
    if story is None:
        raise _absent()
    require(actor, perm, story)
    return story


def _check_caption(caption: str) -> None:
    if len(caption) > LONGEST_CAPTION:
        raise Invalid("too-long", _("A caption has at most 500 characters."), field="caption")
