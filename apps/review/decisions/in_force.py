"""What one object is by the decisions about it that stand, in whatever order others were made and undone.

A decision is about the object that is its target; or, where it closes a case, about the one that `before["about"]`
names, with what it did to it in `before["done"]`. The release before does not name it, and may still run for a while
after `migrate`: then it is the one that the case is about.
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
    """How `before["about"]` names an object."""
    return f"{model._meta.label_lower}:{number}"


def verb_of(model: type[Model], verb: str) -> Action:
    """The action of a verb on a model, as in "story.removed"."""
    return Action(f"{model._meta.model_name}.{verb}")


def removals_of(target: Removable, subject_id: int | None) -> DecisionQuerySet:
    """All that took it down or found it down rightly, standing or undone."""
    return _decided(target, subject_id, REMOVED, Q(after__outcomes__contains=[REMOVED]))


def removed_by_decision(decision: Decision, target: Removable) -> bool:
    """Whether a decision, up to this one, took it down; otherwise it has been removed without one."""
    took = Q(verb=verb_of(type(target), REMOVED)) | Q(before__done__has_key="removed_at")
    return removals_of(target, decision.subject_id).filter(took, pk__lte=decision.pk).exists()


def standing_removal(target: Removable, subject_id: int | None) -> Decision | None:
    """The decision by which it is down: the first that stands since it was last restored. None where it is up."""
    removals = removals_of(target, subject_id).standing().order_by("pk")
    restored = Decision.objects.about(target).standing().filter(verb=verb_of(type(target), RESTORED)).last()
    return removals.filter(pk__gt=restored.pk).first() if restored else removals.first()


def state_by(removal: Decision | None) -> tuple[datetime | None, int | None, str]:
    """When, by whom and why something was removed, by that decision."""
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
