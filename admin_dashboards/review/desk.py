"""A desk with a queue: what is next, all that is needed to decide it, one gesture to decide, the next one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar
from uuid import UUID, uuid4

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import get_language_info, gettext_lazy
from django.utils.translation import gettext as _

from admin_dashboards import charts
from admin_dashboards.context import PART, StaffRequest, mark_poll
from admin_dashboards.desk import Desk, View
from admin_dashboards.review.message_templates import templates_view
from admin_dashboards.review.settings import GoalSetting, Setting, settings_open, settings_view
from admin_dashboards.saved_filters import filters_of
from admin_dashboards.tables.search import people_named
from admin_dashboards.timeline import timeline
from apps.access import granted, may
from apps.errors import Absent, Conflict, DomainError, Invalid, Refused
from apps.infra.ids import parse_id, searched_number
from apps.review import presence
from apps.review.claims import assign, claim, colleagues, escalate, is_workable, leave, release, snooze, take_over
from apps.review.conflicts import conflict_of, without_conflicts
from apps.review.decisions.models import HOLD, Decision
from apps.review.decisions.services import kind_of, undo, undo_batch
from apps.review.message_templates import templates_for
from apps.review.models import ReviewItem
from apps.review.notes import add_note
from apps.review.notices import mentioned_in
from apps.review.queue import AGES, LINE_UP, ReviewQueue, figures, free_for, goal_of, line_up, mine, neighbour, waiting
from apps.users.models import User

STATUS = {Refused: 403, Absent: 404, Conflict: 409}
ADDRESS = "X-Address"
"""The header with the address of the item that a decision is answered by."""
LAST_DECISION_SHOWN = timedelta(minutes=10)
MOST_UNDONE = 50
"""So many undone decisions are passed over to find the one before them."""
CLAIM_TRIES = 3
SHOWN = 50
"""How many lines of a queue the desk page shows."""
SNOOZES = {
    "1": gettext_lazy("1 hour"),
    "4": gettext_lazy("4 hours"),
    "24": gettext_lazy("1 day"),
    "72": gettext_lazy("3 days"),
    "168": gettext_lazy("7 days"),
}


@dataclass(frozen=True, slots=True)
class Tab:
    """A share of the queue."""

    code: str
    title: str | Promise


TABS = (
    Tab("waiting", gettext_lazy("Queue")),
    Tab("mine", gettext_lazy("Mine")),
    Tab("open", gettext_lazy("All open")),
    Tab("escalated", gettext_lazy("Escalated")),
    Tab("snoozed", gettext_lazy("Snoozed")),
    Tab("decided", gettext_lazy("Decided")),
)

WORKED_THROUGH = ("mine", "open", "escalated", "snoozed")
"""Tabs other than the queue whose items come after one another."""
FOUND = Tab("found", gettext_lazy("Search results"))
"""All that a search finds, decided or not; there while one searches."""


@dataclass(frozen=True, slots=True)
class Moment:
    """For whom and when a queue is filtered."""

    queue: ReviewQueue
    viewer: User
    goal: timedelta
    now: datetime


@dataclass(frozen=True, slots=True)
class Filter:
    """A choice by which the lines of the queue are narrowed down."""

    name: str
    """Of the address's parameter."""
    title: str | Promise
    choices: Mapping[str, str | Promise]
    lookup: str | Callable[[Moment, str], Q]
    """The field that holds the chosen value, or what a row must be."""

    def rows(self, moment: Moment, chosen: str) -> Q:
        """What a row must be for the `chosen` value."""
        return self.lookup(moment, chosen) if callable(self.lookup) else Q(**{self.lookup: chosen})


def _due(moment: Moment, chosen: str) -> Q:
    arrived, late = moment.queue.arrived, moment.now - moment.goal
    overdue = Q(**{f"{arrived}__lt": late})
    if chosen == "overdue":
        return overdue
    return ~overdue & Q(**{f"{arrived}__lt": late + timedelta(days=1)})


def _claimed(moment: Moment, chosen: str) -> Q:
    claimed = Q(claimed_by__isnull=False, claimed_until__gt=moment.now)
    if chosen == "none":
        return ~claimed & Q(assigned_to__isnull=True)
    theirs = Q(claimed_by=moment.viewer.pk) if chosen == "me" else ~Q(claimed_by=moment.viewer.pk)
    given = Q(assigned_to=moment.viewer.pk)
    return (claimed & theirs) | (given if chosen == "me" else Q(assigned_to__isnull=False) & ~given)


