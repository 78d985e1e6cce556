"""What is kept as evidence, and how long: until every case about it and every appeal against one is over.

A story keeps its file. Of everything, the words are written down as they stood when they were reported.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from apps.moderation.content import words_of
from apps.moderation.models import Appeal, Case, Exhibit, Report, Strike
from apps.stories.models import Story
from apps.stories.services import release_story
from apps.users.models import User

logger = logging.getLogger(__name__)
PURGED_AT_ONCE = 500


def keep_words(case: Case, target: Any) -> None:
    """Write down what a locked case's thing says just now, unless that is written down already."""
    words = words_of(case.kind, target)
    last = case.exhibits.order_by("-id").first()
    if last is None or last.words != words:
        Exhibit.objects.create(case=case, words=words)


def is_needed(story_id: int) -> bool:
    """Whether it is still looked into, still appealed, or may still be."""
    about = {"kind": Report.Kind.STORY, "target_id": story_id}
    of_case = {f"case__{name}": value for name, value in about.items()}
    return (
        Case.objects.open().filter(**about).exists()
        or Report.objects.open().filter(**about).exists()
        or Appeal.objects.open().filter(**of_case).exists()
        or Strike.objects.appealable().filter(**of_case).exists()
    )


def let_go(actor: User | None, story_id: int) -> None:
    """Keep a story no longer, unless it is still needed."""
    release_story(actor, story_id, still_needed=partial(is_needed, story_id))


def let_go_of_all() -> None:
    """Keep nothing whose case and appeal are over: an appeal that nobody makes ends by time alone.

    Whatever fails stays for the next run, and holds up nothing else.
    """
    for story_id in list(Story.objects.filter(held=True).order_by("pk").values_list("pk", flat=True)):
        try:
            if not is_needed(story_id):
                let_go(None, story_id)
        except Exception:
            logger.exception("Story %d could not be let go", story_id)
    while ids := list(Exhibit.objects.not_needed().order_by("pk").values_list("pk", flat=True)[:PURGED_AT_ONCE]):
        Exhibit.objects.filter(pk__in=ids).delete()
