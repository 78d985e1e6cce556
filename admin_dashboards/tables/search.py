"""Search in tables: users are found first, by their own index, then the rows that belong to them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Q, QuerySet

from admin_dashboards.context import StaffRequest
from admin_dashboards.tables.base import ModelAdmin
from apps.infra.ids import searched_number
from apps.users.models import User
from apps.users.names import seen, tidy

MOST_PEOPLE = 200
# So many of those that fit are compared for closeness; a part that fits a million names is no search.
MOST_COMPARED = 2000
# The index knows parts of three characters, and beginnings of any length.
SHORTEST_PART = 3


def people_named(term: str) -> list[int]:
    """The ids of users whose user name contains `term`, the closest ones first, at most MOST_PEOPLE."""
    fitting = User.objects.with_name_part(term, at_start=len(term) < SHORTEST_PART)
    fitting = fitting.values_list("username", "pk")[:MOST_COMPARED]
    closest = sorted(fitting, key=lambda row: (len(row[0]), row[0]))
    exact = User.objects.named(term).values_list("pk", flat=True)
    return list(dict.fromkeys([*exact, *(pk for _name, pk in closest)]))[:MOST_PEOPLE]


class SearchableAdmin(ModelAdmin):
    """A table that is searched for users by user name, and for a row by its number."""

    search_people: ClassVar[tuple[str, ...]] = ()
    """The fields that name users."""

    def get_search_fields(self, request: StaffRequest) -> list[str]:
        return [f"{field}__username" for field in self.search_people]

    def get_search_results(
        self, request: StaffRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not (term := tidy(seen(search_term))):
            return queryset, False
        return queryset.filter(self.found_by(term)), False

    def found_by(self, term: str) -> Q:
        """The condition by which a row is found by `term`."""
        kind = str(self.model._meta.verbose_name)
        found = Q(pk=number) if (number := searched_number(term, kind)) else Q(pk__in=[])
        users = people_named(term)
        for field in self.search_people:
            found |= Q(**{f"{field}__in": users})
        return found
