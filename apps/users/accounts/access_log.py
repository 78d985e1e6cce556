"""Staff looking at people's data: through their eyes, at what is masked, at their documents; and what they are told.

A look is an audit entry that names the person concerned. They learn what was looked at, when and why, never by whom.
"""

from __future__ import annotations

from datetime import timedelta
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

OPENED_ONCE = timedelta(minutes=10)
"""For so long a page that is opened again is the same look."""


class Look(models.TextChoices):
    """What staff did, as the person reads it."""

    REVEALED = "revealed", gettext_lazy("Staff saw a field that is masked for them.")
    LOOKED_AS = "looked_as", gettext_lazy("Staff looked at what the app shows you.")
    DOCUMENT = "document", gettext_lazy("Staff looked at a document of yours.")
    OPENED = "opened", gettext_lazy("Staff opened what the platform holds about your account.")
    FOUND = "found", gettext_lazy("Staff found you by your email address or phone number.")


LOOKS = {Action.REVEALED: Look.REVEALED, Action.IMPERSONATED: Look.LOOKED_AS, Action.VIEWED: Look.DOCUMENT}
FIELDS: dict[str, str | Promise] = {
    "email": gettext_lazy("Staff saw your email address."),
    "phone": gettext_lazy("Staff saw your phone number."),
    "text": gettext_lazy("Staff read a message of yours."),
}
FOUND_BY: dict[str, str | Promise] = {
    "email": gettext_lazy("Staff found you by your mail address."),
    "phone": gettext_lazy("Staff found you by your phone number."),
}
TOLD_REASONS = {"users.user"}
"""Whose look came with a reason that the person reads. Others name third parties, such as who reported a message."""
USUAL_REASONS: dict[str, str | Promise] = {
    "users.document": gettext_lazy("To check who you are."),
    "chat.message": gettext_lazy("To look into a report."),
}


@transaction.atomic
def look_as(actor: User, person_id: int, *, reason: str) -> User:
    """Write down that `actor` sees what a person sees; call it before showing any of it. Never for staff.

    The person finds it in their access log.
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


def note_opened(actor: User, person: User) -> None:
    """Write down that `actor` opened all that staff see of a person. Opened again within a while is once."""
    _note_once(actor, person, person, look=Look.OPENED)


def note_document(actor: User, document: Document, *, ahead: bool = False) -> None:
    """Write down that `actor` opened the page of a document, with what is typed of it. Within a while once.

    `ahead`: it is fetched, but not shown yet, and the owner reads just that.
    """
    _note_once(actor, document, document.owner, look=Look.DOCUMENT, **fetched_ahead(ahead))


def _note_once(actor: User, target: models.Model, subject: User, **detail: Any) -> None:
    known = Entry.objects.filter(
        actor=actor,
        verb=Action.VIEWED,
        subject=subject,
        target_type=target._meta.label_lower,
        target_id=str(target.pk),
        detail=detail,
        created_at__gte=timezone.now() - OPENED_ONCE,
    )
    if not known.exists():
        record(actor, Action.VIEWED, target, subject=subject, **detail)


def note_found(actor: User, person: User, *, field: str) -> None:
    """Write down that `actor` searched for this email address or phone number, which tells whose it is."""
    record(actor, Action.VIEWED, person, subject=person, look=Look.FOUND, field=field)


def look_of(entry: Entry) -> Look:
    return Look(entry.detail.get("look", LOOKS[Action(entry.verb)]))


def looks_at(person: User) -> QuerySet[Entry]:
    """The looks at data of `person`, latest first. What was fetched ahead gives way to the look at it.

    Until then it counts: whoever has it in the browser can look at it, whatever the page shows.
    """
    same = {name: OuterRef(name) for name in ("actor_id", "verb", "target_type", "target_id")}
    shown = Entry.objects.filter(**same, id__gt=OuterRef("id")).exclude(FETCHED_AHEAD)
    return visible(person, Entry).filter(verb__in=LOOKS).exclude(FETCHED_AHEAD & Exists(shown)).order_by("-id")


def told_text(entry: Entry) -> str:
    """What happened, in a sentence."""
    if "ahead" in entry.detail:
        return _("A document of yours was loaded for staff, and not shown yet.")
    look, field = look_of(entry), entry.detail.get("field", "")
    known = {Look.REVEALED: FIELDS, Look.FOUND: FOUND_BY}.get(look, {})
    return str(known.get(field, look.label))


def told_reason(entry: Entry) -> str:
    """Why, as far as the person may know: what staff wrote for them to read, or what such looks are for."""
    if look_of(entry) in (Look.OPENED, Look.FOUND):
        return _("To answer a question of yours, or about you.")
    if entry.target_type in TOLD_REASONS:
        return entry.reason
    return str(USUAL_REASONS.get(entry.target_type, ""))
