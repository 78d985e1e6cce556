"""What becomes of the events to come of a user who is erased."""

from __future__ import annotations

from django.utils import formats, timezone

from apps.audit.actions import Action
from apps.audit.history import delete_as, save_as
from apps.events.changes import participants_of
from apps.events.models import Event, Participation
from apps.notifications.models import Kind
from apps.notifications.services import notify_all
from apps.users.models import User


def leave_events(person: User) -> None:
    """Cancel all events to come that the user hosts, and withdraw them from those that they would go to.

    Participants read the time of a cancelled event, not the title, which is the user's own text.
    """
    coming = Event.objects.filter(ends_at__gt=timezone.now())
    for event in coming.select_for_update(of=("self",)).filter(host=person, status=Event.Status.ACTIVE).order_by("pk"):
        event.cancel()
        save_as(None, event, action=Action.EVENT_CANCELLED)
        time = formats.date_format(timezone.localtime(event.date), "DATETIME_FORMAT")
        notify_all(participants_of(event), Kind.EVENT_CANCELLED, event=time)
    for participation in Participation.objects.filter(user=person, event__in=coming):
        delete_as(None, participation, action=Action.GUEST_WITHDREW)