def _escalated(_moment: Moment, chosen: str) -> Q:
    return Q(escalated_at__isnull=chosen == "no")


def _age(moment: Moment, chosen: str) -> Q:
    first = int(chosen)
    last = dict(AGES)[first]
    inside = Q(**{f"{moment.queue.arrived}__lte": moment.now - timedelta(days=first)})
    return (
        inside if last is None else inside & Q(**{f"{moment.queue.arrived}__gt": moment.now - timedelta(days=last + 1)})
    )


EVERYWHERE = (
    Filter(
        "due",
        gettext_lazy("Due"),
        {"overdue": gettext_lazy("Overdue"), "day": gettext_lazy("Within a day")},
        _due,
    ),
    Filter(
        "claim",
        gettext_lazy("Claimed by"),
        {"none": gettext_lazy("Nobody"), "me": gettext_lazy("Me"), "others": gettext_lazy("Colleagues")},
        _claimed,
    ),
    Filter("escalated", gettext_lazy("Escalated"), {"yes": gettext_lazy("Yes"), "no": gettext_lazy("No")}, _escalated),
    Filter(
        "age",
        gettext_lazy("Age"),
        {
            "0": gettext_lazy("0–2 days"),
            "3": gettext_lazy("3–10 days"),
            "11": gettext_lazy("11–30 days"),
            "31": gettext_lazy("Over 30 days"),
        },
        _age,
    ),
)
"""The filters that every queue has."""
SORTS = {"oldest": gettext_lazy("Oldest first"), "newest": gettext_lazy("Newest first")}
"""Ways to sort beside the usual one: overdue first, then by the queue's own order."""


@dataclass(frozen=True, slots=True)
class Row:
    """One item in the list of the desk page."""

    item: Any
    title: str
    facts: Sequence[Any] = ()
    """Short texts or labels beside the title."""


@dataclass(frozen=True, slots=True)
class BulkAction:
    """Something that is done to many items at once."""

    code: str
    title: str | Promise
    template: str = ""
    """Of further fields that the action asks for, once for all items."""
    key: str = ""
    """That chooses it for the ticked lines, and again confirms it."""


@dataclass(slots=True)
class BulkLine:
    """What a bulk will do, or did, to one item."""

    item: Any
    sentence: str
    skipped: bool = False


@dataclass(slots=True)
class Bulk:
    action: BulkAction
    batch: UUID
    lines: list[BulkLine] = field(default_factory=list)

    @property
    def taken(self) -> list[BulkLine]:
        return [line for line in self.lines if not line.skipped]

    @property
    def skipped(self) -> list[BulkLine]:
        return [line for line in self.lines if line.skipped]


