"""The page of one item, its decision and its notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import get_language_info, gettext_lazy
from django.utils.translation import gettext as _

from admin_dashboards.context import PART, StaffRequest, mark_poll
from admin_dashboards.errors import with_status
from admin_dashboards.review.last_decision import last_decision
from admin_dashboards.review.next_item import address_for, claim_or_next, next_id
from admin_dashboards.review.queue_filters import filter_query
from admin_dashboards.review.views.index import due_text
from admin_dashboards.timeline import timeline
from apps.errors import DomainError
from apps.review import presence
from apps.review.claims import colleagues
from apps.review.conflicts import conflict_of
from apps.review.message_templates import templates_for
from apps.review.notes import add_note
from apps.review.notices import mentioned_in
from apps.review.queue import goal_of

if TYPE_CHECKING:
    from admin_dashboards.review.desk import WorkDesk

SNOOZES: dict[str, str | Promise] = {
    "1": gettext_lazy("1 hour"),
    "4": gettext_lazy("4 hours"),
    "24": gettext_lazy("1 day"),
    "72": gettext_lazy("3 days"),
    "168": gettext_lazy("7 days"),
}
"""For how long an item can be snoozed, by hours."""


def item_view(desk: WorkDesk, request: StaffRequest, item_id: int) -> HttpResponse:
    """The page of the item."""
    return item_page(desk, request, desk.one(request, item_id))


def next_page(desk: WorkDesk, request: StaffRequest) -> HttpResponse:
    """Redirects to the next item."""
    return HttpResponseRedirect(address_for(desk, request, next_id(desk, request)))


def ahead(desk: WorkDesk, request: StaffRequest, item_id: int) -> HttpResponse:
    """The item that would come after this one, for its page to fetch ahead; nothing where there is none."""
    mark_poll(request)
    desk.one(request, item_id)
    following = next_id(desk, request, after=item_id)
    if not following:
        return HttpResponse(status=204)
    return HttpResponseRedirect(address_for(desk, request, following))


def item_page(desk: WorkDesk, request: StaffRequest, item: Any, error: DomainError | None = None) -> HttpResponse:
    """The page of the item; with the error that a form on it was rejected with, and the input as it was."""
    desk.note_shown(request, item)
    user = request.user
    free, holder = desk.is_free(request, item), item.claim_holder()
    deciding = free or desk.may_decide(request, item)
    due = getattr(item, desk.queue.arrived) + goal_of(desk.queue)
    is_part = PART in request.headers
    context = {
        "item": item,
        "conflict": conflict_of(user, item) if item.is_open else None,
        "item_title": desk.title_of(item),
        "is_open": item.is_open,
        "deciding": deciding,
        "free": free,
        "holder": holder,
        "claimed_by_me": holder is not None and holder.pk == user.pk,
        "arrived": getattr(item, desk.queue.arrived),
        "due": due_text(due, timezone.now()),
        "late": item.is_open and due < timezone.now(),
        "outcome": "" if item.is_open else item.decided_as,
        "sentence": desk.decided_sentence(item),
        "addresses": {
            page: desk.within(request, f"item_{page}", item.pk)
            for page in ("state", "ahead", "decide", "action", "note")
        },
        "back": desk.back(request),
        "filter_query": filter_query(desk, request),
        "undo_address": desk.within(request, "undo"),
        "parts": desk.templates,
        "snoozes": list(SNOOZES.items()),
        "colleagues": [person for person in colleagues(desk.permission, item) if person.pk != user.pk],
        "timeline": timeline(item, request),
        "last": last_decision(desk, request),
        "message_templates": _message_templates(desk, request, item) if deciding else [],
        "error": error,
        "posted": request.POST if error else {},
        "refused": _page_name(desk, request) if error else "",
        "is_part": is_part,
        "swaps": True,
        **desk.item_context(request, item, deciding=deciding),
    }
    page = with_status(desk.page(request, "desk/item_part.html" if is_part else "desk/item.html", context), error)
    return _as_part(request, page, desk.within(request, "item", item.pk), error) if is_part else page


def _as_part(request: StaffRequest, page: HttpResponse, address: str, error: DomainError | None) -> HttpResponse:
    """`page` for htmx to swap in; another item than the one that is open gets an entry in the browser's history."""
    page[PART] = "1"
    if error is None and not request.headers.get("HX-Current-URL", "").partition("#")[0].endswith(address):
        page["HX-Push-Url"] = address
    return page


def _page_name(desk: WorkDesk, request: StaffRequest) -> str:
    """The page that was requested, as `WorkDesk.at` names it."""
    match = request.resolver_match
    return str(match.url_name).removeprefix(f"{desk.name}_") if match else ""


def _message_templates(desk: WorkDesk, request: StaffRequest, item: Any) -> list[dict[str, str]]:
    """The templates to insert: each text in the recipient's language, or in another one that is then named."""
    recipient = desk.recipient_of(item)
    if recipient is None:
        return []
    found = []
    for template in templates_for(request.user, desk.queue.slug):
        code = recipient.language if recipient.language in template.texts else next(iter(template.texts), "")
        language = "" if code == recipient.language else get_language_info(code)["name_translated"]
        found.append({"title": template.title, "text": template.texts.get(code, ""), "language": language})
    return found


def state(desk: WorkDesk, request: StaffRequest, item_id: int) -> HttpResponse:
    """What the open page asks every two seconds: who claimed it, who else views it, whether it was decided."""
    mark_poll(request)
    item = desk.one(request, item_id)
    holder = item.claim_holder()
    return JsonResponse(
        {
            "version": item.version,
            "open": item.is_open,
            "holder": holder.username if holder else "",
            "claimed_by_me": holder is not None and holder.pk == request.user.pk,
            "others": presence.announce(request.user, item),
            "sentence": desk.decided_sentence(item),
        }
    )


def decide(desk: WorkDesk, request: StaffRequest, item_id: int) -> HttpResponse:
    """Decide the item, and go on with the next one."""
    if request.method != "POST":
        return HttpResponseRedirect(desk.within(request, "item", item_id))
    item = desk.one(request, item_id)
    following = next_id(desk, request, after=item_id)
    try:
        desk.decide(request, item)
    except DomainError as error:
        return item_page(desk, request, desk.one(request, item_id), error)
    return go_on(desk, request, following)


def go_on(desk: WorkDesk, request: StaffRequest, item_id: int) -> HttpResponse:
    """Claims the item and redirects to it; answers the page's script with the item itself, to save a round trip."""
    item_id = claim_or_next(desk, request, item_id)
    if not item_id or PART not in request.headers:
        return HttpResponseRedirect(address_for(desk, request, item_id))
    # Nothing that was posted about the item before belongs to this one.
    request.POST = QueryDict()
    return item_page(desk, request, desk.one(request, item_id))


def note(desk: WorkDesk, request: StaffRequest, item_id: int) -> HttpResponse:
    """Add an internal note to the item."""
    item = desk.one(request, item_id)
    if request.method != "POST":
        return HttpResponseRedirect(desk.within(request, "item", item_id))
    text = request.POST.get("text", "")
    try:
        add_note(request.user, item, text=text)
    except DomainError as error:
        return item_page(desk, request, item, error)
    if "@" in text:
        mentioned = mentioned_in(text, item, desk.permission)
        names = [person.username for person in mentioned if person.pk != request.user.pk]
        missed = _("No one is notified: no colleague of this queue is mentioned.")
        said = _("Notified: %(names)s.") if names else missed
        messages.info(request, said % {"names": ", ".join(names)})
    return HttpResponseRedirect(desk.within(request, "item", item_id))
