"""Stories: shown for 24 hours."""

from __future__ import annotations

from typing import Any

from ninja import File, Form, Query, Router, Status, UploadedFile

from api.auth import Request, Verified
from api.errors import refusals
from api.forms import only
from api.pagination import Page, Paging, paginate
from api.schemas.common import PathId
from api.schemas.stories import OwnStoriesFilter, StoryForm, StoryOut, StoryPatch, StoryPut, StoryViewOut
from api.throttles import uploads
from apps.infra.files.uploads import VIDEO_SIZE
from apps.stories import services
from apps.stories.models import Story

router = Router()


@router.get("", response={200: Page[StoryOut]}, operation_id="list_stories")
def list_stories(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    """What is there to see now, newest first."""
    return paginate(request, services.feed(request.user), paging)


@router.get("/my_stories", response={200: Page[StoryOut]}, operation_id="list_own_stories")
def list_own_stories(request: Request, filters: Query[OwnStoriesFilter], paging: Query[Paging]) -> dict[str, Any]:
    """One's own, newest first."""
    return paginate(request, services.stories_of(request.user, expired=filters.expired), paging)


@router.post(
    "",
    auth=Verified(),
    response={201: StoryOut, **refusals(415, 503)},
    throttle=uploads("content_file", VIDEO_SIZE),
    operation_id="post_story",
)
def post_story(request: Request, content_file: File[UploadedFile], form: Form[StoryForm]) -> Status[Story]:
    """PNG, JPEG or WebP of at most 10 MiB, MP4 or WebM of at most 50 MiB."""
    only(request, "content_file", "caption", "audience")
    return Status(201, services.post_story(request.user, content_file, **form.model_dump()))


@router.get("/{story_id}", response={200: StoryOut}, operation_id="get_story")
def get_story(request: Request, story_id: PathId) -> Story:
    return services.story_for(request.user, story_id)


@router.put("/{story_id}", response={200: StoryOut}, operation_id="replace_story")
def replace_story(request: Request, story_id: PathId, body: StoryPut) -> Story:
    """For its author. The file stays."""
    return services.update_story(request.user, story_id, caption=body.caption, audience=body.audience)


@router.patch("/{story_id}", response={200: StoryOut}, operation_id="update_story")
def update_story(request: Request, story_id: PathId, body: StoryPatch) -> Story:
    """For its author."""
    return services.update_story(request.user, story_id, **body.model_dump(exclude_unset=True))


@router.delete("/{story_id}", response={204: None}, operation_id="delete_story")
def delete_story(request: Request, story_id: PathId) -> Status[None]:
    """For its author, with the file."""
    services.delete_story(request.user, story_id)
    return Status(204, None)


@router.post("/{story_id}/view", response={204: None}, operation_id="view_story")
def view_story(request: Request, story_id: PathId) -> Status[None]:
    """Say that one has seen it. Twice is once."""
    services.mark_seen(request.user, story_id)
    return Status(204, None)


@router.get("/{story_id}/viewers", response={200: Page[StoryViewOut]}, operation_id="list_story_viewers")
def list_viewers(request: Request, story_id: PathId, paging: Query[Paging]) -> dict[str, Any]:
    """For its author, latest first."""
    return paginate(request, services.viewers_of(request.user, story_id), paging)
