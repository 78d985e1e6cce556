"""What a change of an event checks and causes, made by its host or by staff."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.errors import Conflict, Invalid
from apps.events.models import Event, Participation
from apps.notifications.models import Kind
from apps.notifications.services import notify_all
from apps.users.models import User

FIELDS = ("title", "description", "date", "ends_at", "location", "capacity")
"""The fields that can be changed."""


def going_to(event: Event) -> QuerySet[Participation]:
    """Those who are going, each of whom takes a seat."""
    return Participation.objects.filter(event=event, status=Participation.Status.GOING)


def change(actor: User, event: Event, changes: dict[str, Any], *, action: Action, note: str = "") -> bool:
    """Save `changes` of a locked event, and notify its guests of a new time or place. Returns whether any differ."""
    changed = assign(event, changes, lambda: going_to(event).count())
    if not changed:
        return False
    save_as(actor, event, action=action, note=note)
    if moves_guests(event, changed):
        notify_moved([event])
    return True


def assign(event: Event, changes: dict[str, Any], going: Callable[[], int]) -> set[str]:
    """Assign `changes` to `event` without saving it. Returns the fields that differ then; `going` counts the guests.

    Raises `Invalid`, and `Conflict` for fewer seats than guests.
    """
    before = {name: getattr(event, name) for name in FIELDS}
    if unknown := changes.keys() - before.keys():
        raise TypeError(f"An event has no {unknown} to change.")
    for name, value in changes.items():
        setattr(event, name, value)
    if event.date is not None and "ends_at" not in changes:
        event.ends_at = event.date + (before["ends_at"] - before["date"])
    check(event)
    changed = {name for name, value in before.items() if getattr(event, name) != value}
    if "capacity" in changed and event.capacity is not None and going() > event.capacity:
        raise Conflict("capacity-below-going", _("More people are going already."), field="capacity")
    return changed


def moves_guests(event: Event, changed: set[str]) -> bool:
    """Whether a change of these fields is notified to the guests."""
    return bool(changed & {"date", "ends_at", "location"}) and event.status == Event.Status.ACTIVE and not event.is_over


def notify_moved(events: Sequence[Event]) -> None:
    """Notify all participants of each event of its new time or place."""
    recipients: dict[int, list[int]] = {}
    rows = Participation.objects.filter(event__in=events).order_by("id").values_list("event_id", "user_id")
    for event_id, user_id in rows if events else ():
        recipients.setdefault(event_id, []).append(user_id)
    for event in events:
        if event.pk in recipients:
            notify_all(recipients[event.pk], Kind.EVENT_CHANGED, about=event, event=event.title)


def going_to_each(event_ids: Iterable[int]) -> dict[int, int]:
    """The number of those going to each event, in one query; without events to which none is."""
    going = Participation.objects.filter(event__in=list(event_ids), status=Participation.Status.GOING)
    return dict(going.order_by().values_list("event").annotate(guests=Count("pk")))


def check(event: Event) -> None:
    """Fill in an empty end, and raise `Invalid` for what the database would refuse."""
    try:
        event.clean_fields(exclude={"host", "removed_by"})
    except ValidationError as error:
        field, [first, *_rest] = next(iter(error.error_dict.items()))
        raise Invalid(first.code or "invalid", first.messages[0], field=field) from error
    if event.ends_at <= event.date:
        raise Invalid("ends-before-it-begins", _("An event ends after it begins."), field="ends_at")
    if event.capacity is not None and event.capacity < 1:
        raise Invalid("too-small", _("An event has at least one seat."), field="capacity")


def participants_of(event: Event) -> list[int]:
    """The IDs of all participants, whatever their status."""
    return list(event.participations.order_by("id").values_list("user_id", flat=True))