class WorkDesk(Desk):
    """Beside what a desk has: `queue`, templates, and what the abstract methods say."""

    has_queue = True
    queue: ClassVar[ReviewQueue]
    templates: ClassVar[Mapping[str, str]]
    """Of the parts of an item's page: `evidence`, `facts` and `decision`."""
    filters: ClassVar[Sequence[Filter]] = ()
    bulk_actions: ClassVar[Sequence[BulkAction]] = ()
    tabs: ClassVar[Sequence[Tab]] = TABS
    settings: ClassVar[Sequence[Setting]] = (GoalSetting(),)
    """What the desk goes by, each changed by those who hold its permission."""
    search_people: ClassVar[Sequence[str]] = ()
    """The fields that name people, by whose user names items are found."""

    def may_share_filters(self, request: StaffRequest) -> bool:
        return True

    # --- What each desk says ----------------------------------------------------------------------------------------

    @abstractmethod
    def row(self, request: StaffRequest, item: Any) -> Row:
        """A line of the queue."""

    @abstractmethod
    def title_of(self, item: Any) -> str:
        """The item by name, as a heading."""

    @abstractmethod
    def item_context(self, request: StaffRequest, item: Any, *, deciding: bool) -> dict[str, Any]:
        """What the three templates of the item's page need. `deciding`: whether the person may decide it now."""

    @abstractmethod
    def decide(self, request: StaffRequest, item: Any) -> None:
        """Carry out the decision that was posted. Raises `DomainError`."""

    def bulk_preview(self, request: StaffRequest, action: BulkAction, item: Any) -> str:
        """What the action would do to the item, as a sentence. Raises `DomainError` where it cannot."""
        raise NotImplementedError

    def bulk_do(self, request: StaffRequest, action: BulkAction, item: Any, batch: UUID) -> str:
        """Do it. The sentence that says what was done. Raises `DomainError`."""
        raise NotImplementedError

    def narrowed(self, request: StaffRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """With what a line and a page name."""
        return rows.select_related("claimed_by", "assigned_to")

    def found_by(self, term: str) -> Q:
        """What an item must be to be found by `term`: of this number, or about somebody of this name."""
        kind = str(self.queue.model._meta.verbose_name)
        found = Q(pk=number) if (number := searched_number(term, kind)) else Q(pk__in=[])
        people = people_named(term)
        for name in self.search_people:
            found |= Q(**{f"{name}__in": people})
        return found

    def offered(self, request: StaffRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Of `rows`, what the queue offers the viewer: nothing that they have a conflict of interest with."""
        return without_conflicts(request.user, rows)

    def index_context(self, request: StaffRequest) -> dict[str, Any]:
        """What else the desk page shows, below its figures: see `desk/index.html`."""
        return {}

    # --- Addresses --------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        reading: dict[str, View] = {
            "": self.index,
            "next/": self.next_item,
            "<int:item_id>/": self.item,
            "<int:item_id>/state/": self.state,
            "<int:item_id>/ahead/": self.ahead,
        }
        posting: dict[str, View] = {
            "<int:item_id>/decide/": self.decide_view,
            "<int:item_id>/action/": self.action_view,
            "<int:item_id>/note/": self.note_view,
            "bulk/": self.bulk_view,
            "undo/": self.undo_view,
        }
        pages = [path(route, self.view(view), name=self._name(route)) for route, view in reading.items()]
        posts = [path(route, self.view(view, posts=True), name=self._name(route)) for route, view in posting.items()]
        settings = self.view(self.settings_view, posts=True, opens=self.may_set)
        templates = self.view(partial(templates_view, self), posts=True)
        return [
            *pages,
            *posts,
            path("templates/", templates, name=f"{self.name}_templates"),
            path("settings/", settings, name=f"{self.name}_settings"),
        ]

    def may_set(self, request: StaffRequest) -> bool:
        """Whether the person may change something that the desk goes by, theirs to work at or not."""
        return bool(settings_open(self, request))

    def settings_view(self, request: StaffRequest) -> HttpResponse:
        return settings_view(self, request)

    def _name(self, route: str) -> str:
        page = route.replace("<int:item_id>/", "item/").strip("/").replace("/", "_")
        return f"{self.name}_{page}" if page else self.name

    def at(self, page: str, *args: Any) -> str:
        """The address of one of the desk's pages: `next`, `item`, `item_state` …"""
        return reverse(f"admin:{self.name}_{page}", args=args)

    def within(self, request: StaffRequest, page: str, *args: Any) -> str:
        """The same, with what the queue is narrowed down to: the way on stays inside, the way back leads there."""
        return self.at(page, *args) + self.narrowing(request)

    def back(self, request: StaffRequest) -> str:
        """The desk page, narrowed down as it was."""
        return self.address + self.narrowing(request)

    def narrowing(self, request: StaffRequest, *besides: str) -> str:
        """The address's query: tab, search and filters, without those that are named."""
        names = ("tab", "q", "sort", *(each.name for each in self.all_filters))
        given = {name: request.GET.get(name, "")[:150] for name in names}
        kept = {name: value for name, value in given.items() if value and name not in besides}
        return f"?{urlencode(kept)}" if kept else ""

    # --- Rows -------------------------------------------------------------------------------------------------------

    @property
    def all_filters(self) -> tuple[Filter, ...]:
        """Its own, and those of every queue."""
        return (*self.filters, *EVERYWHERE)

    @property
    def action(self) -> str:
        """The permission's action: "review" of `users.review_document`."""
        return self.permission.split(".")[1].rsplit("_", 1)[0]

    def rows(self, request: StaffRequest) -> QuerySet[Any]:
        """The items that the person may work on."""
        model = self.queue.model
        user: User = request.user
        if may(user, self.permission):
            return model._default_manager.all()
        return granted(user, model, self.action)

    def one(self, request: StaffRequest, item_id: int) -> Any:
        item = self.narrowed(request, self.rows(request)).filter(pk=item_id).first()
        if item is None:
            raise Http404
        return item

    def is_open(self, item: Any) -> bool:
        return bool(item.is_open)

    def may_decide(self, request: StaffRequest, item: Any) -> bool:
        """Whether the viewer can decide it now and has claimed it."""
        holder = item.claim_holder()
        return holder is not None and holder.pk == request.user.pk and is_workable(request.user, item)

    def _tab(self, request: StaffRequest, code: str) -> QuerySet[Any]:
        now, rows = timezone.now(), self._filtered(request)
        user: User = request.user
        match code:
            case "mine":
                return mine(self.queue, rows, user, now)
            case "open":
                return rows.filter(self.queue.open)
            case "escalated":
                return rows.filter(self.queue.open, escalated_at__isnull=False)
            case "snoozed":
                return rows.filter(self.queue.open, snoozed_until__gt=now)
            case "decided":
                return rows.filter(**{f"{self.queue.decided}__isnull": False})
            case "found":
                return rows
            case _:
                return self.offered(request, waiting(self.queue, rows, user, now))

    def _filtered(self, request: StaffRequest) -> QuerySet[Any]:
        """The items within the search and the filters."""
        rows = self.rows(request)
        if term := _term(request):
            rows = rows.filter(self.found_by(term))
        asked = ((each, request.GET.get(each.name, "")) for each in self.all_filters)
        chosen = [(each, value) for each, value in asked if value in each.choices]
        if not chosen:
            return rows
        viewer: User = request.user
        moment = Moment(self.queue, viewer, goal_of(self.queue), timezone.now())
        return rows.filter(*(each.rows(moment, value) for each, value in chosen))

    def _sorted(self, request: StaffRequest, rows: QuerySet[Any], goal: timedelta, most: int) -> list[Any]:
        """The first of `rows` in the order that the viewer has chosen."""
        sort = request.GET.get("sort", "")
        if sort not in SORTS:
            return line_up(self.queue, rows, goal, timezone.now(), most)
        sign = "-" if sort == "newest" else ""
        return list(rows.order_by(f"{sign}{self.queue.arrived}", f"{sign}pk")[:most])

    def _ahead(self, request: StaffRequest) -> QuerySet[Any]:
        """What comes after one another: the tab that one works through, or else the queue."""
        tab = request.GET.get("tab", "")
        if tab not in WORKED_THROUGH:
            return self._tab(request, "waiting")
        free = free_for(request.user, timezone.now())
        return self.offered(request, self._tab(request, tab).filter(free))

    def _lined_up(self, request: StaffRequest, most: int) -> list[Any]:
        return self._sorted(request, self._ahead(request), goal_of(self.queue), most)

    def _next(self, request: StaffRequest, after: int = 0) -> int:
        """What it goes on with: what is in the person's hands first, then the queue; 0 where nothing waits."""
        user, now = request.user, timezone.now()
        rows = self._ahead(request) if request.GET.get("tab") in WORKED_THROUGH else self._filtered(request)
        own = self.offered(request, mine(self.queue, rows, user, now))
        own = own.filter(Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=now)).exclude(pk=after)
        return own.order_by(*self.queue.order).values_list("pk", flat=True).first() or self._beside(request, after, 1)

    def _beside(self, request: StaffRequest, item_id: int, step: int) -> int:
        """The item so many places further on in the queue; 0 where there is no other."""
        return neighbour((item.pk for item in self._lined_up(request, LINE_UP)), item_id, step) or 0

    def _taken(self, request: StaffRequest, item_id: int) -> int:
        """The item, claimed; where a colleague was quicker, the next one that is free then. 0 where there is none."""
        for _try in range(CLAIM_TRIES):
            item = self.rows(request).filter(pk=item_id).first()
            try:
                if item is not None and self._is_free(request, item):
                    claim(request.user, self.queue.model, item_id)
                break
            except Conflict:
                item_id = self._next(request, after=item_id)
        return item_id

    def _at(self, request: StaffRequest, item_id: int) -> str:
        return self.within(request, "item", item_id) if item_id else self.back(request)

    # --- The desk page ----------------------------------------------------------------------------------------------

    def index(self, request: StaffRequest) -> HttpResponse:
        user: User = request.user
        now = timezone.now()
        tabs = (*self.tabs, FOUND) if _term(request) else self.tabs
        known = {tab.code for tab in tabs}
        tab = request.GET.get("tab") if request.GET.get("tab") in known else tabs[-1 if _term(request) else 0].code
        counted = figures(self.queue, self.rows(request), user, timezone.get_current_timezone(), now)
        rows = self.narrowed(request, self._tab(request, str(tab)))
        if tab == "decided":
            items = list(rows.order_by(f"-{self.queue.decided}", "-pk")[: SHOWN + 1])
        elif tab == FOUND.code:
            items = list(rows.order_by(f"-{self.queue.arrived}", "-pk")[: SHOWN + 1])
        else:
            items = self._sorted(request, rows, counted.goal, SHOWN + 1)
        late = now - counted.goal
        lines = [
            {
                "row": self.row(request, item),
                "address": self.within(request, "item", item.pk),
                "arrived": (arrived := getattr(item, self.queue.arrived)),
                "late": self.is_open(item) and arrived < late,
                "due": due_in_words(arrived + counted.goal, now),
                "holder": item.claim_holder(now),
                "outcome": "" if self.is_open(item) else item.decided_as,
                "decided": (decided := getattr(item, self.queue.decided)),
                "ago": timesince(decided or arrived, now, depth=1),
                "decider": getattr(item, self.queue.decider),
            }
            for item in items[:SHOWN]
        ]
        context = {
            "figures": counted,
            "chart": charts.arrivals_and_decisions(counted),
            "tab": tab,
            "tabs": tabs,
            "term": _term(request),
            "lines": lines,
            "more": len(items) > SHOWN,
            "choices": self._choices(request),
            "next_address": self.within(request, "next"),
            "bulk_address": self.within(request, "bulk"),
            "narrowed": any(choice["chosen"] for choice in self._choices(request)),
            "sorts": list(SORTS.items()),
            "sort": request.GET.get("sort", "") if request.GET.get("sort", "") in SORTS else "",
            "tab_query": self.narrowing(request, "tab", "q").replace("?", "&"),
            "saved": filters_of(request, f"admin:{self.name}"),
            "last": self.last_decision(request),
            "goal_hours": int(counted.goal.total_seconds() // 3600),
            "zone": timezone.get_current_timezone_name(),
            "templates_address": self.at("templates"),
            "settings_address": self.at("settings") if self.may_set(request) else "",
            **self.index_context(request),
        }
        return self.page(request, "desk/index.html", context)

    def _choices(self, request: StaffRequest) -> list[dict[str, Any]]:
        return [
            {
                "filter": each,
                "chosen": value if (value := request.GET.get(each.name, "")) in each.choices else "",
                "choices": list(each.choices.items()),
            }
            for each in self.all_filters
        ]

    def next_item(self, request: StaffRequest) -> HttpResponse:
        return HttpResponseRedirect(self._at(request, self._next(request)))

    def ahead(self, request: StaffRequest, item_id: int) -> HttpResponse:
        """The item that would come after this one, for its page to fetch ahead; nothing where there is none."""
        mark_poll(request)
        self.one(request, item_id)
        following = self._next(request, after=item_id)
        return HttpResponseRedirect(self._at(request, following)) if following else HttpResponse(status=204)

    # --- One item ---------------------------------------------------------------------------------------------------

    def item(self, request: StaffRequest, item_id: int) -> HttpResponse:
        return self._item_page(request, self.one(request, item_id))

    def _is_free(self, request: StaffRequest, item: Any) -> bool:
        """Whether the script of its page claims it. What is meant for another is taken by asking for it."""
        free = item.claim_holder() is None and item.assigned_to_id in (None, request.user.pk)
        return free and is_workable(request.user, item)

    def _item_page(self, request: StaffRequest, item: Any, error: DomainError | None = None) -> HttpResponse:
        user: User = request.user
        free = self._is_free(request, item)
        deciding = free or self.may_decide(request, item)
        holder = item.claim_holder()
        goal = goal_of(self.queue)
        arrived = getattr(item, self.queue.arrived)
        context = {
            "item": item,
            "conflict": conflict_of(user, item) if item.is_open else None,
            "item_title": self.title_of(item),
            "is_open": self.is_open(item),
            "deciding": deciding,
            "free": free,
            "holder": holder,
            "held_by_me": holder is not None and holder.pk == user.pk,
            "arrived": arrived,
            "due": due_in_words(arrived + goal, timezone.now()),
            "late": self.is_open(item) and arrived + goal < timezone.now(),
            "outcome": "" if self.is_open(item) else item.decided_as,
            "sentence": self.decided_sentence(item),
            "addresses": {
                page: self.within(request, f"item_{page}", item.pk)
                for page in ("state", "ahead", "decide", "action", "note")
            },
            "back": self.back(request),
            "narrowing": self.narrowing(request),
            "undo_address": self.within(request, "undo"),
            "parts": self.templates,
            "snoozes": list(SNOOZES.items()),
            "colleagues": [person for person in colleagues(self.permission, item) if person.pk != user.pk],
            "timeline": timeline(item, request),
            "last": self.last_decision(request),
            "message_templates": self._message_templates(request, item) if deciding else [],
            "error": error,
            "posted": request.POST if error else {},
            "refused": self._page_of(request) if error else "",
            **self.item_context(request, item, deciding=deciding),
        }
        context["is_part"] = bool(request.headers.get(PART))
        template = "desk/item_part.html" if context["is_part"] else "desk/item.html"
        response = self.page(request, template, context)
        if error is not None:
            response.status_code = STATUS.get(type(error), 422)
        return response

    def _page_of(self, request: StaffRequest) -> str:
        """The page that was asked for, as `at` names it."""
        match = request.resolver_match
        return str(match.url_name).removeprefix(f"{self.name}_") if match else ""

    def recipient_of(self, item: Any) -> User | None:
        """The user who reads what is written with a decision."""
        return None

    def _message_templates(self, request: StaffRequest, item: Any) -> list[dict[str, str]]:
        """What can be inserted: each text in the recipient's language, or in another one that is then named."""
        recipient = self.recipient_of(item)
        if recipient is None:
            return []
        found = []
        for template in templates_for(request.user, self.queue.slug):
            code = recipient.language if recipient.language in template.texts else next(iter(template.texts), "")
            language = "" if code == recipient.language else get_language_info(code)["name_translated"]
            found.append({"title": template.title, "text": template.texts.get(code, ""), "language": language})
        return found

    def state(self, request: StaffRequest, item_id: int) -> HttpResponse:
        """What the open page asks every two seconds: whose it is, who looks too, whether it was decided."""
        mark_poll(request)
        item = self.one(request, item_id)
        holder = item.claim_holder()
        return JsonResponse(
            {
                "version": item.version,
                "open": self.is_open(item),
                "holder": holder.username if holder else "",
                "held_by_me": holder is not None and holder.pk == request.user.pk,
                "others": presence.look(request.user, item),
                "sentence": self.decided_sentence(item),
            }
        )

    def decided_sentence(self, item: Any) -> str:
        if self.is_open(item):
            return ""
        decider = getattr(item, self.queue.decider)
        return _("%(outcome)s by %(name)s, %(time)s") % {
            "outcome": item.decided_as,
            "name": decider.username if decider else "–",
            "time": date_format(timezone.localtime(getattr(item, self.queue.decided)), "DATETIME_FORMAT"),
        }

    # --- Actions ------------------------------------------------------------------------------------------------------

    def decide_view(self, request: StaffRequest, item_id: int) -> HttpResponse:
        """Decide, and go on with the next one."""
        if request.method != "POST":
            return HttpResponseRedirect(self.within(request, "item", item_id))
        item = self.one(request, item_id)
        onward = self._next(request, after=item_id)
        try:
            self.decide(request, item)
        except DomainError as error:
            return self._item_page(request, self.one(request, item_id), error)
        return self._go_on(request, onward)

    def _go_on(self, request: StaffRequest, item_id: int) -> HttpResponse:
        """The next item, claimed: as the answer itself to the script of the page, which saves it a round trip."""
        item_id = self._taken(request, item_id)
        if not item_id or PART not in request.headers:
            return HttpResponseRedirect(self._at(request, item_id))
        # Nothing that was posted about the item before belongs to this one.
        request.POST = QueryDict()
        response = self._item_page(request, self.one(request, item_id))
        response[ADDRESS] = self._at(request, item_id)
        return response

    def action_view(self, request: StaffRequest, item_id: int) -> HttpResponse:
        """Claim, release, take over, hand over, snooze, pass up, or leave for the item before or after."""
        item = self.one(request, item_id)
        if request.method != "POST":
            return HttpResponseRedirect(self.within(request, "item", item_id))
        user: User = request.user
        model, action = self.queue.model, request.POST.get("action", "")
        reason = request.POST.get("reason", "")
        here, onward = self.within(request, "item", item_id), 0
        try:
            match action:
                case "claim":
                    claim(user, model, item_id)
                case "renew":
                    mark_poll(request)
                    claim(user, model, item_id)
                    return HttpResponse(status=204)
                case "take_over":
                    take_over(user, model, item_id, reason=reason)
                case "release":
                    release(user, model, item_id)
                    here = self.back(request)
                case "next" | "previous":
                    onward, here = self._beside(request, item_id, 1 if action == "next" else -1), ""
                    leave(user, model, item_id)
                    presence.leave(user, item)
                case "assign":
                    onward, here = self._next(request, after=item_id), ""
                    to = self._colleague(item, request.POST.get("to", ""))
                    assign(user, model, item_id, to=to)
                    self._say_to(request, item, _("Assigned to %(name)s, who is notified: %(item)s."), to)
                case "snooze":
                    hours = request.POST.get("hours", "")
                    if hours not in SNOOZES:
                        raise Invalid("unknown", _("Choose how long to snooze it."), field="hours")
                    onward, here = self._next(request, after=item_id), ""
                    snooze(user, model, item_id, until=timezone.now() + timedelta(hours=int(hours)))
                case "escalate":
                    onward, here = self._next(request, after=item_id), ""
                    escalated = escalate(user, model, item_id, reason=reason)
                    if escalated.assigned_to is None:
                        self._say_to(request, item, _("Escalated: %(item)s. No colleague can take it now."))
                    else:
                        said = _("Escalated to %(name)s, who is notified: %(item)s.")
                        self._say_to(request, item, said, escalated.assigned_to)
                case _:
                    raise Invalid("unknown", _("Unknown action. Reload the page and choose again."), field="action")
        except DomainError as error:
            if action == "renew":
                return JsonResponse({"sentence": str(error)}, status=STATUS.get(type(error), 422))
            return self._item_page(request, self.one(request, item_id), error)
        return HttpResponseRedirect(here) if here else self._go_on(request, onward)

    def _say_to(self, request: StaffRequest, item: Any, said: str, to: Any = None) -> None:
        messages.success(request, said % {"item": self.title_of(item), "name": to.username if to else ""})

    def _colleague(self, item: Any, number: str) -> User:
        person = next((each for each in colleagues(self.permission, item) if each.pk == parse_id(number)), None)
        if person is None:
            raise Invalid("unknown", _("Choose a colleague from the list."), field="to")
        return person

    def note_view(self, request: StaffRequest, item_id: int) -> HttpResponse:
        item = self.one(request, item_id)
        if request.method != "POST":
            return HttpResponseRedirect(self.within(request, "item", item_id))
        try:
            text = request.POST.get("text", "")
            add_note(request.user, item, text=text)
        except DomainError as error:
            return self._item_page(request, item, error)
        if "@" in text:
            mentioned = mentioned_in(text, item, self.permission)
            names = [person.username for person in mentioned if person.pk != request.user.pk]
            missed = _("Nobody is notified: no colleague of this queue is mentioned.")
            said = _("Notified: %(names)s.") if names else missed
            messages.info(request, said % {"names": ", ".join(names)})
        return HttpResponseRedirect(self.within(request, "item", item_id))

    # --- Undo -------------------------------------------------------------------------------------------------------

    def last_decision(self, request: StaffRequest) -> dict[str, Any] | None:
        """What the person decided last, while it is fresh, to be taken back."""
        since, label = timezone.now() - LAST_DECISION_SHOWN, self.queue.model._meta.label_lower
        own = Decision.objects.filter(actor=request.user.pk, made_at__gte=since, target_type=label).order_by("-id")
        last = next((each for each in own[:MOST_UNDONE] if each.undone_at is None), None)
        item = last and self.narrowed(request, self.rows(request)).filter(pk=last.target_id).first()
        if last is None or item is None:
            return None
        return {
            "decision": last,
            "sentence": self.sentence_of(last, item),
            "earlier": own[0].pk != last.pk,
            "address": self.within(request, "undo"),
            "notifies": kind_of(last).notifies,
            "held": last.told_at is None,
            "leaves": last.made_at + HOLD,
        }

    def sentence_of(self, decision: Decision, item: Any) -> str:
        """What the viewer's own decision did, as in "Approved: Identity document 81 of maya"."""
        return f"{capfirst(str(kind_of(decision).label))}: {self.title_of(item)}"

    def undo_view(self, request: StaffRequest) -> HttpResponse:
        """Take back a decision, or all of one gesture."""
        if request.method != "POST":
            return HttpResponseRedirect(self.back(request))
        reason = request.POST.get("reason", "").strip()[:1000]
        if batch := _uuid(request.POST.get("batch", "")):
            return self._undo_batch(request, batch, reason)
        number = parse_id(request.POST.get("decision", ""))
        label = self.queue.model._meta.label_lower
        known = Decision.objects.filter(pk=number, target_type=label).first()
        if known is None:
            raise Absent("absent", _("This decision does not exist. Reload the page."))
        item = self.one(request, known.target_id)
        try:
            undo(request.user, known.pk, reason=reason)
        except DomainError as error:
            if isinstance(error, (Refused, Absent)):
                raise
            return self._item_page(request, item, error)
        messages.success(request, _("Decision on %(item)s undone.") % {"item": self.title_of(item)})
        return HttpResponseRedirect(self.within(request, "item", known.target_id))

    def _undo_batch(self, request: StaffRequest, batch: UUID, reason: str) -> HttpResponse:
        label = self.queue.model._meta.label_lower
        ids = Decision.objects.filter(batch=batch, target_type=label).values_list("target_id", flat=True)
        items = {item.pk: item for item in self.narrowed(request, self.rows(request)).filter(pk__in=list(ids))}
        if not items:
            raise Absent("absent", _("This decision does not exist. Reload the page."))
        result = undo_batch(request.user, batch, reason=reason)
        lines = [
            *(BulkLine(items.get(each.target_id), _("undone")) for each in result.done),
            *(BulkLine(items.get(each.target_id), why, skipped=True) for each, why in result.skipped),
        ]
        bulk = Bulk(BulkAction("undo", _("Undo")), batch, [line for line in lines if line.item is not None])
        return self.page(
            request, "desk/bulk.html", self._bulk_context(request, bulk, done=True, undone=True), title=_("Undone")
        )

    # --- Many at once -----------------------------------------------------------------------------------------------

    def bulk_view(self, request: StaffRequest) -> HttpResponse:
        """First what would be done to each, then, once that is confirmed, what was."""
        if request.method != "POST":
            return HttpResponseRedirect(self.back(request))
        action = next((each for each in self.bulk_actions if each.code == request.POST.get("action")), None)
        numbers = [number for text in request.POST.getlist("item")[:100] if (number := parse_id(text))]
        if action is None or not numbers:
            messages.error(request, _("Select items first, then choose an action."))
            return HttpResponseRedirect(self.back(request))
        items = self.narrowed(request, self.rows(request)).in_bulk(numbers)
        confirmed = bool(request.POST.get("confirmed"))
        bulk = Bulk(action, _uuid(request.POST.get("batch", "")) or uuid4())
        error = None
        if not confirmed:
            self.bulk_prepare(request, action, list(items.values()))
        for number in dict.fromkeys(numbers):
            if number not in items:
                continue
            item = items[number]
            try:
                if confirmed:
                    self._check_version(request, item)
                    sentence = self.bulk_do(request, action, item, bulk.batch)
                else:
                    sentence = self.bulk_preview(request, action, item)
            except Invalid as refusal:
                # It is what was typed for all, not one item, that cannot be taken.
                error, confirmed = refusal, False
                sentence = self.bulk_preview(request, action, item)
            except DomainError as refusal:
                bulk.lines.append(BulkLine(item, str(refusal), skipped=True))
                continue
            bulk.lines.append(BulkLine(item, sentence))
        context = self._bulk_context(request, bulk, done=confirmed) | {"error": error, "posted": request.POST}
        response = self.page(request, "desk/bulk.html", context, title=action.title)
        if error is not None:
            response.status_code = 422
        return response

    def bulk_prepare(self, request: StaffRequest, action: BulkAction, items: Sequence[Any]) -> None:
        """Find out in a few queries, before their previews, what `bulk_preview` needs to know of each item."""

    def _check_version(self, request: StaffRequest, item: ReviewItem) -> None:
        seen = request.POST.get(f"version_{item.pk}", "")
        if seen != str(item.version):
            raise Conflict("changed-since", _("Changed since the preview. Run the preview again."))

    def _bulk_context(self, request: StaffRequest, bulk: Bulk, *, done: bool, undone: bool = False) -> dict[str, Any]:
        lines = [
            {"line": line, "title": self.title_of(line.item), "address": self.within(request, "item", line.item.pk)}
            for line in (*bulk.taken, *bulk.skipped)
        ]
        return {
            "bulk": bulk,
            "lines": lines,
            "done": done,
            "undone": undone,
            "bulk_address": self.within(request, "bulk"),
            "undo_address": self.within(request, "undo"),
            "back": self.back(request),
        }


def due_in_words(due: datetime, now: datetime) -> str:
    """As in "3 hours late" or "due in 2 days": one unit is enough to see what presses."""
    if due < now:
        return _("%(time)s overdue") % {"time": timesince(due, now, depth=1)}
    return _("due in %(time)s") % {"time": timeuntil(due, now, depth=1)}


def _term(request: StaffRequest) -> str:
    """What is searched for."""
    return request.GET.get("q", "").strip()[:150]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
