"""Evidence, and how long it is kept: until every case about the content and every appeal against one is closed.

What would be deleted with time, as the file of a story, is put on legal hold; of all content a snapshot is kept.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from typing import Any

from apps.errors import Absent
from apps.moderation.content import content_of
from apps.moderation.models import Appeal, Case, ContentSnapshot, Report, Strike
from apps.review.reportable import reportable_contents
from apps.users.models import User

logger = logging.getLogger(__name__)
PURGED_AT_ONCE = 500


def keep_snapshot(case: Case, target: Any) -> None:
    """Store the text of a locked case's content as it is now, unless the last snapshot says the same."""
    text = content_of(case.kind).snapshot(target)
    last = case.snapshots.order_by("-id").first()
    if last is None or last.text != text:
        ContentSnapshot.objects.create(case=case, text=text)


def is_needed(kind: str, target_id: int) -> bool:
    """Whether content is evidence in an open case or appeal, or may still be appealed about."""
    about = {"kind": kind, "target_id": target_id}
    of_case = {f"case__{name}": value for name, value in about.items()}
    return (
        Case.objects.open().filter(**about).exists()
        or Report.objects.open().filter(**about).exists()
        or Appeal.objects.open().filter(**of_case).exists()
        or Strike.objects.appealable().filter(**of_case).exists()
    )


def hold_again(actor: User, case: Case) -> None:
    """Put the content of a reopened case on legal hold, as far as it is still there."""
    with suppress(Absent):
        content_of(case.kind).hold(actor, case.target_id)


def release(actor: User | None, kind: str, target_id: int) -> None:
    """End the legal hold on content, unless it is still needed."""
    content_of(kind).release(actor, target_id, still_needed=partial(is_needed, kind, target_id))


def release_unneeded() -> None:
    """End the legal hold on all content that is no longer needed, and purge its snapshots: the time to appeal ends
    without an event.

    What fails is left to the next run, and delays nothing else.
    """
    for kind, content in reportable_contents().items():
        for target_id in list(content.on_hold()):
            try:
                if not is_needed(kind, target_id):
                    release(None, kind, target_id)
            except Exception:
                logger.exception("%s %d could not be released", kind.capitalize(), target_id)
    while ids := list(
        ContentSnapshot.objects.not_needed().order_by("pk").values_list("pk", flat=True)[:PURGED_AT_ONCE]
    ):
        ContentSnapshot.objects.filter(pk__in=ids).delete()
