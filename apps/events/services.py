"""Events: hosted by users, edited and removed by staff."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from apps.access import may, note_use, opened, require, rules, visible
from apps.audit.actions import Action
from apps.audit.history import bulk_update_as, delete_as, save_as
from apps.errors import Absent, Refused
from apps.events.changes import (
    FIELDS,
    assign,
    change,
    check,
    going_to_each,
    moves_guests,
    notify_moved,
    participants_of,
)
from apps.events.counts import terms
from apps.events.models import WHENS, Event, EventQuerySet, Participation
from apps.infra.time_limits import waiting_at_most
from apps.notifications.models import Kind
from apps.notifications.services import notify_all
from apps.review.decisions.models import Decision
from apps.review.decisions.removal import remove_as, restore_as
from apps.review.decisions.services import decide_all, drafted, snapshot_of
from apps.users.models import User, unshown
from apps.visibility.compiled import Listing, compiled
from apps.visibility.snapshot import live_for

PERM = "events.change_event"
LOCKED_WITHIN = timedelta(seconds=5)
"""How long an import waits for an event that is being changed, while others wait for those it has locked."""
EMPTY = {"description": "", "ends_at": None, "capacity": None}
"""The values of fields that a replacement leaves out."""


def find_events(viewer: User | AnonymousUser, *, when: str = "all", search: str = "") -> Listing[Event]:
    """Events by time, title or place: upcoming ones soonest first, all others latest first."""
    if not search:
        return _events(viewer, when=when)
    return _events.build(viewer, when=when).filter(Q(title__icontains=search) | Q(location__icontains=search))


@compiled(when=WHENS)
def _events(viewer: User | AnonymousUser, *, when: str) -> QuerySet[Event]:
    events = visible(viewer, Event, EventQuerySet).when(when, live_for(viewer).now)
    order = ("date", "id") if when == "upcoming" else ("-date", "-id")
    return with_answers(events, viewer).order_by(*order)


_events.counted(terms)


@compiled()
def _event(viewer: User | AnonymousUser, event_id: int) -> QuerySet[Event]:
    return with_answers(visible(viewer, Event), viewer).filter(pk=event_id)


def event_for(viewer: User | AnonymousUser, event_id: int) -> Event:
    """One event as `viewer` sees it. Raises `Absent`."""
    event = _event(viewer, event_id).first()
    if event is None:
        raise absent()
    return event


def with_answers(events: QuerySet[Event], viewer: User | AnonymousUser) -> QuerySet[Event]:
    """Adds the host, how many are `going` and `interested`, and `my_status`, the viewer's own."""
    here = Participation.objects.filter(event=OuterRef("pk")).order_by()
    counts = {
        status.value: Coalesce(
            Subquery(here.filter(status=status).values("event").annotate(guests=Count("pk")).values("guests")), 0
        )
        for status in (Participation.Status.GOING, Participation.Status.INTERESTED)
    }
    # The ID of an anonymous user is None, which finds nothing.
    mine = here.filter(Q(user_id=viewer.pk)).values("status")
    return events.select_related("host__profile").defer(*unshown("host")).annotate(**counts, my_status=Subquery(mine))


def create_event(host: User, *, title: str, date: datetime, location: str, **rest: Any) -> Event:
    """Host an event, past ones too. `rest`: description, ends_at (4 hours after `date` unless given), capacity."""
    event = Event(host=host, title=title, date=date, location=location, **rest)
    check(event)
    save_as(host, event, action=Action.EVENT_CREATED)
    return event_for(host, event.pk)


@transaction.atomic
def update_event(actor: User, event_id: int, **changes: Any) -> Event:
    """Change the given fields. An event that is moved keeps its length, unless its end is given too."""
    event = hosted(actor, event_id)
    change(actor, event, changes, action=Action.EVENT_CHANGED)
    return event_for(actor, event.pk)


def replace_event(actor: User, event_id: int, **fields: Any) -> Event:
    """Make the event consist of the given fields."""
    return update_event(actor, event_id, **EMPTY | fields)


@transaction.atomic
def cancel_event(actor: User, event_id: int) -> Event:
    """Cancel an event and notify its participants. Raises `Conflict` where it is cancelled already."""
    event = hosted(actor, event_id)
    event.cancel()
    save_as(actor, event, action=Action.EVENT_CANCELLED)
    notify_all(participants_of(event), Kind.EVENT_CANCELLED, about=event, event=event.title)
    return event_for(actor, event.pk)


@transaction.atomic
def delete_event(actor: User, event_id: int) -> None:
    """Delete an event for good and notify the participants of an upcoming one."""
    event = locked(actor, event_id)
    require(actor, "events.delete_event", event)
    if event.status == Event.Status.ACTIVE and not event.is_over:
        # Without a link, since the event is deleted.
        notify_all(participants_of(event), Kind.EVENT_CANCELLED, event=event.title)
    delete_as(actor, event, action=Action.EVENT_DELETED)


# --- Staff -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def edit_event(
    actor: User, event_id: int, *, reason: str = "", notifies: bool = True, batch: UUID | None = None, **changes: Any
) -> Event:
    """Edit the given fields of any event.

    That is a decision of its own, of which the host is notified, unless it is part of another (`notifies=False`).
    """
    event = _any(actor, event_id, PERM)
    decided = _decision_about(actor, event)
    if change(actor, event, changes, action=Action.EVENT_EDITED, note=reason) and notifies:
        decide_all([decided(batch)])
    return event


