"""A desk with a queue, as a declaration: what it shows of an item, what it decides, and its pages (`views`)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, Q, QuerySet
from django.http import Http404, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from admin_dashboards.context import StaffRequest
from admin_dashboards.desk import Desk
from admin_dashboards.review.bulk import BulkAction
from admin_dashboards.review.message_templates import templates_view
from admin_dashboards.review.queue_filters import EVERYWHERE, TABS, Filter, Tab, filter_query
from admin_dashboards.review.settings import GoalSetting, Setting, settings_open, settings_view
from admin_dashboards.review.views import bulk, claims, index, item, undo
from admin_dashboards.tables.search import people_named
from apps.access import granted, may
from apps.errors import Invalid
from apps.infra.ids import searched_number
from apps.review.claims import is_workable
from apps.review.conflicts import without_conflicts
from apps.review.decisions.models import Decision
from apps.review.decisions.services import kind_of
from apps.review.queue import ReviewQueue
from apps.users.models import User
from apps.visibility.slots import Slot, each_of
from apps.visibility.statement import FARTHEST, Statement

type Page = Callable[..., HttpResponse]

READING: dict[str, Page] = {
    "": index.index_page,
    "next/": item.next_page,
    "<int:item_id>/": item.item_view,
    "<int:item_id>/state/": item.state,
    "<int:item_id>/ahead/": item.ahead,
}
"""The pages that only read, by their routes below the desk's address."""
POSTING: dict[str, Page] = {
    "<int:item_id>/decide/": item.decide,
    "<int:item_id>/action/": claims.act,
    "<int:item_id>/note/": item.note,
    "bulk/": bulk.bulk_page,
    "undo/": undo.undo_page,
    "templates/": templates_view,
}
"""The pages that take forms, likewise."""
ITEMS = Slot("items", ArrayField(BigIntegerField()))


@dataclass(frozen=True, slots=True)
class Row:
    """One item in the list of the desk page."""

    item: Any
    title: str
    details: Sequence[Any] = ()
    """Short texts or labels beside the title."""


