"""Decisions: each is a row with what undoing it restores, and its messages wait for the undo window."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Required, TypedDict, Unpack
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from apps.access import require
from apps.errors import Absent, Conflict, DomainError
from apps.infra.columns import column
from apps.review.decisions.kinds import Kind, kinds
from apps.review.decisions.models import UNDO_WINDOW, Decision

if TYPE_CHECKING:
    from procrastinate.types import JSONDict

    from apps.users.models import User


@dataclass(slots=True)
class Undone:
    """The result of undoing a batch: the decisions that were undone and those that were skipped."""

    done: list[Decision] = field(default_factory=list)
    skipped: list[tuple[Decision, str]] = field(default_factory=list)
    """With the reason, as a sentence."""


def snapshot_of(obj: models.Model, names: Iterable[str]) -> dict[str, Any]:
    """The named fields of `obj` as JSON values, for `before` and `after` of a decision."""
    values = {name: getattr(obj, column(type(obj), name).attname) for name in names}
    return json.loads(json.dumps(values, cls=DjangoJSONEncoder))


class Draft(TypedDict, total=False):
    """What a decision says beside its actor, verb and target."""

    subject_id: Required[int | None]
    before: Required[dict[str, Any]]
    after: Required[dict[str, Any]]
    reason: str
    text: str
    batch: UUID | None
    overrides: Decision | None


def decide(actor: User, verb: str, target: models.Model, **draft: Unpack[Draft]) -> Decision:
    """Store a decision in the transaction that carries it out; its messages are sent after `UNDO_WINDOW`."""
    decision = drafted(actor, verb, target, **draft)
    decide_all([decision])
    return decision


def drafted(actor: User, verb: str, target: models.Model, **draft: Unpack[Draft]) -> Decision:
    """An unsaved decision; `decide_all` stores many at once."""
    values: dict[str, Any] = {name: value for name, value in draft.items() if name != "batch" or value is not None}
    return Decision(
        verb=kinds()[verb].verb, actor=actor, target_type=target._meta.label_lower, target_id=target.pk, **values
    )


def decide_all(decisions: Sequence[Decision]) -> None:
    """Store decisions in the transaction that carries them out, in as many queries as one takes.

    Each is made now, whenever it was drafted, and its messages are sent after `UNDO_WINDOW`.
    """
    if decisions:
        now = timezone.now()
        for decision in decisions:
            decision.made_at = now
        Decision.objects.bulk_create(decisions)
        _send_messages_later(decisions)


@transaction.atomic
def undo(actor: User, decision_id: int, *, reason: str = "") -> Decision:
    """Undo one decision. Where its messages have not been sent yet, none are; otherwise its subject is notified.

    Raises `Conflict` where it was undone already, or where the target has changed since.
    """
    # The target first, as deciding does, so that the two never wait for each other.
    known = Decision.objects.filter(pk=decision_id).first()
    if known is None:
        raise Absent("absent", _("This decision does not exist. Reload the page."))
    kind = kinds()[known.verb]
    target = kind.model._default_manager.select_for_update(of=("self",)).filter(pk=known.target_id).first()
    if target is None:
        raise Conflict("changed-since", _("The content of this decision has been deleted, so it cannot be undone."))
    require(actor, kind.perm, target)
    decision = Decision.objects.select_for_update(of=("self",)).get(pk=decision_id)
    decision.undo(actor, reason)
    if snapshot_of(target, decision.after) != decision.after:
        raise Conflict("changed-since", _("This has changed since the decision, so it cannot be undone."))
    # Before the target is restored: what follows from decisions is computed from those in force.
    decision.save(update_fields=["undone_at", "undone_by", "undo_reason"])
    kind.undo(actor, decision, target)
    if decision.told_at is not None:
        kind.notify_undone(decision)
    return decision


def undo_batch(actor: User, batch: UUID, *, reason: str = "") -> Undone:
    """Undo all decisions of one bulk action, last first; targets that have changed since are skipped and named."""
    result = Undone()
    for decision in Decision.objects.filter(batch=batch, undone_at__isnull=True).order_by("-id"):
        try:
            result.done.append(undo(actor, decision.pk, reason=reason))
        except DomainError as error:
            result.skipped.append((decision, str(error)))
    return result


@transaction.atomic
def send_messages(decision_id: int) -> bool:
    """Send the messages about a decision, once, unless it has been undone. Returns whether they were sent."""
    decision = Decision.objects.select_for_update(of=("self",)).filter(pk=decision_id).first()
    if decision is None or decision.undone_at is not None or decision.told_at is not None:
        return False
    decision.told_at = timezone.now()
    decision.save(update_fields=["told_at"])
    kind_of(decision).notify(decision)
    return True


def kind_of(decision: Decision) -> Kind:
    return kinds()[decision.verb]


def _send_messages_later(decisions: Sequence[Decision]) -> None:
    # By name: the job calls back into this module.
    later = app.configure_task("decisions.tell_people", schedule_in={"seconds": int(UNDO_WINDOW.total_seconds())})
    jobs: list[JSONDict] = [{"decision_id": decision.pk} for decision in decisions]
    later.batch_defer(*jobs)
