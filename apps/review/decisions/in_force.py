"""The state of one object by the decisions about it in force, in whatever order others were made and undone.

A decision is about the object that is its target; or, where it closes a case, about the one that `before["about"]`
names, with the changes in `before["done"]`. The previous release does not name it, and may still run for a while after
`migrate`: then it is the target of the case.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Model, Q
from django.utils.dateparse import parse_datetime

from apps.audit.actions import Action
from apps.review.decisions.kinds import kinds
from apps.review.decisions.models import Decision, DecisionQuerySet
from apps.review.removable import Removable

REMOVED, RESTORED, EDITED = "removed", "restored", "edited"


def key_of(model: type[Model], number: int) -> str:
    """The name of an object in `before["about"]`, as in "stories.story:5"."""
    return f"{model._meta.label_lower}:{number}"


def verb_of(model: type[Model], verb: str) -> Action:
    """The action of a verb on a model, as in "story.removed"."""
    return Action(f"{model._meta.model_name}.{verb}")


def removals_of(target: Removable, subject_id: int | None) -> DecisionQuerySet:
    """All decisions that removed `target`, or confirmed its removal; undone ones as well."""
    return _decided(target, subject_id, REMOVED, Q(after__outcomes__contains=[REMOVED]))


def removed_by_decision(decision: Decision, target: Removable) -> bool:
    """Whether `decision` or an earlier one removed `target`; false where it was removed without a decision."""
    took = Q(verb=verb_of(type(target), REMOVED)) | Q(before__done__has_key="removed_at")
    return removals_of(target, decision.subject_id).filter(took, pk__lte=decision.pk).exists()


def removal_in_force(target: Removable, subject_id: int | None) -> Decision | None:
    """The decision by which `target` is removed: the first in force since it was last restored, or None."""
    removals = removals_of(target, subject_id).in_force().order_by("pk")
    restored = Decision.objects.about(target).in_force().filter(verb=verb_of(type(target), RESTORED)).last()
    return removals.filter(pk__gt=restored.pk).first() if restored else removals.first()


def state_by(removal: Decision | None) -> tuple[datetime | None, int | None, str]:
    """The time, officer id and reason of a removal by that decision; empty values for None."""
    if removal is None:
        return None, None, ""
    known = removal.after.get("removed_at") or removal.before.get("done", {}).get("removed_at")
    at = parse_datetime(known) if known else None
    return at or removal.made_at, removal.actor_id, removal.after.get("removal_reason", "")


def values_without(decision: Decision, target: Model, before: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the edited fields before the decision, without the edits that have been undone since."""
    values = dict(before)
    open_names = set(values)
    earlier = _decided(target, decision.subject_id, EDITED, Q(before__done__has_key="words"))
    for edit in earlier.filter(pk__lt=decision.pk).order_by("-pk"):
        was, now = _texts(edit)
        for name in open_names & now.keys():
            if edit.undone_at is None:
                open_names.discard(name)
            elif now[name] == values[name]:
                values[name] = was[name]
    return values


def _decided(target: Model, subject_id: int | None, verb: str, done: Q) -> DecisionQuerySet:
    own = Q(verb=verb_of(type(target), verb), target_type=target._meta.label_lower, target_id=target.pk)
    cases = kinds()["case.settled"].model._default_manager.filter(kind=target._meta.model_name, target_id=target.pk)
    unnamed = Q(verb="case.settled", before__about__isnull=True, target_id__in=cases.values("pk"))
    about = Q(before__about=key_of(type(target), target.pk)) | unnamed
    # By the person concerned, for whom there is an index.
    return Decision.objects.filter(own | done & about, subject_id=subject_id)


def _texts(edit: Decision) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    words = edit.before.get("done", {}).get("words")
    return (words["before"], words["after"]) if words else (edit.before, edit.after)
