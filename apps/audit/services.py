from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from django.db import models

from apps.audit.context import origin
from apps.audit.models import Entry, Use, Verb

if TYPE_CHECKING:
    from apps.users.models import User


def record(
    actor: User | None,
    verb: Verb,
    target: models.Model | None = None,
    *,
    reason: str = "",
    subject: User | None = None,
    **detail: Any,
) -> Entry:
    """Write down a deed that changes no business row. `detail` holds facts, never secrets or private text.

    `subject` is who is told of it, as far as `apps/users/looks.py` tells them: whose personal data was looked at.
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


def was_viewed(actor: User, target: models.Model, *, since: datetime) -> bool:
    """Whether it is written down already that `actor` has looked at it since then."""
    looks = Entry.objects.filter(target_type=target._meta.label_lower, target_id=str(target.pk), verb=Verb.VIEWED)
    return looks.filter(actor=actor, created_at__gte=since).exists()


def keep_use(user: User, perms: Iterable[str], day: date) -> None:
    """Note that `user` made use of `perms` on `day`."""
    rows = [Use(user=user, perm=perm, last_on=day) for perm in sorted(perms)]
    Use.objects.bulk_create(rows, update_conflicts=True, update_fields=["last_on"], unique_fields=["user", "perm"])
