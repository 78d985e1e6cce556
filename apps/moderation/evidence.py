"""How long a story is kept as evidence: until every case about it and every appeal against one is over."""

from __future__ import annotations

from functools import partial

from django.utils import timezone

from apps.moderation.models import APPEAL_WITHIN, Appeal, Case, Report, Strike
from apps.stories.models import Story
from apps.stories.services import release_story
from apps.users.models import User


def is_needed(story_id: int) -> bool:
    """Whether it is still looked into, still appealed, or may still be."""
    about = {"kind": Report.Kind.STORY, "target_id": story_id}
    of_case = {f"case__{name}": value for name, value in about.items()}
    appealable = Strike.objects.filter(
        **of_case,
        decision__made_at__gt=timezone.now() - APPEAL_WITHIN,
        decision__undone_at__isnull=True,
        decision__appeal__isnull=True,
    )
    return (
        Case.objects.open().filter(**about).exists()
        or Report.objects.open().filter(**about).exists()
        or Appeal.objects.open().filter(**of_case).exists()
        or appealable.exists()
    )


def let_go(actor: User | None, story_id: int) -> None:
    """Keep a story no longer, unless it is still needed."""
    release_story(actor, story_id, still_needed=partial(is_needed, story_id))


def let_go_of_all() -> None:
    """Keep no story whose case and appeal are over: an appeal that nobody makes ends by time alone."""
    for story_id in list(Story.objects.filter(held=True).order_by("pk").values_list("pk", flat=True)):
        if not is_needed(story_id):
            let_go(None, story_id)
