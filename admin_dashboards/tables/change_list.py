"""One page of a table, bounded however many rows there are."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold.views import ChangeList

from admin_dashboards.context import StaffRequest
from admin_dashboards.tables.date_filters import read_day
from admin_dashboards.tables.keyset import Page, Pages, keys_of
from apps.users.models import PAGE_SIZES

AFTER, BEFORE, DAY = "after", "before", "day"
PLACES = (AFTER, BEFORE, DAY)
"""The parameters that pick a page of a table."""
END = "end"
"""What the last page lies before."""

KEYS = {"next": "n", "back": "p"}
"""The keys by which desks go on and back, too, unless the viewer has others."""


class BoundedPaginator(Paginator):
    """Counts the first rows only: counting a million is slow, and tells a viewer no more."""

    limit = 10_000
    object_list: Any

    @cached_property
    def _counted(self) -> int:
        return self.object_list.order_by().values("pk")[: self.limit + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self._counted, self.limit)

    @property
    def there_are_more(self) -> bool:
        return self._counted > self.limit


class Rows(ChangeList):
    """One page of a table, in the size that the viewer chose: the first, the last, one next to a row, or a day's."""

    result_list: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = capfirst(str(self.opts.verbose_name_plural))

    def get_queryset(self, request: StaffRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        # No filters, and no part of the links to other filters and orders: these begin at the first page.
        for name in PLACES:
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        return super().get_queryset(request, exclude_parameters)

    def get_ordering_field(self, field_name: Any) -> Any:
        # Only an order that a heading offers: any other would read the whole table.
        return super().get_ordering_field(field_name) if field_name in self.sortable_by else None

    def get_ordering(self, request: StaffRequest, queryset: QuerySet[Any]) -> list[Any]:
        self.keys = keys_of(self.model, super().get_ordering(request, queryset))
        return [key.order_by() for key in self.keys]

    def get_results(self, request: StaffRequest) -> None:
        self.list_per_page = request.user.page_size
        self.page_sizes = PAGE_SIZES
        self.paginator = self.model_admin.get_paginator(request, self.queryset, self.list_per_page)
        self.result_count = self.paginator.count
        self.full_result_count = None if self.query or self.has_active_filters else self.result_count
        self.show_full_result_count, self.show_admin_actions, self.can_show_all = False, True, False
        self.multi_page = self.result_count > self.list_per_page
        pages = Pages(self.queryset, self.keys, self.list_per_page)
        self._show(request, self._page(request, pages))
        self.by_day = pages.by_day
        self.sections = self.model_admin.sections_for(request)
        if self.sections:
            self.model_admin.attach_sections(request, self.result_list)

    def _page(self, request: StaffRequest, pages: Pages) -> Page:
        asked, self.day = request.GET, None
        if asked.get(BEFORE) == END:
            return pages.last()
        if cursor := asked.get(AFTER) or asked.get(BEFORE):
            if place := pages.read(cursor):
                return pages.after(place) if asked.get(AFTER) else pages.before(place)
            self._say(request, messages.INFO, _("The page of that address is no longer known. This is the first one."))
        elif day := asked.get(DAY):
            self.day = self._day(request, pages, day)
            if self.day:
                return pages.at_day(self.day)
        return pages.first()

    def _day(self, request: StaffRequest, pages: Pages, text: str) -> date | None:
        day = read_day(text)
        if day is None:
            self._say(request, messages.ERROR, _("Enter a day between 1900 and 2999, such as 2026-01-31."))
        return day if pages.by_day else None

    @staticmethod
    def _say(request: StaffRequest, level: int, text: str) -> None:
        # A form that was sent leads back to the list, which says it then.
        if request.method == "GET" and hasattr(request, "_messages"):
            messages.add_message(request, level, text)

    def _show(self, request: StaffRequest, page: Page) -> None:
        self.result_list = page.rows
        shortcuts = request.console.shortcuts
        self.turning = {name: shortcuts["keys"].get(key, key) for name, key in KEYS.items()} if shortcuts["on"] else {}
        self.first_page = request.path + self.get_query_string()
        self.has_pages = bool(page.before or page.after)
        self.first = self.get_query_string() if page.before else ""
        self.previous = self.get_query_string({BEFORE: page.before}) if page.before else ""
        self.next = self.get_query_string({AFTER: page.after}) if page.after else ""
        self.last = self.get_query_string({BEFORE: END}) if page.after else ""
