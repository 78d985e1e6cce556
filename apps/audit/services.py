from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils import timezone

from apps.audit.context import origin
from apps.audit.models import Entry, Use, Verb

if TYPE_CHECKING:
    from apps.users.models import User

REFUSED_ONCE = timedelta(minutes=1)
MOST_REFUSALS = 30
"""Entries about refusals of one actor within `REFUSED_ONCE`: a script cannot flood the log."""
MOST_TEXT = 500


def record(
    actor: User | None,
    verb: Verb,
    target: models.Model | None = None,
    *,
    reason: str = "",
    subject: User | None = None,
    **detail: Any,
) -> Entry:
    """Write an audit log entry of an action that changes no business row. `detail` holds no secrets or private text.

    `subject` is the user concerned: whose personal data was viewed, who reads of it as far as `apps/users/looks.py`
    shows it to them, or to whom something was done.
    """
    where = origin()
    return Entry.objects.create(
        actor=actor,
        verb=verb,
        target_type=target._meta.label_lower if target is not None else "",
        target_id=str(target.pk) if target is not None else "",
        reason=reason,
        subject=subject,
        detail=detail,
        request_id=where.request_id,
        address=where.address,
    )


def record_refusal(
    actor: User, *, method: str, path: str, sentence: str, target: models.Model | None = None
) -> Entry | None:
    """Write an audit log entry of something that `actor` asked for and was refused.

    The same again within `REFUSED_ONCE`, or more than `MOST_REFUSALS` in that time, is not written: None.
    """
    method, path, sentence = (text.replace("\x00", "\ufffd")[:MOST_TEXT] for text in (method, path, sentence))
    lately = Entry.objects.filter(actor=actor, verb=Verb.REFUSED, created_at__gte=timezone.now() - REFUSED_ONCE)
    known = lately.order_by("-created_at").values_list("detail__method", "detail__path")[:MOST_REFUSALS]
    if len(known) == MOST_REFUSALS or (method, path) in known:
        return None
    return record(actor, Verb.REFUSED, target, reason=sentence, method=method, path=path)


def was_viewed(actor: User, target: models.Model, *, since: datetime) -> bool:
    """Whether it is written down already that `actor` has looked at it since then."""
    looks = Entry.objects.filter(target_type=target._meta.label_lower, target_id=str(target.pk), verb=Verb.VIEWED)
    return looks.filter(actor=actor, created_at__gte=since).exists()


def keep_use(user: User, perms: Iterable[str], day: date) -> None:
    """Note that `user` made use of `perms` on `day`."""
    rows = [Use(user=user, perm=perm, last_on=day) for perm in sorted(perms)]
    Use.objects.bulk_create(rows, update_conflicts=True, update_fields=["last_on"], unique_fields=["user", "perm"])
