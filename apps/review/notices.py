"""Notices to staff: an item was assigned or escalated to them, or a note mentions them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import QuerySet
from django.utils import timezone

from apps.access import holders, may
from apps.infra.ids import parse_id
from apps.review.conflicts import conflict_of
from apps.review.models import Notice

if TYPE_CHECKING:
    from apps.users.models import User

MOST_MENTIONED = 10
MOST_UNREAD = 100
"""Unread notices are counted up to here."""
LONGEST_QUOTE = 500
# As user names are written; a full stop that ends the sentence is no part of one.
MENTION = re.compile(r"(?<![\w@])@([\w.+@-]*\w)")


def notify_staff(
    actor: User, kind: str, item: models.Model, recipients: Iterable[User], *, text: str = ""
) -> list[Notice]:
    """Notify members of staff about an item; `actor` is never notified of their own action."""
    return Notice.objects.bulk_create(
        Notice(
            staff=person,
            actor=actor,
            kind=kind,
            target_type=item._meta.label_lower,
            target_id=item.pk,
            text=text[:LONGEST_QUOTE],
        )
        for person in recipients
        if person.pk != actor.pk
    )


def mentioned_in(text: str, item: models.Model, perm: str) -> list[User]:
    """The staff whom `text` mentions as @name and who have `perm` on the item, in the order of their names."""
    names = {name.casefold() for name in MENTION.findall(text)}
    if not names:
        return []
    known = holders(perm, item, superusers=True).order_by("username")
    people = [person for person in known if person.username.casefold() in names][:MOST_MENTIONED]
    allowed = [person for person in people if may(person, perm, item)]
    return [person for person in allowed if conflict_of(person, item) is None]


def notices_of(staff: User) -> QuerySet[Notice]:
    """The notices of one member of staff, latest first."""
    return Notice.objects.filter(staff=staff).select_related("actor").order_by("-id")


def unread_count(staff: User) -> int:
    """How many are unread, counted up to `MOST_UNREAD`."""
    return len(Notice.objects.filter(staff=staff, read_at=None).values_list("pk")[:MOST_UNREAD])


def mark_read(staff: User, notice_ids: Iterable[str | int]) -> int:
    """Mark the viewer's own notices as read; returns how many were unread."""
    ids = [number for each in notice_ids if (number := parse_id(str(each)))]
    return Notice.objects.filter(staff=staff, pk__in=ids, read_at=None).update(read_at=timezone.now())


def mark_all_read(staff: User) -> int:
    """Mark all of the viewer's notices as read; returns how many were unread."""
    return Notice.objects.filter(staff=staff, read_at=None).update(read_at=timezone.now())
