"""Views of personal data by staff, recorded, and the access log in which the user concerned reads of them.

A view is an audit entry whose subject is the user concerned. The access log says what was viewed, when and why, never
by whom.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

from django.db import models, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.access import require, visible
from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.audit.services import FETCHED_AHEAD, fetched_ahead, record
from apps.errors import Absent, Refused
from apps.review.texts import sensible_reason
from apps.users.models import Document, User
from apps.visibility.slots import VIEWER, Slot
from apps.visibility.statement import Statement

SAME_VIEW_FOR = timedelta(minutes=10)
"""A page opened again within this time counts as the same view."""


class ViewKind(models.TextChoices):
    """What staff viewed, as the user concerned reads it."""

    REVEALED = "revealed", gettext_lazy("Staff saw a field that is masked for them.")
    IMPERSONATED = "looked_as", gettext_lazy("Staff looked at what the app shows you.")
    DOCUMENT = "document", gettext_lazy("Staff looked at a document of yours.")
    OPENED = "opened", gettext_lazy("Staff opened what the platform holds about your account.")
    FOUND = "found", gettext_lazy("Staff found you by your email address or phone number.")


VIEW_KINDS = {
    Action.REVEALED: ViewKind.REVEALED,
    Action.IMPERSONATED: ViewKind.IMPERSONATED,
    Action.VIEWED: ViewKind.DOCUMENT,
}
FIELDS: dict[str, str | Promise] = {
    "email": gettext_lazy("Staff saw your email address."),
    "phone": gettext_lazy("Staff saw your phone number."),
    "text": gettext_lazy("Staff read a message of yours."),
}
FOUND_BY: dict[str, str | Promise] = {
    "email": gettext_lazy("Staff found you by your mail address."),
    "phone": gettext_lazy("Staff found you by your phone number."),
}
DISCLOSED_REASONS = {"users.user"}
"""Targets whose reason the user concerned reads. Other reasons name third parties, such as a message's reporter."""
USUAL_REASONS: dict[str, str | Promise] = {
    "users.document": gettext_lazy("To check who you are."),
    "chat.message": gettext_lazy("To look into a report."),
}


@transaction.atomic
def record_impersonation(actor: User, person_id: int, *, reason: str) -> User:
    """Record that `actor` views the app as a user. To be called before any of it is shown.

    Raises `Absent`; `Refused` without the permission and for staff accounts; `Invalid` without a reason, which the
    user reads in the access log.
    """
    person = User.objects.select_related("profile").filter(pk=person_id).first()
    if person is None:
        raise Absent("not-found", _("There is no such person."))
    require(actor, "users.look_as_user", person)
    if person.is_staff:
        raise Refused("staff-account", _("Staff accounts cannot be viewed as a user."))
    reason = sensible_reason(reason, _("Enter a reason. The user can read it."))
    record(actor, Action.IMPERSONATED, person, reason=reason, subject=person)
    return person


def record_account_view(actor: User, person: User) -> None:
    """Record that `actor` opened the account page of a user; once within `SAME_VIEW_FOR`."""
    _record_once(actor, person, person, look=ViewKind.OPENED)


def record_document_view(actor: User, document: Document, *, ahead: bool = False) -> None:
    """Record that `actor` opened the page of a document with its details; once within `SAME_VIEW_FOR`.

    `ahead`: it is fetched, but not shown yet, and the owner reads just that.
    """
    _record_once(actor, document, document.owner, look=ViewKind.DOCUMENT, **fetched_ahead(ahead))


def _record_once(actor: User, target: models.Model, subject: User, **detail: Any) -> None:
    views = {"viewer": actor.pk, "subject": subject.pk, "label": target._meta.label_lower, "key": str(target.pk)}
    if detail not in _views().rows(views | {"since": timezone.now() - SAME_VIEW_FOR}):
        record(actor, Action.VIEWED, target, subject=subject, **detail)


@cache
def _views() -> Statement:
    """The details of each view by one actor of one object of one user since a time."""
    views = Entry.objects.filter(
        actor=VIEWER,
        verb=Action.VIEWED,
        subject=Slot("subject", models.BigIntegerField()),
        target_type=Slot("label", models.TextField()),
        target_id=Slot("key", models.TextField()),
        created_at__gte=Slot("since", models.DateTimeField()),
    )
    return Statement(views.values_list("detail", flat=True))


def record_search_hit(actor: User, person: User, *, field: str) -> None:
    """Record that a search of `actor` for this email address or phone number found its owner."""
    record(actor, Action.VIEWED, person, subject=person, look=ViewKind.FOUND, field=field)


def kind_of(entry: Entry) -> ViewKind:
    return ViewKind(entry.detail.get("look", VIEW_KINDS[Action(entry.verb)]))


def views_of(person: User) -> QuerySet[Entry]:
    """The views of data of `person`, latest first. An entry of data loaded ahead is replaced by the later view of it.

    Until then it is listed: what the browser has loaded can be viewed, whatever the page shows.
    """
    same = {name: OuterRef(name) for name in ("actor_id", "verb", "target_type", "target_id")}
    shown = Entry.objects.filter(**same, id__gt=OuterRef("id")).exclude(FETCHED_AHEAD)
    return visible(person, Entry).filter(verb__in=VIEW_KINDS).exclude(FETCHED_AHEAD & Exists(shown)).order_by("-id")


def view_text(entry: Entry) -> str:
    """What was viewed, in a sentence."""
    if "ahead" in entry.detail:
        return _("A document of yours was loaded for staff, and not shown yet.")
    kind, field = kind_of(entry), entry.detail.get("field", "")
    known = {ViewKind.REVEALED: FIELDS, ViewKind.FOUND: FOUND_BY}.get(kind, {})
    return str(known.get(field, kind.label))


def view_reason(entry: Entry) -> str:
    """The reason that the user may read: the one that staff entered for them, or the purpose of such views."""
    if kind_of(entry) in (ViewKind.OPENED, ViewKind.FOUND):
        return _("To answer a question of yours, or about you.")
    if entry.target_type in DISCLOSED_REASONS:
        return entry.reason
    return str(USUAL_REASONS.get(entry.target_type, ""))
