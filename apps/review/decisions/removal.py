"""Taking down and putting back as decisions: with an inverse, and with messages that wait."""

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
from apps.review.decisions.in_force import REMOVED, RESTORED, removed_by_decision, standing_removal, state_by, verb_of
from apps.review.decisions.kinds import Kind, kinds
from apps.review.decisions.models import Decision
from apps.review.decisions.services import decide, kind_of, snapshot_of, undo
from apps.review.removable import Removable

if TYPE_CHECKING:
    from apps.users.models import User

FIELDS = ("removed_at", "removed_by", "removal_reason")


def remove_as(
    actor: User,
    thing: Removable,
    *,
    subject_id: int,
    named: dict[str, str],
    reason: str = "",
    batch: UUID | None = None,
) -> Decision:
    """Remove a locked row. Raises `Conflict` where it is removed already. `named`: the context of `texts.py`."""
    before = _before(thing, named)
    thing.remove(actor, reason)
    verb = verb_of(type(thing), REMOVED)
    save_as(actor, thing, action=verb, note=reason)
    after = snapshot_of(thing, FIELDS)
    return decide(actor, verb, thing, subject_id=subject_id, before=before, after=after, batch=batch)


def restore_as(
    actor: User,
    thing: Removable,
    *,
    subject_id: int,
    named: dict[str, str],
    reason: str = "",
    batch: UUID | None = None,
) -> Decision:
    """Restore it. A removal notice that has not been sent yet is cancelled."""
    if thing.removed_at is None:
        thing.restore()  # raises
    removals = Decision.objects.about(thing).standing().filter(verb=verb_of(type(thing), REMOVED), told_at=None)
    removal = removals.order_by("-id").first()
    if removal is not None:
        undone = undo(actor, removal.pk, reason=reason)
        thing.refresh_from_db(fields=FIELDS)
        if thing.removed_at is None:
            return undone
        # Another decision that stands keeps it down: so this one is written down, too.
    before = _before(thing, named)
    thing.restore()
    verb = verb_of(type(thing), RESTORED)
    save_as(actor, thing, action=verb, note=reason)
    after = snapshot_of(thing, FIELDS)
    return decide(actor, verb, thing, subject_id=subject_id, before=before, after=after, batch=batch)


def removal_kinds(model: type[Removable], perm: str) -> list[Kind]:
    """The two kinds of decision about whether something is down, for an app's `decisions.py`."""
    return [
        Kind(
            verb=verb_of(model, verb),
            model=model,
            perm=perm,
            undo=_put_back,
            notify=_notifier(kind),
            notify_undone=_notifier(inverse),
        )
        for verb, kind, inverse in (
            (REMOVED, NotificationKind.CONTENT_REMOVED, NotificationKind.CONTENT_RESTORED),
            (RESTORED, NotificationKind.CONTENT_RESTORED, NotificationKind.CONTENT_REMOVED),
        )
    ]


def _before(thing: Removable, named: dict[str, str]) -> dict[str, Any]:
    # Exact to the microsecond, which `snapshot_of` is not: other decisions know their removal by its time.
    removed_at = thing.removed_at.isoformat() if thing.removed_at else None
    return snapshot_of(thing, FIELDS) | {"removed_at": removed_at, "named": named}


def follow_removals(actor: User, decision: Decision, thing: Any, *, note: str) -> None:
    """Bring a locked thing in line with the decisions that stand, after this one has been undone."""
    removal = standing_removal(thing, decision.subject_id)
    if removed_by_decision(decision, thing):
        state = state_by(removal)
    elif decision.verb == verb_of(type(thing), RESTORED) and removal is None:
        # It had been removed without a decision, or by one of which nothing is known any more.
        before = decision.before
        removed_at = parse_datetime(before["removed_at"]) if before["removed_at"] else None
        state = removed_at, before["removed_by"], before["removal_reason"]
    else:
        return
    removed_at, removed_by, _reason = state
    if (removed_at is None, removed_by) == (thing.removed_at is None, thing.removed_by_id):
        return
    require(actor, kinds()[verb_of(type(thing), REMOVED)].perm, thing)
    thing.removed_at, thing.removed_by_id, thing.removal_reason = state
    save_as(actor, thing, action=Action(decision.verb).undone, note=note)


def _put_back(actor: User, decision: Decision, thing: Any) -> None:
    follow_removals(actor, decision, thing, note=decision.undo_reason)


def _notifier(kind: NotificationKind) -> Callable[[Decision], None]:
    def notify_subject(decision: Decision) -> None:
        if decision.subject_id is None:
            return
        # By the name it had: it may be gone, or called otherwise, by now.
        thing = kind_of(decision).model._default_manager.filter(pk=decision.target_id).first()
        notify(decision.subject_id, kind, about=thing, **named_in(decision))

    return notify_subject


def named_in(decision: Decision) -> dict[str, str]:
    """The thing by the name it had; decisions from before have that as words."""
    named: dict[str, str] = decision.before.get("named") or {"thing": decision.before["name"]}
    return named
