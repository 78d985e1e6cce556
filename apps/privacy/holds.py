"""Placing and releasing legal holds."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from apps.access import require
from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.errors import Absent, Refused
from apps.privacy.models import LegalHold
from apps.review.texts import sensible_reason
from apps.users.models import User


@transaction.atomic
def place_hold(actor: User, person_id: int, *, reason: str) -> LegalHold:
    """Keep all data of a user until the hold is released. Raises `Absent`, `Refused`; `Invalid` without a reason."""
    require(actor, "privacy.add_legalhold")
    person = lock_person(person_id)
    reason = sensible_reason(reason, _("Enter a reason, such as the reference of the order."))
    return save_as(actor, LegalHold(person=person, reason=reason, placed_by=actor), action=Action.HOLD_PLACED)


@transaction.atomic
def release_hold(actor: User, hold_id: int, *, reason: str) -> LegalHold:
    """Release a legal hold; what is due by then goes with the next run. Raises `Conflict` where it was released."""
    require(actor, "privacy.release_legalhold")
    hold = LegalHold.objects.select_for_update(of=("self",)).filter(pk=hold_id).first()
    if hold is None:
        raise Absent("not-found", _("There is no such legal hold."))
    hold.release(actor, sensible_reason(reason, _("Enter a reason.")))
    return save_as(actor, hold, action=Action.HOLD_RELEASED)


def holds_on(person_id: int) -> Iterable[LegalHold]:
    """The legal holds in force on the data of a user, oldest first."""
    return LegalHold.objects.in_force().filter(person=person_id).select_related("placed_by").order_by("pk")


def on_hold(person: str) -> Exists:
    """Whether the user in the column `person` of a row is under a legal hold."""
    return Exists(LegalHold.objects.in_force().filter(person=OuterRef(person)))


def lock_person(person_id: int) -> User:
    """The account of an end user, locked. Raises `Absent`; `Refused` for staff."""
    person = User.objects.select_for_update(of=("self",)).filter(pk=person_id).first()
    if person is None:
        raise Absent("not-found", _("There is no such user."))
    if person.is_staff:
        raise Refused("staff-account", _("The record of staff is kept: deactivate the account at the access desk."))
    return person
