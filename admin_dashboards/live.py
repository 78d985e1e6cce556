"""What open pages poll: the counts beside the desks in the menu, and when the session ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import DateTimeField, F, QuerySet, Value
from django.http import HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from admin_dashboards.context import StaffRequest, asks_by_script, mark_poll, way_back
from admin_dashboards.registry import queue_desks
from apps.infra.prepared import Prepared
from apps.review.notices import unread_count
from apps.review.queue import goals_of
from apps.users.authentication import console_sessions
from apps.users.models import Session
from apps.visibility.slots import Slot

if TYPE_CHECKING:
    from admin_dashboards.review.desk import WorkDesk

MOST = 99
"""Counted no further: beyond it the menu says 99+."""
WARNED = timedelta(minutes=2)
"""How long before a session ends for inactivity its user is warned."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The open items of a desk's menu entry, bounded: see MOST."""

    open: str
    overdue: str
    label: str
    """Both as text, with those of the desk's other queues."""


def counts_of(request: StaffRequest) -> dict[str, Counts]:
    """The counts by the slug of the menu entry, for the desks with queues that the viewer may open. Two queries."""
    return request.console.once("desk counts", lambda: _count(request))


def lazy_counts(request: StaffRequest, slug: str) -> Any:
    """The counts of one entry, asked of the database only where the menu is drawn."""
    return SimpleLazyObject(lambda: counts_of(request).get(slug))


def _count(request: StaffRequest) -> dict[str, Counts]:
    theirs = [desk for desk in queue_desks() if desk.may_open(request)]
    if not theirs:
        return {}
    now, goals = timezone.now(), goals_of(desk.queue for desk in theirs)
    due = {desk.slug: now - goals[desk.queue.slug] for desk in theirs}
    some = {desk.slug: rows for desk in theirs if (rows := desk.counted(request)) is not None}
    items: Iterable[Any]
    if some:
        items = _items([(desk, some.get(desk.slug, desk.all_rows()), due[desk.slug]) for desk in theirs])
    else:
        items = _all_items(*(desk.slug for desk in theirs)).rows(due)
    found: dict[tuple[str, str], int] = {}
    for slug, kind, _item in items:
        found[slug, kind] = found.get((slug, kind), 0) + 1
    return {
        desk.slug: _counts(desk, [other for other in theirs if not other.in_menu and _is_below(other, desk)], found)
        for desk in theirs
        if desk.in_menu
    }


def _items(queues: Iterable[tuple[WorkDesk, QuerySet[Any], Any]]) -> QuerySet[Any]:
    """A row for each open item, and one more for each that came before the time it is due, up to MOST and one of each.

    Of each desk with its rows and that time.
    """
    parts = []
    for desk, rows, due in queues:
        open_rows = rows.filter(desk.queue.open).order_by()
        late = open_rows.filter(**{f"{desk.queue.arrived}__lt": due})
        for kind, counted in (("open", open_rows), ("overdue", late)):
            marked = counted.annotate(queue_slug=Value(desk.queue.slug), queue_kind=Value(kind), item=F("pk"))
            parts.append(marked.values_list("queue_slug", "queue_kind", "item")[: MOST + 1])
    return parts[0].union(*parts[1:], all=True)


@cache
def _all_items(*slugs: str) -> Prepared:
    """The same for viewers who may work on all items of these desks: nearly all. The times are named by the slugs."""
    named = {desk.slug: desk for desk in queue_desks()}
    items = _items((named[slug], named[slug].all_rows(), Slot(slug, DateTimeField())) for slug in slugs)
    return Prepared(*items.query.sql_with_params())


def _is_below(other: WorkDesk, desk: WorkDesk) -> bool:
    return other.slug.startswith(f"{desk.slug}/")


def _counts(desk: WorkDesk, besides: list[WorkDesk], found: dict[tuple[str, str], int]) -> Counts:
    open_items, overdue = (found.get((desk.queue.slug, kind), 0) for kind in ("open", "overdue"))
    label = _said(open_items, overdue)
    for other in besides:
        theirs = _said(*(found.get((other.queue.slug, kind), 0) for kind in ("open", "overdue")))
        label = f"{label}; {other.title}: {theirs}"
    return Counts(_figure(open_items), _figure(overdue), label)


def _figure(count: int) -> str:
    return "" if not count else f"{MOST}+" if count > MOST else str(count)


def _said(open_items: int, overdue: int) -> str:
    if open_items > MOST:
        said = _("more than %(most)d open") % {"most": MOST}
    else:
        said = ngettext("%(n)d open", "%(n)d open", open_items) % {"n": open_items}
    if not overdue:
        return said
    if overdue > MOST:
        return f"{said}, {_('more than %(most)d overdue') % {'most': MOST}}"
    return f"{said}, {ngettext('%(n)d overdue', '%(n)d overdue', overdue) % {'n': overdue}}"


# --- The session ------------------------------------------------------------------------------------------------------


def session_times(session: Session) -> dict[str, Any]:
    """In how many seconds the session ends if it is not used, when to warn of that, and whether use postpones it."""
    now = timezone.now()
    last = session.created_at + timedelta(seconds=settings.SESSION_COOKIE_AGE)
    idle = timedelta(minutes=settings.CONSOLE_IDLE_MINUTES)
    return {
        "ends_in": max(0, round((session.expires_at - now).total_seconds())),
        "warn_at": round(min(WARNED, idle / 2).total_seconds()),
        "renewable": session.expires_at < last,
    }


def live_view(request: StaffRequest) -> HttpResponse:
    """One answer for everything that open pages poll; polling does not extend the session."""
    mark_poll(request)
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET"])
    counted = {slug: asdict(counts) for slug, counts in counts_of(request).items()}
    unread: int = unread_count(request.user)
    session = session_times(_session_of(request))
    return JsonResponse({"desks": counted, "notices": unread, "session": session})


def stay_view(request: StaffRequest) -> HttpResponse:
    """Extends the session of a viewer who is still there."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    session = _session_of(request)
    console_sessions.note_use(session)
    if asks_by_script(request):
        return JsonResponse({"session": session_times(session)})
    return HttpResponseRedirect(way_back(request))


def _session_of(request: StaffRequest) -> Session:
    assert request.console.session is not None  # only signed-in viewers get these pages
    return request.console.session


def after_this(request: StaffRequest) -> dict[str, Any] | None:
    """The same as `session_times`, as the session will be once this page has been answered."""
    session = request.console.session
    if session is None:
        return None
    times = session_times(session)
    if times["renewable"]:
        renewed = timedelta(minutes=settings.CONSOLE_IDLE_MINUTES) - console_sessions.seen_every()
        last = session.created_at + timedelta(seconds=settings.SESSION_COOKIE_AGE) - timezone.now()
        times["ends_in"] = max(times["ends_in"], round(min(renewed, last).total_seconds()))
    return times | {"live": reverse("admin:live")}
