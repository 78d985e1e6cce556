"""The kinds of decision about events, how each is undone, and who is notified."""

from __future__ import annotations

from apps.audit.actions import Action
from apps.events.models import Event
from apps.events.services import undo_edit
from apps.notifications.models import Kind as NotificationKind
from apps.notifications.services import notify
from apps.review.decisions.in_force import values_without
from apps.review.decisions.kinds import Kind
from apps.review.decisions.models import Decision
from apps.review.decisions.removal import named_in, removal_kinds
from apps.users.models import User


def undo_edits(actor: User, decision: Decision, event: Event) -> None:
    fields = values_without(decision, event, {name: decision.before[name] for name in decision.after})
    undo_edit(actor, event, fields, action=Action(decision.verb).undone, note=decision.undo_reason)


def notify_edited(decision: Decision) -> None:
    _notify_host(decision, NotificationKind.CONTENT_EDITED)


def notify_undone(decision: Decision) -> None:
    _notify_host(decision, NotificationKind.DECISION_UNDONE)


def _notify_host(decision: Decision, kind: NotificationKind) -> None:
    event = Event.objects.filter(pk=decision.target_id).first()
    assert decision.subject_id is not None
    notify(decision.subject_id, kind, about=event, **named_in(decision))


KINDS = [
    *removal_kinds(Event, "events.delete_event"),
    Kind(
        verb=Action.EVENT_EDITED,
        model=Event,
        perm="events.change_event",
        undo=undo_edits,
        notify=notify_edited,
        notify_undone=notify_undone,
    ),
]