class Edits:
    """Checks edits of many events with as many queries as of one: who may, and how many are going, is asked once."""

    def __init__(self, actor: User, events: Collection[Event]) -> None:
        self._actor = actor
        on_all = bool(may(actor, PERM))
        self._allowed = {event.pk for event in events if on_all or rules()[PERM](actor, event)}
        rest = {event.pk for event in events} - self._allowed
        if rest:
            self._allowed |= set(
                Event.objects.filter(opened(actor, PERM, Event), pk__in=rest).values_list("pk", flat=True)
            )
        self._refusal: Refused | None = None
        self._going = going_to_each(event.pk for event in events)

    def assign(self, event: Event, changes: dict[str, Any]) -> set[str]:
        """Assign `changes` to `event` without saving it. Returns the fields that differ. Raises a `DomainError`."""
        if event.pk not in self._allowed:
            raise self._refuse(event)
        note_use(PERM)
        return assign(event, changes, lambda: self._going.get(event.pk, 0))

    def _refuse(self, event: Event) -> Refused:
        # Built once: it takes queries, and is the same for every row.
        if self._refusal is None:
            self._refusal = Refused("permission-missing", str(may(self._actor, PERM, event).sentence), perm=PERM)
        return Refused(self._refusal.code, self._refusal.message, perm=PERM)


@transaction.atomic
def edit_events(
    actor: User, edits: Mapping[int, dict[str, Any]], *, reason: str = "", later: list[Decision] | None = None
) -> list[Event]:
    """Edit the given fields of many events, each by a decision of its own. Returns those that changed.

    `edits` by the id of the event. Raises the first `DomainError`; nothing is changed then. The decisions are added to
    `later` where it is given, for a long transaction to make when it ends: from then on their messages wait.
    """
    rows = Event.objects.select_for_update(of=("self",), no_key=True).select_related("host")
    locked = rows.filter(pk__in=edits).order_by("pk")
    events = {event.pk: event for event in locked}
    if edits.keys() - events.keys():
        raise absent()
    edit = Edits(actor, list(events.values())).assign
    changed: dict[int, set[str]] = {}
    decisions = []
    for pk, changes in sorted(edits.items()):
        decided = _decision_about(actor, events[pk])
        if fields := edit(events[pk], changes):
            changed[pk] = fields
            decisions.append(decided(None))
    done = [events[pk] for pk in changed]
    names = sorted(set[str]().union(*changed.values()))
    bulk_update_as(actor, done, names, action=Action.EVENT_EDITED, note=reason)
    notify_moved([event for event in done if moves_guests(event, changed[event.pk])])
    if later is None:
        decide_all(decisions)
    else:
        later += decisions
    return done


def lock_events(event_ids: Iterable[int]) -> None:
    """Lock many events until the transaction ends, in one order, so that two such transactions never deadlock.

    Raises `Conflict` where another transaction keeps one of them locked.
    """
    with waiting_at_most(LOCKED_WITHIN):
        list(Event.objects.select_for_update(no_key=True).filter(pk__in=event_ids).order_by("pk").values_list("pk"))


def _decision_about(actor: User, event: Event) -> Callable[[UUID | None], Decision]:
    """A function that drafts the decision about an edit of `event`, to be called after it."""
    before, named = snapshot_of(event, FIELDS), _named(event)
    times = {
        field: getattr(event, field).isoformat() for field in ("date", "ends_at")
    }  # exact, which `snapshot_of` is not

    def decided(batch: UUID | None) -> Decision:
        now = snapshot_of(event, FIELDS)
        after = {field: value for field, value in now.items() if value != before[field]}
        was = {field: (before | times)[field] for field in after} | {"named": named}
        return drafted(actor, "event.edited", event, subject_id=event.host_id, before=was, after=after, batch=batch)

    return decided


@transaction.atomic
def undo_edit(actor: User, event: Event, fields: dict[str, Any], *, action: Action, note: str) -> None:
    """Restore fields of a locked event to the values of a decision's snapshot."""
    columns = {field.name: field for field in Event._meta.concrete_fields}
    values = {name: columns[name].to_python(value) for name, value in fields.items()}
    change(actor, event, values, action=action, note=note)


def remove_event(actor: User, event_id: int, *, reason: str = "", batch: UUID | None = None) -> Event:
    """Remove an event at all entry points. Raises `Conflict` where it is removed already."""
    return _decide(actor, event_id, remove_as, reason, batch)


def restore_event(actor: User, event_id: int, *, reason: str = "", batch: UUID | None = None) -> Event:
    """Restore a removed event."""
    return _decide(actor, event_id, restore_as, reason, batch)


@transaction.atomic
def _decide(actor: User, event_id: int, action: Callable[..., Any], reason: str, batch: UUID | None) -> Event:
    event = _any(actor, event_id, "events.delete_event")
    action(actor, event, subject_id=event.host_id, named=_named(event), reason=reason, batch=batch)
    return event


def _any(actor: User, event_id: int, perm: str) -> Event:
    event = Event.objects.select_for_update(of=("self",)).select_related("host").filter(pk=event_id).first()
    if event is None:
        raise absent()
    require(actor, perm, event)
    return event


def _named(event: Event) -> dict[str, str]:
    return {"thing": "event", "title": event.title}


# --- Shared ----------------------------------------------------------------------------------------------------------


def absent() -> Absent:
    return Absent("not-found", _("There is no such event."))


def locked(actor: User, event_id: int) -> Event:
    """An event that `actor` may see, locked. Raises `Absent`."""
    event = visible(actor, Event).select_for_update(of=("self",)).filter(pk=event_id).first()
    if event is None:
        raise absent()
    return event


def hosted(actor: User, event_id: int) -> Event:
    """The same, for its host only."""
    event = locked(actor, event_id)
    require(actor, PERM, event)
    return event
