"""What is decided about events, how it is taken back, and who is told."""

from __future__ import annotations

from apps.audit.actions import Action
from apps.events.models import Event
from apps.events.services import undo_edit
from apps.notifications.models import Kind as Told
from apps.notifications.services import notify
from apps.review.decisions.in_force import values_without
from apps.review.decisions.kinds import Kind
from apps.review.decisions.models import Decision
from apps.review.decisions.removal import named_in, removal_kinds
from apps.users.models import User


def put_words_back(actor: User, decision: Decision, event: Event) -> None:
    fields = values_without(decision, event, {name: decision.before[name] for name in decision.after})
    undo_edit(actor, event, fields, action=Action(decision.verb).undone, note=decision.undo_reason)


def tell_edited(decision: Decision) -> None:
    _tell(decision, Told.CONTENT_EDITED)


def tell_undone(decision: Decision) -> None:
    _tell(decision, Told.DECISION_UNDONE)


def _tell(decision: Decision, kind: Told) -> None:
    event = Event.objects.filter(pk=decision.target_id).first()
    assert decision.subject_id is not None
    notify(decision.subject_id, kind, about=event, **named_in(decision))


KINDS = [
    *removal_kinds(Event, "events.delete_event"),
    Kind(
        verb=Action.EVENT_EDITED,
        model=Event,
        perm="events.change_event",
        undo=put_words_back,
        tell=tell_edited,
        tell_undone=tell_undone,
    ),
]
