"""Stories and who has seen them."""

from __future__ import annotations

from typing import Annotated, Any

from ninja import Field
from pydantic import BaseModel, StringConstraints

from api.schemas.common import Body, PersonOut, Time, absolute
from api.schemas.output import Output
from apps.infra.media import signed_address
from apps.stories.models import Story, StoryView
from apps.users.models import User

Caption = Annotated[str, StringConstraints(max_length=500)]


class StoryForm(BaseModel):
    """What comes along with the file."""

    caption: Caption = ""
    audience: Story.Audience = Story.Audience.PUBLIC


class StoryPut(Body):
    """A caption left out returns to empty; the audience stays, so that nothing is shown to more people by mistake."""

    caption: Caption = ""
    audience: Story.Audience | None = None


class StoryPatch(Body):
    """A field left out keeps its value."""

    caption: Caption = ""
    audience: Story.Audience = Story.Audience.PUBLIC


class OwnStoriesFilter(BaseModel):
    expired: bool = False
    """Those that ran out too."""


class StoryOut(Output):
    id: int
    author: PersonOut
    content_file: str | None = Field(
        description="Where the file can be fetched for a minute. A video that plays goes on after it: requests for a "
        "`Range` are answered at the same address for an hour, each as long as the login lives and the story may be "
        "seen; all others are 404, and the story's own call hands out a new address. Null once storage is freed of it."
    )
    media_type: str
    caption: str
    audience: Story.Audience
    created_at: Time
    expires_at: Time
    seen: bool

    @staticmethod
    def resolve_content_file(story: Story, context: dict[str, Any] | None) -> str | None:
        if story.freed_at is not None:
            return None
        if context is None:
            return signed_address("story", story.pk)
        request = context["request"]
        return absolute(context, signed_address("story", story.pk, viewer=request.user.pk, login=request.auth.pk))


class StoryViewOut(Output):
    person: PersonOut
    seen_at: Time

    @staticmethod
    def resolve_person(view: StoryView) -> User:
        return view.viewer
