"""Stories as what can be reported, with their legal hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.db.models import Q

from apps.review.reportable import ReportableContent
from apps.stories.models import Story
from apps.stories.permissions import policy
from apps.stories.services import hold_story, release_story
from apps.users.models import User
from apps.users.reportable import made_before_block


class StoryContent(ReportableContent):
    """A story. Its file would be deleted after 24 hours; while it is needed as evidence it is kept."""

    model = Story
    policy = staticmethod(policy)
    author_field = "author"
    text_fields = ("caption", "sha256")
    proof_fields = frozenset({"sha256"})
    remove_permission = "stories.delete_story"

    def visible_before_block(self, viewer: User) -> Q:
        return made_before_block(self.author_field, viewer)

    def hold(self, actor: User, target_id: int) -> None:
        hold_story(actor, target_id)

    def release(self, actor: User | None, target_id: int, *, still_needed: Callable[[], bool]) -> None:
        release_story(actor, target_id, still_needed=still_needed)

    def on_hold(self) -> Iterable[int]:
        return Story.objects.filter(held=True).order_by("pk").values_list("pk", flat=True)


CONTENT = StoryContent()
