"""Removing and restoring content as decisions, which can be undone and whose messages wait for the undo window."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.utils.dateparse import parse_datetime

from apps.access import require
from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.notifications.models import Kind as NotificationKind
from apps.notifications.services import notify
from apps.review.decisions.in_force import REMOVED, RESTORED, removal_in_force, removed_by_decision, state_by, verb_of
from apps.review.decisions.kinds import Kind, kinds
from apps.review.decisions.models import Decision
from apps.review.decisions.services import decide, kind_of, snapshot_of, undo
from apps.review.removable import Removable

if TYPE_CHECKING:
    from apps.users.models import User

FIELDS = ("removed_at", "removed_by", "removal_reason")


def remove_as(
    actor: User,
    target: Removable,
    *,
    subject_id: int,
    named: dict[str, str],
    reason: str = "",
    batch: UUID | None = None,
) -> Decision:
    """Remove a locked row. Raises `Conflict` where it is removed already. `named`: the context of `texts.py`."""
    before = _before(target, named)
    target.remove(actor, reason)
    verb = verb_of(type(target), REMOVED)
    save_as(actor, target, action=verb, note=reason)
    after = snapshot_of(target, FIELDS)
    return decide(actor, verb, target, subject_id=subject_id, before=before, after=after, batch=batch)


def restore_as(
    actor: User,
    target: Removable,
    *,
    subject_id: int,
    named: dict[str, str],
    reason: str = "",
    batch: UUID | None = None,
) -> Decision:
    """Restore it. A removal notice that has not been sent yet is cancelled."""
    if target.removed_at is None:
        target.restore()  # raises
    removals = Decision.objects.about(target).in_force().filter(verb=verb_of(type(target), REMOVED), told_at=None)
    removal = removals.order_by("-id").first()
    if removal is not None:
        undone = undo(actor, removal.pk, reason=reason)
        target.refresh_from_db(fields=FIELDS)
        if target.removed_at is None:
            return undone
        # Another decision that stands keeps it down: so this one is written down, too.
    before = _before(target, named)
    target.restore()
    verb = verb_of(type(target), RESTORED)
    save_as(actor, target, action=verb, note=reason)
    after = snapshot_of(target, FIELDS)
    return decide(actor, verb, target, subject_id=subject_id, before=before, after=after, batch=batch)


def removal_kinds(model: type[Removable], perm: str) -> list[Kind]:
    """The two kinds of decision that remove and restore rows of `model`, for an app's `decisions.py`."""
    return [
        Kind(
            verb=verb_of(model, verb),
            model=model,
            perm=perm,
            undo=_undo,
            notify=_notifier(kind),
            notify_undone=_notifier(inverse),
        )
        for verb, kind, inverse in (
            (REMOVED, NotificationKind.CONTENT_REMOVED, NotificationKind.CONTENT_RESTORED),
            (RESTORED, NotificationKind.CONTENT_RESTORED, NotificationKind.CONTENT_REMOVED),
        )
    ]


def _before(target: Removable, named: dict[str, str]) -> dict[str, Any]:
    # Exact to the microsecond, which `snapshot_of` is not: other decisions know their removal by its time.
    removed_at = target.removed_at.isoformat() if target.removed_at else None
    return snapshot_of(target, FIELDS) | {"removed_at": removed_at, "named": named}


def follow_removals(actor: User, decision: Decision, target: Any, *, note: str) -> None:
    """Bring a locked target in line with the decisions in force, after `decision` has been undone."""
    removal = removal_in_force(target, decision.subject_id)
    if removed_by_decision(decision, target):
        state = state_by(removal)
    elif decision.verb == verb_of(type(target), RESTORED) and removal is None:
        # It had been removed without a decision, or by one of which nothing is known any more.
        before = decision.before
        removed_at = parse_datetime(before["removed_at"]) if before["removed_at"] else None
        state = removed_at, before["removed_by"], before["removal_reason"]
    else:
        return
    removed_at, removed_by, _reason = state
    if (removed_at is None, removed_by) == (target.removed_at is None, target.removed_by_id):
        return
    require(actor, kinds()[verb_of(type(target), REMOVED)].perm, target)
    target.removed_at, target.removed_by_id, target.removal_reason = state
    save_as(actor, target, action=Action(decision.verb).undone, note=note)


def _undo(actor: User, decision: Decision, target: Any) -> None:
    follow_removals(actor, decision, target, note=decision.undo_reason)


def _notifier(kind: NotificationKind) -> Callable[[Decision], None]:
    def notify_subject(decision: Decision) -> None:
        if decision.subject_id is None:
            return
        # By the name it had: it may be gone, or called otherwise, by now.
        target = kind_of(decision).model._default_manager.filter(pk=decision.target_id).first()
        notify(decision.subject_id, kind, about=target, **named_in(decision))

    return notify_subject


def named_in(decision: Decision) -> dict[str, str]:
    """The context that names the target in messages; decisions of earlier releases have its name as text."""
    named: dict[str, str] = decision.before.get("named") or {"thing": decision.before["name"]}
    return named
