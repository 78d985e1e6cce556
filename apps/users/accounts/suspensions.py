"""Suspension of end users by staff."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.access import require
from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.errors import Absent, Refused
from apps.infra import pubsub
from apps.notifications.models import Kind
from apps.notifications.services import notify
from apps.review.decisions.models import Decision
from apps.users.models import Suspension, User


@transaction.atomic
def suspend_user(
    actor: User,
    user_id: int,
    *,
    until: datetime,
    reason: str = "",
    notifies: bool = True,
    decision: Decision | None = None,
) -> User:
    """Suspend an end user until the given time; a past time lifts all their suspensions.

    The longest suspension in force counts. `notifies`: the user gets a notification. `decision` is the one that
    suspends, by which `lift_suspension` undoes it. Raises `Absent`, and `Refused` for staff accounts.
    """
    user = _suspendable(actor, user_id, given=decision)
    if until > timezone.now():
        given = Suspension(person=user, decision=decision, until=until)
        save_as(actor, given, action=Action.SUSPENDED, note=reason)
        _update_suspended_until(actor, user, action=Action.SUSPENDED, note=reason)
        if notifies:
            notify(user.pk, Kind.SUSPENDED, until=(user.suspended_until or until).isoformat(), reason=reason)
    else:
        _lift(actor, user, user.suspensions.all(), note=reason)
    return user


@transaction.atomic
def lift_suspension(actor: User, decision: Decision, *, note: str) -> None:
    """Lift the suspension of a decision, if it has one; all others remain in force."""
    lifted = Suspension.objects.filter(decision=decision, lifted_at__isnull=False)
    if "suspended" in decision.before["done"] and not lifted.exists():
        assert decision.subject_id is not None  # the suspended user
        user = _suspendable(actor, decision.subject_id)
        _lift(actor, user, user.suspensions.filter(decision=decision), note=note)


def _suspendable(actor: User, user_id: int, *, given: Decision | None = None) -> User:
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None:
        raise Absent("not-found", _("There is no such user."))
    require(actor, "users.suspend_user", user)
    if user.is_staff:
        raise Refused("staff-account", _("Staff accounts are deactivated at the access desk, not suspended."))
    _adopt_suspensions(user, given)
    return user


def _adopt_suspensions(user: User, given: Decision | None) -> None:
    """Add the rows for what the previous release, which writes `suspended_until` alone, did to a locked user.

    Its processes may run on for a while after `migrate`. `given` is a decision whose suspension is about to be saved.
    """
    unwritten = Decision.objects.filter(subject=user, before__done__has_key="suspended", suspension__isnull=True)
    for decision in unwritten:
        until = datetime.fromisoformat(decision.before["done"]["suspended"]["after"])
        if decision != given and until > timezone.now():
            row = Suspension(person=user, decision=decision, until=until, given_at=decision.made_at)
            save_as(None, row, action=Action.RECORDED)
    if not user.is_suspended:
        for row in user.suspensions.in_force():
            row.lifted_at = timezone.now()
            save_as(None, row, action=Action.RECORDED)
    elif (last := user.suspended_until) and not user.suspensions.filter(until=last).exists():
        save_as(None, Suspension(person=user, until=last), action=Action.RECORDED)


def _lift(actor: User, user: User, rows: QuerySet[Suspension], *, note: str) -> None:
    for row in rows.filter(lifted_at__isnull=True, until__gt=timezone.now()):
        row.lifted_at = timezone.now()
        save_as(actor, row, action=Action.SUSPENSION_LIFTED, note=note)
    _update_suspended_until(actor, user, action=Action.SUSPENSION_LIFTED, note=note)


def _update_suspended_until(actor: User, user: User, *, action: Action, note: str) -> None:
    """Bring a locked user's `suspended_until` in line with their suspensions: the longest in force, or none."""
    until = user.suspensions.in_force().aggregate(last=Max("until"))["last"]
    if until == (user.suspended_until if user.is_suspended else None):
        return
    user.suspended_until = until
    save_as(actor, user, action=action, note=note)
    if user.is_suspended:
        pubsub.recheck(user.pk)
