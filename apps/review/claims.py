"""Working on the items of a queue: claim, release, assign, take over, snooze, escalate.

Each action begins with `lock_for_work`, which answers in one place whether a user may act on an item now.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from django.db import models, transaction
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from apps.access import holders_of, may, perms_for, require, unended
from apps.audit.actions import Action
from apps.audit.history import save_as, without_version
from apps.audit.services import record
from apps.errors import Absent, Conflict, Invalid
from apps.review.conflicts import conflict_of
from apps.review.models import Note, Notice, ReviewItem
from apps.review.notices import notify_staff
from apps.review.preferences import is_away
from apps.review.texts import MOST_REASON, checked_text
from apps.visibility.slots import NOW
from apps.visibility.statement import Statement

if TYPE_CHECKING:
    from apps.users.models import User

MOST_COLLEAGUES = 200


def lock_for_work[W: ReviewItem](
    actor: User, model: type[W], item_id: int, *, version: int | None = None, taking_over: bool = False
) -> W:
    """Lock an item that `actor` may work on now: permitted, open, free or claimed by them, no conflict of interest.

    `version` is the one that they viewed; `taking_over`: another user's claim does not matter. Raises `Absent`,
    `Refused` without the permission and for a conflict of interest, `Conflict` for what was decided, has changed since
    `version`, or is claimed by another.
    """
    item = locked(model, item_id)
    require(actor, model.WORK_PERMISSION, item)
    check_workable(actor, item, version=version, taking_over=taking_over)
    return item


def locked[W: ReviewItem](model: type[W], item_id: int) -> W:
    """The item, locked, whatever its state. Raises `Absent`."""
    # Without joins: a row that was waited for is read anew, what is joined to it is not.
    item = model._default_manager.select_for_update(of=("self",)).filter(pk=item_id).first()
    if item is None:
        raise Absent("not-found", _("This item does not exist, or you have no permission to see it."))
    return item


def check_workable(actor: User, item: ReviewItem, *, version: int | None = None, taking_over: bool = False) -> None:
    """The rules of `lock_for_work` but for the permission, of an item that is locked or only viewed."""
    if (conflict := conflict_of(actor, item)) is not None:
        raise conflict
    if not item.is_open:
        raise already_decided(item)
    require_unchanged(item, version)
    if not taking_over:
        require_free(actor, item)


def is_workable(actor: User, item: ReviewItem) -> bool:
    """Whether `actor`, who has the permission, could decide the item now."""
    holder = item.claim_holder()
    return item.is_open and (holder is None or holder.pk == actor.pk) and conflict_of(actor, item) is None


def require_free(actor: User, item: ReviewItem) -> None:
    """Raise `Conflict` where another user has claimed the item."""
    holder = item.claim_holder()
    if holder is not None and holder.pk != actor.pk:
        said = _("Claimed by %(name)s. Take it over with a reason, or choose another item.")
        raise Conflict("claimed", said % {"name": holder.username}, holder=holder.username)


def require_unchanged(item: ReviewItem, version: int | None) -> None:
    """Raise `Conflict` where the item is not in the version that the user viewed."""
    if version not in (None, item.version):
        raise already_decided(item)


def already_decided(item: ReviewItem) -> Conflict:
    """The error that says who decided an item and when; or, of one that is open again, that it has changed."""
    at, by = getattr(item, item.DECIDED_AT), getattr(item, item.DECIDED_BY)
    if at is None:
        return Conflict("already-decided", _("This item has changed since you opened it. Reload it, then decide."))
    time = formats.date_format(timezone.localtime(at), "DATETIME_FORMAT")
    said = _("%(outcome)s by %(name)s at %(time)s. Choose the next item.")
    name = by.username if by else _("an earlier release")
    return Conflict("already-decided", said % {"outcome": item.decided_as, "name": name, "time": time})


def colleagues(perm: str, item: models.Model | None = None) -> list[User]:
    """The staff who have `perm` on all rows, or on some that include `item`, by name; those away come last."""
    staff = _holders(perms_for(perm, item)).page(0, MOST_COLLEAGUES, {"now": timezone.now()})
    return sorted(staff, key=is_away)


@cache
def _holders(perms: frozenset[str]) -> Statement:
    """The staff who have one of these permissions model-wide, by name."""
    staff = holders_of(perms, unended(now=NOW), superusers=True)
    return Statement(staff.select_related("desk_preference").order_by("username"))


@transaction.atomic
def claim[W: ReviewItem](actor: User, model: type[W], item_id: int) -> W:
    """Claim an item for 15 minutes, or renew the claim. Raises what `lock_for_work` does."""
    item = lock_for_work(actor, model, item_id)
    fresh = item.claim_holder() is None
    item.claim(actor)
    _save_work(item)
    if fresh:
        record(actor, Action.CLAIMED, item)
    return item


@transaction.atomic
def release[W: ReviewItem](actor: User, model: type[W], item_id: int) -> W:
    """Give up the claim. Nothing happens where there is none; raises what `lock_for_work` does."""
    item = lock_for_work(actor, model, item_id)
    _release(actor, item)
    return item


@transaction.atomic
def leave[W: ReviewItem](actor: User, model: type[W], item_id: int) -> W:
    """Give up the claim on an item that `actor` moves on from, in whatever state it is by now."""
    item = locked(model, item_id)
    _release(actor, item)
    return item


def _release(actor: User, item: ReviewItem) -> None:
    if item.claimed_by_id == actor.pk:
        item.release()
        _save_work(item)
        record(actor, Action.RELEASED, item)


@transaction.atomic
def assign[W: ReviewItem](actor: User, model: type[W], item_id: int, *, to: User) -> W:
    """Assign an item to a colleague who may decide it and is not away. They are notified.

    Raises what `lock_for_work` does, and `Invalid` for a colleague who cannot take it.
    """
    item = lock_for_work(actor, model, item_id)
    if not may(to, model.WORK_PERMISSION, item) or conflict_of(to, item) is not None:
        raise Invalid(
            "may-not-work-on-it",
            _("%(name)s has no permission to decide this. Choose another colleague.") % {"name": to.username},
            field="to",
        )
    if is_away(to):
        raise Invalid("away", _("%(name)s is away. Choose another colleague.") % {"name": to.username}, field="to")
    item.release()
    item.assigned_to = to
    _save_work(item)
    record(actor, Action.RELEASED, item, to=to.pk)
    notify_staff(actor, Notice.Kind.ASSIGNED, item, [to])
    return item


@transaction.atomic
def take_over[W: ReviewItem](actor: User, model: type[W], item_id: int, *, reason: str) -> W:
    """Claim an item that another user has claimed. The reason is kept, and they see it at once.

    Raises what `lock_for_work` does but for the claim.
    """
    reason = checked_text(reason, "reason", MOST_REASON, _("Enter a reason for taking over."))
    item = lock_for_work(actor, model, item_id, taking_over=True)
    holder = item.claim_holder()
    item.claim(actor)
    _save_work(item)
    record(actor, Action.CLAIMED, item, reason=reason, taken_from=holder.pk if holder else None)
    return item


@transaction.atomic
def snooze[W: ReviewItem](actor: User, model: type[W], item_id: int, *, until: datetime) -> W:
    """Take an item out of the queue until a time. Raises what `lock_for_work` does, `Invalid` for a past one."""
    if until <= timezone.now():
        raise Invalid("past", _("Choose a time in the future."), field="until")
    item = lock_for_work(actor, model, item_id)
    item.snoozed_until = until
    item.release()
    _save_work(item)
    record(actor, Action.RELEASED, item, snoozed_until=until.isoformat())
    return item


@transaction.atomic
def escalate[W: ReviewItem](actor: User, model: type[W], item_id: int, *, reason: str) -> W:
    """Escalate an item: it leaves the ordinary queue, with the reason as a note, for a colleague.

    It is assigned to the one with the fewest items who is not away; to no one where there is no other. Raises what
    `lock_for_work` does, `Conflict` for an item that was escalated before.
    """
    reason = checked_text(reason, "reason", MOST_REASON, _("Enter a reason for escalating."))
    item = lock_for_work(actor, model, item_id)
    if item.escalated_at is not None:
        raise Conflict("already-escalated", _("Already escalated. Add a note instead."))
    item.escalated_at = timezone.now()
    item.release()
    item.assigned_to = _least_busy(actor, model, item)
    save_as(actor, item, action=Action.ESCALATED, note=reason)
    Note.objects.create(target_type=item._meta.label_lower, target_id=item.pk, author=actor, text=reason)
    record(actor, Action.ESCALATED, item, reason=reason)
    if item.assigned_to is not None:
        notify_staff(actor, Notice.Kind.ESCALATED, item, [item.assigned_to], text=reason)
    return item


def _least_busy[W: ReviewItem](actor: User, model: type[W], item: W) -> User | None:
    perm = model.WORK_PERMISSION
    others = (user for user in colleagues(perm, item) if user.pk != actor.pk and not is_away(user))
    able = [user for user in others if may(user, perm, item) and not conflict_of(user, item)]
    rows = model._default_manager.filter(assigned_to__in=able).values("assigned_to")
    given = dict(rows.annotate(n=models.Count("pk")).values_list("assigned_to", "n"))
    return min(able, key=lambda user: (given.get(user.pk, 0), user.username), default=None)


def _save_work(item: ReviewItem) -> None:
    # Who is working on what comes and goes; the audit log has it, the history of the object need not.
    with without_version(item):
        item.save(update_fields=["claimed_by", "claimed_until", "assigned_to", "snoozed_until"])
