from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.audit.actions import Action
from apps.audit.context import origin
from apps.audit.encryption import encrypted_for, keys_held
from apps.audit.log_tables import person_of
from apps.audit.models import Entry, Use
from apps.visibility.slots import VIEWER, Slot
from apps.visibility.statement import Statement

if TYPE_CHECKING:
    from apps.users.models import User

REFUSED_ONCE = timedelta(minutes=1)
MOST_REFUSALS = 30
"""Entries about refusals of one actor within `REFUSED_ONCE`: a script cannot flood the log. One more says so."""
MOST_REFUSED_CHANGES = 100
"""The same where a change was asked for, so that none hides behind pages that were asked for before."""
MOST_TEXT = 500
PRIVATE = {"by", "filters", "holder", "made", "one", "other", "path"}
"""The details that name people or say what was searched for."""
SINCE = Slot("since", models.DateTimeField())
FETCHED_AHEAD = models.Q(detail__has_key="ahead")
"""Views of what was not shown yet, see `fetched_ahead`."""


def record(
    actor: User | None,
    verb: Action,
    target: models.Model | None = None,
    *,
    reason: str = "",
    subject: User | None = None,
    **detail: Any,
) -> Entry:
    """Write an audit log entry of an action that changes no business row. `detail` has no secrets or private text.

    `subject` is the user concerned: whose personal data was viewed, who reads of it as far as
    `users/accounts/access_log.py` shows it to them, or to whom something was done.
    """
    where = origin()
    entry = Entry(
        actor=actor,
        verb=verb,
        target_type=target._meta.label_lower if target is not None else "",
        target_id=str(target.pk) if target is not None else "",
        reason=reason,
        subject=subject,
        detail={name: value for name, value in detail.items() if name not in PRIVATE},
        private={name: value for name, value in detail.items() if name in PRIVATE} or None,
        request_id=where.request_id,
        address=where.address,
    )
    entry.text_person = person_of(target) if subject is None else subject.pk
    if entry.text_person is None and actor is not None:
        entry.text_person = actor.pk
    with keys_held(encrypted_for(entry)):
        entry.save()
    return entry


def record_refusal(
    actor: User, *, method: str, path: str, sentence: str, target: models.Model | None = None
) -> Entry | None:
    """Write an audit log entry of something that `actor` asked for and was refused.

    The same again within `REFUSED_ONCE`, or more than `MOST_REFUSALS` in that time, is not written: None. The first
    that is too many is written as an entry that says so.
    """
    method, path, sentence = (text.replace("\x00", "\ufffd")[:MOST_TEXT] for text in (method, path, sentence))
    since = timezone.now() - REFUSED_ONCE
    lately = {"viewer": actor.pk, "since": since}
    known = _refusals_of("detail").page(0, MOST_REFUSED_CHANGES + 2, lately)
    most = MOST_REFUSALS if method in ("GET", "HEAD") else MOST_REFUSED_CHANGES
    is_room = sum("most" not in each for each in known) < most
    if not is_room and any(each.get("most") == most for each in known):
        return None
    if known:  # Paths are encrypted: while a script goes on asking, its hundred entries are not read each time.
        for detail, private in _refusals_of("detail", "private").page(0, MOST_REFUSED_CHANGES + 2, lately):
            each = detail | (private or {})
            if (each.get("method"), each.get("path")) == (method, path):
                return None
    if is_room:
        return record(actor, Action.REFUSED, target, reason=sentence, method=method, path=path)
    message = _("More than %(n)d within a minute: further ones are not recorded.") % {"n": most}
    return record(actor, Action.REFUSED, reason=message, most=most)


@cache
def _refusals_of(*columns: str) -> Statement:
    """Columns of each refusal of one actor since a time, the latest first."""
    refused = Entry.objects.filter(actor=VIEWER, verb=Action.REFUSED, created_at__gte=SINCE)
    return Statement(refused.values_list(*columns, flat=len(columns) == 1))


def was_viewed(actor: User, target: models.Model, *, since: datetime) -> bool:
    """Whether a view of the target by `actor` since then is recorded; one that was fetched ahead is no view."""
    return _views(actor, target).filter(created_at__gte=since).exclude(FETCHED_AHEAD).exists()


def fetched_ahead(ahead: bool) -> dict[str, Any]:
    """The detail of a view that a page fetched before showing it. Its user reads that it was not shown yet."""
    return {"ahead": True} if ahead else {}


def note_shown(actor: User, target: models.Model, **detail: Any) -> None:
    """Write a view of what `actor` now sees, where so far it was only fetched ahead."""
    views = {"viewer": actor.pk, "label": target._meta.label_lower, "key": str(target.pk)}
    if any("ahead" in detail for detail in _views_of().page(0, 1, views)):
        record(actor, Action.VIEWED, target, **detail)


@cache
def _views_of() -> Statement:
    """The details of each view of one object by one actor, the latest first."""
    label, key = Slot("label", models.TextField()), Slot("key", models.TextField())
    views = Entry.objects.filter(actor=VIEWER, target_type=label, target_id=key, verb=Action.VIEWED)
    return Statement(views.order_by("-id").values_list("detail", flat=True))


def _views(actor: User, target: models.Model) -> models.QuerySet[Entry]:
    views = Entry.objects.filter(target_type=target._meta.label_lower, target_id=str(target.pk), verb=Action.VIEWED)
    return views.filter(actor=actor)


def keep_use(user: User, perms: Iterable[str], day: date) -> None:
    """Note that `user` made use of `perms` on `day`."""
    rows = [Use(user=user, perm=perm, last_on=day) for perm in sorted(perms)]
    Use.objects.bulk_create(rows, update_conflicts=True, update_fields=["last_on"], unique_fields=["user", "perm"])
