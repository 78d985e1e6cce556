"""Actions on an item that do not decide it: claim, release, take over, assign, snooze, escalate, leave."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _

from admin_dashboards.context import StaffRequest, mark_poll
from admin_dashboards.errors import answers_json
from admin_dashboards.review.next_item import neighbour_id, next_id
from admin_dashboards.review.views.item import SNOOZES, go_on, item_page
from apps.errors import DomainError, Invalid
from apps.infra.ids import parse_id
from apps.review import presence
from apps.review.claims import assign, claim, colleagues, escalate, leave, release, snooze, take_over
from apps.users.models import User

if TYPE_CHECKING:
    from admin_dashboards.review.desk import WorkDesk


def act(desk: WorkDesk, request: StaffRequest, item_id: int) -> HttpResponse:
    """Do the action that was posted, and go on with the item or the next one."""
    item = desk.one(request, item_id)
    if request.method != "POST":
        return HttpResponseRedirect(desk.within(request, "item", item_id))
    action = request.POST.get("action", "")
    if action == "renew":
        return _renew(desk, request, item_id)
    try:
        match action:
            case "claim" | "take_over" | "release":
                return HttpResponseRedirect(_claimed(desk, request, item_id, action))
            case "next" | "previous":
                following = neighbour_id(desk, request, item_id, 1 if action == "next" else -1)
                leave(request.user, desk.queue.model, item_id)
                presence.leave(request.user, item)
            case "assign" | "snooze" | "escalate":
                following = next_id(desk, request, after=item_id)
                _handed_on(desk, request, item, action)
            case _:
                raise Invalid("unknown", _("Unknown action. Reload the page and choose again."), field="action")
    except DomainError as error:
        return item_page(desk, request, desk.one(request, item_id), error)
    return go_on(desk, request, following)


@answers_json
def _renew(desk: WorkDesk, request: StaffRequest, item_id: int) -> HttpResponse:
    """Renew the claim of the open page."""
    mark_poll(request)
    claim(request.user, desk.queue.model, item_id)
    return HttpResponse(status=204)


def _claimed(desk: WorkDesk, request: StaffRequest, item_id: int, action: str) -> str:
    """Claim, take over or release the item; returns the address to go on with. Raises `DomainError`."""
    match action:
        case "claim":
            claim(request.user, desk.queue.model, item_id)
        case "take_over":
            take_over(request.user, desk.queue.model, item_id, reason=request.POST.get("reason", ""))
        case "release":
            release(request.user, desk.queue.model, item_id)
            return desk.back(request)
    return desk.within(request, "item", item_id)


def _handed_on(desk: WorkDesk, request: StaffRequest, item: Any, action: str) -> None:
    """Assign, snooze or escalate the item. Raises `DomainError`."""
    user, model = request.user, desk.queue.model
    match action:
        case "assign":
            to = _colleague(desk, item, request.POST.get("to", ""))
            assign(user, model, item.pk, to=to)
            _say(desk, request, item, _("Assigned to %(name)s, who is notified: %(item)s."), to)
        case "snooze":
            hours = request.POST.get("hours", "")
            if hours not in SNOOZES:
                raise Invalid("unknown", _("Choose how long to snooze it."), field="hours")
            snooze(user, model, item.pk, until=timezone.now() + timedelta(hours=int(hours)))
        case "escalate":
            colleague = escalate(user, model, item.pk, reason=request.POST.get("reason", "")).assigned_to
            if colleague is None:
                _say(desk, request, item, _("Escalated: %(item)s. No colleague can take it now."))
            else:
                _say(desk, request, item, _("Escalated to %(name)s, who is notified: %(item)s."), colleague)


def _say(desk: WorkDesk, request: StaffRequest, item: Any, text: str, to: User | None = None) -> None:
    messages.success(request, text % {"item": desk.title_of(item), "name": to.username if to else ""})


def _colleague(desk: WorkDesk, item: Any, number: str) -> User:
    person = next((each for each in colleagues(desk.permission, item) if each.pk == parse_id(number)), None)
    if person is None:
        raise Invalid("unknown", _("Choose a colleague from the list."), field="to")
    return person
