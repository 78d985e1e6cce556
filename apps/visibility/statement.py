"""A queryset as prepared statements, compiled once: all its rows, their number, and its pages.

Django's compiler writes them; what it knows of the columns is kept and turns rows into objects, as its own iterable
does. Objects are filled directly: `Model.__init__` takes longer than the query, and all it adds is signals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from threading import RLock
from typing import Any, cast

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import BigIntegerField, Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.expressions import RawSQL
from django.db.models.query import FlatValuesListIterable, ModelIterable, ValuesListIterable
from django.db.models.signals import post_init, pre_init

from apps.infra.prepared import Prepared
from apps.visibility.slots import Slot

type Row = Sequence[Any]
type Values = Mapping[str, Any]
type Make = Callable[[Row], Any]
type Text = tuple[str, list[Any]]
"""Of a query, with its parameters."""

OFFSET = Slot("offset", BigIntegerField())
FARTHEST = 2**63 - 1
"""The largest number that PostgreSQL takes for it."""
COMPILING = RLock()
"""Django's compiler changes the query that it compiles, so that two threads at once would make nonsense of it."""


class NotCompilable(TypeError):
    """The queryset does something that a statement here cannot."""


class Statement:
    """The rows of a queryset in which slots stand for the values of each call.

    `terms`: rows of one number each, called `term`, whose sum is the number of the rows.
    """

    def __init__(self, queryset: QuerySet[Any], terms: QuerySet[Any] | None = None) -> None:
        if queryset.query.is_sliced or cast(Any, queryset)._prefetch_related_lookups:
            raise NotCompilable("A compiled queryset has no slices and no prefetched rows.")
        self._queryset, self._terms = queryset, terms
        with COMPILING:
            self._compiler = queryset.query.get_compiler(queryset.db)
            self._all = _prepared(_around("%s", self._compiler))
            self._make = _maker(queryset, self._compiler) if self._all else None
        self._pages: dict[tuple[int, bool, bool], Prepared | None] = {}

    def rows(self, values: Values) -> list[Any]:
        return self._fetch(self._all, values)

    def page(self, start: int, size: int, values: Values) -> list[Any]:
        """At most `size` rows after the first `start`. The size is a part of the text, so that the planner knows it."""
        return self._fetch(self._page(size, start > 0, counted=False), {**values, "offset": start})

    def counted_page(self, start: int, size: int, values: Values) -> tuple[int, list[Any]]:
        """How many rows there are in all, and the page: both of one instant."""
        page = self._page(size, start > 0, counted=True)
        if page is None or self._make is None:
            return 0, []
        rows = page.rows({**values, "offset": min(start, FARTHEST)})
        count = int(rows[0][-1])
        return count, [self._make(row) for row in rows] if start < count else []

    def count(self, values: Values) -> int:
        """How many rows there are."""
        return int(self._counting.rows(values)[0][0]) if self._counting else 0

    @cached_property
    def _counting(self) -> Prepared | None:
        with COMPILING:
            return _prepared(self._count())

    def _page(self, size: int, is_further: bool, *, counted: bool) -> Prepared | None:
        key = (size, is_further, counted)
        if key not in self._pages:
            with COMPILING:
                page = self._further_page(size) if is_further else _around(f"%s LIMIT {size:d}", self._compiler)
                self._pages[key] = _prepared(self._with_count(page) if counted else page)
        return self._pages[key]

    def _count(self) -> Text | None:
        if self._terms is not None:
            terms = self._terms.query.get_compiler(self._terms.db)
            return _around("SELECT COALESCE(SUM(term), 0) FROM (%s) AS terms", terms)
        keys = self._queryset.order_by().values("pk")
        return _around("SELECT COUNT(*) FROM (%s) AS counted", keys.query.get_compiler(keys.db))

    def _with_count(self, page: Text | None) -> Text | None:
        """The page with the number of all rows as its last column, and with one row of nothing else where it has none.

        One trip to the database in place of two. A join of a single row to others leaves these in their order.
        """
        count = self._count()
        if page is None or count is None:
            return None
        joined = f"SELECT page.*, counted.* FROM ({count[0]}) AS counted LEFT JOIN ({page[0]}) AS page ON true"  # noqa: S608
        return joined, [*count[1], *page[1]]

    def _further_page(self, size: int) -> Text | None:
        # Its keys first: joins and annotations would be evaluated for all that is skipped, too.
        keys = self._queryset.values("pk")
        page = _around(f"%s LIMIT {size:d}", keys.query.get_compiler(keys.db))
        if page is None:
            return None
        picked = RawSQL(f"{page[0]} OFFSET %s", [*page[1], OFFSET])  # noqa: S611 - compiled above
        rows = self._queryset.filter(pk__in=picked)
        return _around("%s", rows.query.get_compiler(rows.db))

    def _fetch(self, prepared: Prepared | None, values: Values) -> list[Any]:
        if prepared is None or self._make is None:
            return []
        return [self._make(row) for row in prepared.rows(values)]


