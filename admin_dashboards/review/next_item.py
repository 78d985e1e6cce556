"""Which item of a queue comes next for a viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from admin_dashboards.context import StaffRequest
from admin_dashboards.review.queue_filters import WORKED_THROUGH, filtered, first_in_order, tab_rows
from apps.errors import Conflict
from apps.review.claims import claim
from apps.review.queue import LINE_UP, free_for, goal_of, mine, neighbour

if TYPE_CHECKING:
    from admin_dashboards.review.desk import WorkDesk

CLAIM_TRIES = 3


def next_id(desk: WorkDesk, request: StaffRequest, after: int = 0) -> int:
    """The item to go on with: one that is the viewer's already, then the queue; 0 where nothing waits."""
    now = timezone.now()
    rows = _rows_ahead(desk, request) if request.GET.get("tab") in WORKED_THROUGH else filtered(desk, request)
    own = desk.offered(request, mine(desk.queue, rows, request.user, now))
    own = own.filter(Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=now)).exclude(pk=after)
    first = own.order_by(*desk.queue.order).values_list("pk", flat=True).first()
    return first or neighbour_id(desk, request, after, 1)


def neighbour_id(desk: WorkDesk, request: StaffRequest, item_id: int, step: int) -> int:
    """The item `step` places after this one in the queue; 0 where there is no other."""
    rows = _rows_ahead(desk, request)
    lined_up = first_in_order(desk, request, rows.values_list("pk", flat=True), goal_of(desk.queue), LINE_UP)
    return neighbour(lined_up, item_id, step) or 0


def claim_or_next(desk: WorkDesk, request: StaffRequest, item_id: int) -> int:
    """The item, claimed; where a colleague was faster, the next free one. 0 where there is none."""
    for _try in range(CLAIM_TRIES):
        item = desk.rows(request).filter(pk=item_id).first()
        try:
            if item is not None and desk.is_free(request, item):
                claim(request.user, desk.queue.model, item_id)
            break
        except Conflict:
            item_id = next_id(desk, request, after=item_id)
    return item_id


def address_for(desk: WorkDesk, request: StaffRequest, item_id: int) -> str:
    """The address of the item; of the desk page where the id is 0."""
    return desk.within(request, "item", item_id) if item_id else desk.back(request)


def _rows_ahead(desk: WorkDesk, request: StaffRequest) -> QuerySet[Any]:
    """The items that come after one another: those of the tab that the viewer works through, or of the queue."""
    tab = request.GET.get("tab", "")
    if tab not in WORKED_THROUGH:
        return tab_rows(desk, request, "waiting")
    free = free_for(request.user, timezone.now())
    return desk.offered(request, tab_rows(desk, request, tab).filter(free))
