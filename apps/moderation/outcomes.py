"""What the outcomes of a case do to the thing and its author, and how each is taken back. Nobody is told here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.access import require
from apps.audit.history import save_as
from apps.errors import Conflict, Invalid
from apps.events.services import edit_event
from apps.moderation.content import REPORTABLE, target_of
from apps.moderation.models import Case, Report
from apps.review.decisions.in_force import REMOVED, values_without, verb_of
from apps.review.decisions.models import Decision
from apps.review.decisions.removal import follow_removals
from apps.users.accounts.services import lift_suspension
from apps.users.models import User

Outcome = Report.Outcome
GRAVEST_FIRST = [Outcome.SUSPENDED, Outcome.REMOVED, Outcome.EDITED, Outcome.WARNED, Outcome.KEPT]
EDITABLE = {"title", "description"}


def check_outcomes(kind: str, outcomes: Sequence[str]) -> list[str]:
    """The outcomes, gravest first and each once. Raises `Invalid` for what cannot be or does not go together."""
    chosen = [outcome.value for outcome in GRAVEST_FIRST if outcome in outcomes]
    thing = REPORTABLE[Report.Kind(kind)]
    if not chosen or set(outcomes) - set(chosen):
        raise _impossible(_("Choose one of the outcomes."))
    if Outcome.KEPT in chosen and len(chosen) > 1:
        raise _impossible(_("“Keep” cannot be combined with other actions. Choose one or the other."))
    if Outcome.REMOVED in chosen and thing.remove is None:
        raise _impossible(_("A person is not removed. Warn or suspend them."))
    if Outcome.EDITED in chosen and thing.edit is None:
        raise _impossible(_("Only the text of an event can be edited. Choose another action."))
    return chosen


def require_outcomes(actor: User, case: Case, outcomes: Sequence[str], target: Any) -> None:
    """Raise `Refused` where `actor` may not do to the thing and its author what the outcomes say."""
    thing = REPORTABLE[Report.Kind(case.kind)]
    for outcome, perm, about in (
        (Outcome.REMOVED, thing.remove, target),
        (Outcome.EDITED, thing.edit, target),
        (Outcome.SUSPENDED, "users.suspend_user", case.author),
    ):
        if outcome in outcomes and perm is not None:
            require(actor, perm, about)


def carry_out(
    actor: User, case: Case, outcomes: Sequence[str], *, reason: str, until: datetime, edits: Mapping[str, str]
) -> dict[str, Any]:
    """Do what the outcomes say. What was done, as `take_back` needs it; each action asks for its own permission."""
    if edits and Outcome.EDITED not in outcomes:
        raise _impossible(_("Choose “Edit text” to change the text."))
    done: dict[str, Any] = {}
    if Outcome.EDITED in outcomes:
        done |= _edit(actor, case, edits, reason)
    if Outcome.REMOVED in outcomes:
        done |= _remove(actor, case, reason)
    if Outcome.SUSPENDED in outcomes:
        if until <= timezone.now():
            raise Invalid("past", _("Choose a time in the future."), field="until")
        # Given along with the strike, once there is a decision to undo it by.
        done["suspended"] = {"after": until.isoformat()}
    return done


def take_back(actor: User, case: Case, decision: Decision, *, note: str) -> None:
    """Undo what `carry_out` did, save what another decision that stands did too, or what others have changed since."""
    done = decision.before["done"]
    target = target_of(case.kind, case.target_id, lock=True)
    if Outcome.REMOVED in decision.after["outcomes"] and target is not None:
        follow_removals(actor, decision, target, note=note)
    if "words" in done and target is not None:
        before, after = done["words"]["before"], done["words"]["after"]
        if {name: getattr(target, name) for name in after} == after:
            edit_event(actor, target.pk, reason=note, tell=False, **values_without(decision, target, before))
    lift_suspension(actor, decision, note=note)


def _remove(actor: User, case: Case, reason: str) -> dict[str, Any]:
    """Take it down, unless somebody was quicker: then the outcome is true already, and stays so while this stands."""
    target = target_of(case.kind, case.target_id, lock=True)
    require(actor, str(REPORTABLE[Report.Kind(case.kind)].remove), target)
    if target is None or target.removed_at is not None:
        return {"removed": True}
    target.remove(actor, reason)
    action = verb_of(type(target), REMOVED)
    return {"removed": True, "removed_at": save_as(actor, target, action=action, note=reason).removed_at.isoformat()}


def _edit(actor: User, case: Case, edits: Mapping[str, str], reason: str) -> dict[str, Any]:
    """Put the words right; without new ones this says that they are right by now."""
    target = target_of(case.kind, case.target_id, lock=True)
    if target is None:
        raise Conflict("target-gone", _("It is gone: there is nothing left to edit. Choose another outcome."))
    require(actor, str(REPORTABLE[Report.Kind(case.kind)].edit), target)
    if edits.keys() - EDITABLE:
        raise _impossible(_("Only the title and the description of an event can be edited here."))
    if not edits:
        return {}
    before = {name: getattr(target, name) for name in edits}
    edited = edit_event(actor, case.target_id, reason=reason, tell=False, **edits)  # type: ignore[arg-type]
    return {"words": {"before": before, "after": {name: getattr(edited, name) for name in edits}}}


def _impossible(sentence: str) -> Invalid:
    return Invalid("outcome-impossible", sentence, field="outcome")