class WorkDesk(Desk):
    """A subclass declares `queue`, `templates` and what the abstract methods return."""

    has_queue = True
    queue: ClassVar[ReviewQueue]
    templates: ClassVar[Mapping[str, str]]
    """Of the parts of an item's page: `evidence`, `details` and `decision`."""
    filters: ClassVar[Sequence[Filter]] = ()
    bulk_actions: ClassVar[Sequence[BulkAction]] = ()
    tabs: ClassVar[Sequence[Tab]] = TABS
    settings: ClassVar[Sequence[Setting]] = (GoalSetting(),)
    """The desk's rules, each changed by users who have its permission."""
    search_people: ClassVar[Sequence[str]] = ()
    """The fields that name users, by whose user names items are found."""

    # --- What each desk declares ------------------------------------------------------------------------------------

    @abstractmethod
    def row(self, request: StaffRequest, item: Any) -> Row:
        """The item in the list of the queue."""

    @abstractmethod
    def title_of(self, item: Any) -> str:
        """The item by name, as a heading."""

    @abstractmethod
    def item_context(self, request: StaffRequest, item: Any, *, deciding: bool) -> dict[str, Any]:
        """What the templates of the item's page need. `deciding`: whether the viewer may decide it now."""

    @abstractmethod
    def decide(self, request: StaffRequest, item: Any) -> None:
        """Carry out the decision that was posted. Raises `DomainError`."""

    def note_shown(self, request: StaffRequest, item: Any) -> None:
        """Record that the page of the item is shown to the viewer, where the desk records it."""

    def bulk_prepare(self, request: StaffRequest, action: BulkAction, items: Sequence[Any]) -> None:
        """Read in a few queries what `bulk_preview` needs of each item."""

    def bulk_preview(self, request: StaffRequest, action: BulkAction, item: Any) -> str:
        """A sentence that says what the action would do to the item. Raises `DomainError` where it cannot."""
        raise no_such_action()

    def bulk_do(self, request: StaffRequest, action: BulkAction, item: Any, batch: UUID) -> str:
        """Do it; returns the sentence that says what was done. Raises `DomainError`."""
        raise no_such_action()

    def bulk_context(self, request: StaffRequest) -> dict[str, Any]:
        """What the desk's bulk templates need beside the items."""
        return {}

    def with_related(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """`rows` with the related rows that a line and a page name."""
        return rows.select_related("claimed_by", "assigned_to")

    def found_by(self, term: str) -> Q:
        """The condition for an item to be found by `term`: its number, or the name of a user it is about."""
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

    def recipient_of(self, item: Any) -> User | None:
        """The user who reads what is written with a decision."""
        return None

    def sentence_of(self, decision: Decision, item: Any) -> str:
        """What the viewer's own decision did, as in "Approved: Identity document 81 of maya"."""
        return f"{capfirst(str(kind_of(decision).label))}: {self.title_of(item)}"

    # --- Addresses --------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        settings = self.view(partial(settings_view, self), posts=True, opens=self.may_set)
        return [
            *(path(route, self.view(partial(page, self)), name=self._name(route)) for route, page in READING.items()),
            *(
                path(route, self.view(partial(page, self), posts=True), name=self._name(route))
                for route, page in POSTING.items()
            ),
            path("settings/", settings, name=f"{self.name}_settings"),
        ]

    def _name(self, route: str) -> str:
        page = route.replace("<int:item_id>/", "item/").strip("/").replace("/", "_")
        return f"{self.name}_{page}" if page else self.name

    def at(self, page: str, *args: Any) -> str:
        """The address of one of the desk's pages: `next`, `item`, `item_state` …"""
        return reverse(f"admin:{self.name}_{page}", args=args)

    def within(self, request: StaffRequest, page: str, *args: Any) -> str:
        """The same, with the viewer's tab, search and filters, so that links and redirects stay inside them."""
        return self.at(page, *args) + filter_query(self, request)

    def back(self, request: StaffRequest) -> str:
        """The desk page, with the viewer's tab, search and filters."""
        return self.address + filter_query(self, request)

    # --- Permissions and rows ---------------------------------------------------------------------------------------

    def may_set(self, request: StaffRequest) -> bool:
        """Whether the viewer may change a rule of the desk, whether or not they may open it."""
        return bool(settings_open(self, request))

    def may_share_filters(self, request: StaffRequest) -> bool:
        return True

    @property
    def all_filters(self) -> tuple[Filter, ...]:
        """Its own filters, and those of every queue."""
        return (*self.filters, *EVERYWHERE)

    @property
    def action(self) -> str:
        """The permission's action: "review" of `users.review_document`."""
        return self.permission.split(".")[1].rsplit("_", 1)[0]

    def rows(self, request: StaffRequest) -> QuerySet[Any]:
        """The items that the viewer may work on."""
        some = self.counted(request)
        return self.all_rows() if some is None else some

    def all_rows(self) -> QuerySet[Any]:
        return self.queue.model._default_manager.all()

    def counted(self, request: StaffRequest) -> QuerySet[Any] | None:
        """The items that they may work on; None where that is all, which figures are kept of."""
        if may(request.user, self.permission):
            return None
        return granted(request.user, self.queue.model, self.action)

    def one(self, request: StaffRequest, item_id: int) -> Any:
        """The item. Raises `Http404` where there is none that the viewer may work on."""
        items = self.read(request, [item_id])
        if not items:
            raise Http404
        return items[0]

    def read(self, request: StaffRequest, ids: Iterable[int]) -> list[Any]:
        """Those of these items that the viewer may work on, in this order, with what `with_related` adds."""
        numbers = [number for number in ids if number <= FARTHEST]
        some = self.counted(request)
        if some is None:
            found = self._numbered.rows({"items": numbers})
        else:
            found = list(self.with_related(some).filter(pk__in=numbers))
        by_number = {item.pk: item for item in found}
        return [by_number[number] for number in numbers if number in by_number]

    @cached_property
    def _numbered(self) -> Statement:
        """Items by their numbers: many columns, which take Django longer to write down than PostgreSQL to read."""
        return Statement(self.with_related(self.all_rows()).filter(pk__in=each_of(ITEMS)))

    # --- One item ---------------------------------------------------------------------------------------------------

    def is_free(self, request: StaffRequest, item: Any) -> bool:
        """Whether the viewer may claim it by opening it: not claimed, and not assigned to a colleague."""
        free = item.claim_holder() is None and item.assigned_to_id in (None, request.user.pk)
        return free and is_workable(request.user, item)

    def may_decide(self, request: StaffRequest, item: Any) -> bool:
        """Whether the viewer can decide it now and has claimed it."""
        holder = item.claim_holder()
        return holder is not None and holder.pk == request.user.pk and is_workable(request.user, item)

    def decided_sentence(self, item: Any) -> str:
        """What it was decided as, by whom and when; empty while it is open."""
        if item.is_open:
            return ""
        decider = getattr(item, self.queue.decider)
        return _("%(outcome)s by %(name)s, %(time)s") % {
            "outcome": item.decided_as,
            "name": decider.username if decider else "–",
            "time": date_format(timezone.localtime(getattr(item, self.queue.decided)), "DATETIME_FORMAT"),
        }


def no_such_action() -> Invalid:
    """The error for an action on many items that a desk does not have."""
    return Invalid("unknown", _("Unknown action. Reload the page and choose again."), field="action")
