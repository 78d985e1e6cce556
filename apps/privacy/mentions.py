"""What others have that names a user: notifications, notes of staff, sign-in attempts, exports, jobs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import batched

from axes.models import AccessAttempt
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from apps.audit.encryption import ERASED
from apps.connections.models import Connection
from apps.events.models import Event, Participation
from apps.moderation.models import Appeal, Case, Report
from apps.notifications.models import Notification
from apps.review.models import Note, Notice
from apps.stories.models import Story
from apps.support import refused_calls
from apps.tables.models import Transfer
from apps.users.models import Document, Follow, User

AT_ONCE = 500
"""Users whose notifications are searched by one statement."""


def names_of(person: User) -> set[str]:
    """The names that the account has had, mail addresses included."""
    versions = person.history.only("username", "email")
    return {person.username, person.email, *(text for each in versions for text in (each.username, each.email))} - {""}


def erase_mentions(person: User, names: Iterable[str]) -> dict[str, int]:
    """Delete or empty what names the user. To be called while their connections and events are still known."""
    return {
        "notifications.notification": _notifications(person, names),
        "desk.note": _about(person, Note),
        "desk.notice": _about(person, Notice),
        "axes.accessattempt": AccessAttempt.objects.filter(username__in=set(names)).delete()[0],
        "tables.transfer": expire_transfers(),
        "procrastinate.procrastinatejob": _jobs(person),
    }


def _notifications(person: User, names: Iterable[str]) -> int:
    """Of users who may have been told of this one: with a name in them, or about an event that they hosted."""
    hosted = list(Event.objects.filter(host=person).values_list("pk", flat=True))
    met = {
        *Connection.objects.filter(sender=person).values_list("receiver", flat=True),
        *Connection.objects.filter(receiver=person).values_list("sender", flat=True),
        *Follow.objects.filter(follower=person).values_list("followed", flat=True),
        *Follow.objects.filter(followed=person).values_list("follower", flat=True),
        *Participation.objects.filter(user=person).values_list("event__host", flat=True),
        *Participation.objects.filter(event__in=hosted).values_list("user", flat=True),
    }
    pattern = rf"(^|\W)({'|'.join(re.escape(name) for name in sorted(names))})(\W|$)"
    wanted = Q(text__regex=pattern) | Q(target_kind="event", target_id__in=hosted)
    deleted = 0
    for recipients in batched(sorted(met), AT_ONCE):
        deleted += Notification.objects.filter(wanted, recipient__in=recipients).delete()[0]
    return deleted


def _about(person: User, model: type[Note | Notice]) -> int:
    """Texts of staff about the account and what belongs to it."""
    found = Q(target_type="users.user", target_id=person.pk)
    for owned, owner in (
        (Document, "owner"),
        (Story, "author"),
        (Event, "host"),
        (Case, "author"),
        (Appeal, "author"),
        (Report, "author"),
    ):
        ids = owned._default_manager.filter(**{owner: person}).values("pk")
        found |= Q(target_type=owned._meta.label_lower, target_id__in=ids)
    rows = model._default_manager.filter(found).exclude(text__in=("", ERASED))
    return rows.update(text=ERASED)


def expire_transfers() -> int:
    """Let the files of all imports and exports go that are not under way: they may hold any row."""
    return Transfer.objects.exclude(status__in=Transfer.AT_WORK).update(expires_at=timezone.now())


def _jobs(person: User) -> int:
    """Jobs that are over: those that failed stay with their arguments."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs WHERE status NOT IN ('todo', 'doing') AND args ->> 'user_id' = %s",
            [str(person.pk)],
        )
        return cursor.rowcount


def forget_calls(person_id: int) -> None:
    """Delete the refused calls that are kept in Valkey; they go by themselves where it is away."""
    refused_calls.forget(person_id)
