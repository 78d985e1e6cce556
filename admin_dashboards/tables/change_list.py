"""One page of a table, bounded however many rows there are."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.utils.functional import cached_property
from django.utils.text import capfirst
from unfold.views import ChangeList

from admin_dashboards.context import StaffRequest
from apps.users.models import PAGE_SIZES


class BoundedPaginator(Paginator):
    """Counts and pages through the first rows only: no user pages through a million, and counting them is slow."""

    limit = 10_000
    object_list: Any

    @cached_property
    def _counted(self) -> int:
        return self.object_list.order_by().values("pk")[: self.limit + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self._counted, self.limit)

    def validate_number(self, number: Any) -> int:
        # A page past the end shows the last one; an error would lose search and filters.
        return max(1, min(int(number), self.num_pages))

    def page(self, number: Any) -> Page:
        page = super().page(number)
        if page.start_index() > 1 and not self.object_list.query.distinct:
            # Picked by keys alone: joins would be worked out for all that is skipped, too.
            rows: Any = page.object_list
            page.object_list = self.object_list.filter(pk__in=rows.values("pk"))
        return page

    @property
    def there_are_more(self) -> bool:
        return self._counted > self.limit


class Rows(ChangeList):
    """One page of a table, in the size that the viewer chose."""

    page_num: Any
    result_list: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = capfirst(str(self.opts.verbose_name_plural))

    def get_ordering_field(self, field_name: Any) -> Any:
        # Only an order that a heading offers: any other would read the whole table.
        return super().get_ordering_field(field_name) if field_name in self.sortable_by else None

    def get_results(self, request: StaffRequest) -> None:
        self.list_per_page = request.user.page_size
        self.page_sizes = PAGE_SIZES
        super().get_results(request)
        self.page_num = self.paginator.validate_number(self.page_num)
        self.first_page = request.path + self.get_query_string()
        if not (self.query or self.has_active_filters):
            self.full_result_count = self.result_count
        self.sections = self.model_admin.sections_for(request)
        if self.sections:
            self.result_list = list(self.result_list)
            self.model_admin.attach_sections(request, self.result_list)
