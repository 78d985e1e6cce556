"""Participation in events: every decision about a seat is made while the event's row is locked."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.access import visible
from apps.audit.actions import Action
from apps.audit.history import delete_as, save_as
from apps.errors import Absent, Conflict, Invalid
from apps.events.changes import going_to
from apps.events.models import Event, Participation
from apps.events.services import event_for, hosted, locked
from apps.notifications.models import Kind
from apps.notifications.services import notify
from apps.users.models import User
from apps.users.permissions import hidden_from

Status = Participation.Status


def attendees_of(viewer: User | AnonymousUser, event_id: int) -> QuerySet[Participation]:
    """The users going, interested or invited, in the order of their answers. Raises `Absent`."""
    event = event_for(viewer, event_id)
    rows = Participation.objects.filter(event=event, user__is_active=True).exclude(user__in=hidden_from(viewer))
    return rows.select_related("user__profile").order_by("id")


@transaction.atomic
def join_event(actor: User, event_id: int, *, status: str) -> Event:
    """Set the status to going, which takes a seat, or to interested; without effect the second time.

    Raises `Conflict` for an own event, and for one that is full, over or cancelled.
    """
    event = locked(actor, event_id)
    if event.host_id == actor.pk:
        raise Conflict("own-event", _("You host this event, so you are there anyway."))
    _require_ahead(event)
    known = Participation.objects.filter(event=event, user=actor).first()
    if known is None or known.status != status:
        if status == Status.GOING and event.capacity is not None and going_to(event).count() >= event.capacity:
            raise Conflict("event-full", _("All seats of this event are taken."))
        participation = known or Participation(event=event, user=actor)
        is_first_answer = known is None or known.status == Status.INVITED
        participation.status = status
        save_as(actor, participation, action=Action(f"participation.{status}"))
        if is_first_answer:
            context = {"person": actor.username, "event": event.title, "status": status}
            notify(event.host_id, Kind.EVENT_JOINED, about=event, **context)
    return event_for(actor, event.pk)


@transaction.atomic
def leave_event(actor: User, event_id: int) -> None:
    """Withdraw before the event begins, or decline an invitation; without effect the second time."""
    event = locked(actor, event_id)
    participation = Participation.objects.filter(event=event, user=actor).first()
    if participation is None:
        return
    if event.status == Event.Status.ACTIVE and event.date <= timezone.now():
        raise Conflict("event-started", _("This event has begun, so you cannot withdraw any more."))
    delete_as(actor, participation, action=Action.GUEST_WITHDREW)


@transaction.atomic
def invite_to_event(host: User, event_id: int, user_id: int) -> Participation:
    """Invite a user; without effect the second time. Raises `Conflict` where they have joined already."""
    event = hosted(host, event_id)
    if user_id == host.pk:
        raise Invalid("oneself", _("You host this event, so you are there anyway."), field="user")
    guest = visible(host, User).select_related("profile").filter(pk=user_id).first()
    if guest is None:
        raise Absent("not-found", _("There is no such person."))
    _require_ahead(event)
    known = Participation.objects.filter(event=event, user=guest).select_related("user__profile").first()
    if known is not None and known.status != Status.INVITED:
        raise Conflict("already-joined", _("This person has joined already."))
    if known is not None:
        return known
    participation = Participation(event=event, user=guest, status=Status.INVITED)
    save_as(host, participation, action=Action.GUEST_INVITED)
    notify(guest.pk, Kind.EVENT_INVITATION, about=event, person=host.username, event=event.title)
    return participation


def _require_ahead(event: Event) -> None:
    if event.status == Event.Status.CANCELLED:
        raise Conflict("event-cancelled", _("This event is cancelled."))
    if event.is_over:
        raise Conflict("event-over", _("This event is over."))