def _around(text: str, compiler: Any) -> Text | None:
    """The query of `compiler` within `text`; None where it can have no rows."""
    try:
        query, params = compiler.as_sql()
    except EmptyResultSet:
        return None
    return text.replace("%s", query, 1), list(params)


def _prepared(text: Text | None) -> Prepared | None:
    return text and Prepared(*text)


def _maker(queryset: Any, compiler: Any) -> Make:
    """Makes what the queryset has for each row, from the row."""
    is_of_objects = queryset._iterable_class is ModelIterable
    make = _maker_of_objects(compiler) if is_of_objects else _maker_of_values(queryset)
    converters = compiler.get_converters([column[0] for column in compiler.select])
    if not converters:
        return make
    connection = connections[queryset.db]

    def convert(row: Row) -> Any:
        converted = list(row)
        for place, (functions, expression) in converters.items():
            for function in functions:
                converted[place] = function(converted[place], expression, connection)
        return make(converted)

    return convert


def _maker_of_values(queryset: Any) -> Make:
    if issubclass(queryset._iterable_class, FlatValuesListIterable):
        return itemgetter(0)
    query = queryset.query
    if not issubclass(queryset._iterable_class, ValuesListIterable) or query.annotation_select:
        raise NotCompilable("Only objects and lists of columns are compiled.")
    return tuple


def _maker_of_objects(compiler: Any) -> Make:
    make = _instance_maker(compiler.klass_info, compiler.select)
    annotations = list(compiler.annotation_col_map.items())

    def make_annotated(row: Row) -> Model:
        obj = make(row)
        for name, place in annotations:
            setattr(obj, name, row[place])
        return cast(Model, obj)

    return make_annotated


def _instance_maker(info: dict[str, Any], columns: Any) -> Make:
    """Makes an instance, with the related ones that are selected along, of its part of a row."""
    model: type[Model] = info["model"]
    places = info["select_fields"]
    start, end = places[0], places[-1] + 1
    if info.get("from_parent") or list(places) != list(range(start, end)):
        raise NotCompilable("The columns of a compiled object stand side by side.")
    if any(signal.has_listeners(model) for signal in (pre_init, post_init)):
        raise NotCompilable(f"{model.__name__} is listened to when it is made; a compiled row would not say.")
    names = [columns[place][0].target.attname for place in places]
    key = start + names.index(model._meta.pk.attname)
    related = [
        (_instance_maker(each, columns), each["local_setter"], each["remote_setter"])
        for each in info.get("related_klass_infos", [])
    ]

    def make(row: Row) -> Model | None:
        if row[key] is None:
            return None
        obj = model.__new__(model)
        state = obj._state = ModelState()
        state.adding, state.db = False, "default"
        obj.__dict__.update(zip(names, row[start:end], strict=True))
        for make_related, set_local, set_remote in related:
            other = make_related(row)
            set_local(obj, other)
            if other is not None:
                set_remote(other, obj)
        return obj

    return make
