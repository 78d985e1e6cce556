"""Pages of a table that go on from a row, not from a number of rows: the last page costs what the first does.

A cursor is a place in the order: the values that a row is ordered by, ending with a unique one. Holding values, it
stays right where its row has been deleted or has moved since, and in whatever filter it is used. It is encrypted
together with the order that it belongs to, since addresses end up in logs and histories: it discloses nothing that a
column masks, no user can make one to find out by trial what a column masks, and one of another table, order or key of
the installation is none. Equal places have equal cursors, so a page has one address.

After a place come at most a few ranges of the order, each of them one range of an index; the first that are not empty
make up the page. Where the keys have one direction and no NULL can follow, that is one query with a comparison of rows,
`(date, id) < (…, …)`.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property, lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from django.conf import settings
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import DateField, DateTimeField, F, Model, Q, QuerySet
from django.db.models.expressions import OrderBy
from django.db.models.fields.tuple_lookups import TupleGreaterThan, TupleLessThan
from django.utils import timezone
from django.utils.crypto import salted_hmac

type Place = Sequence[Any]
"""A value for each key, or for the first ones alone: then it lies behind all rows that have these values."""


@dataclass(frozen=True, slots=True)
class Key:
    """A part of an order."""

    expression: Any
    descending: bool
    nulls_first: bool
    nullable: bool
    unique: bool

    def reversed(self) -> Key:
        return replace(self, descending=not self.descending, nulls_first=not self.nulls_first)

    @property
    def nulls_follow(self) -> bool:
        return self.nullable and not self.nulls_first

    def order_by(self) -> OrderBy:
        # The default of PostgreSQL goes without saying.
        first, last = self.nulls_first and not self.descending, self.descending and not self.nulls_first
        nulls = {"nulls_first": first or None, "nulls_last": last or None} if self.nullable else {}
        return OrderBy(self.expression, descending=self.descending, **nulls)


def keys_of(model: type[Model], ordering: Sequence[Any]) -> list[Key]:
    """The keys of an order as Django has it: each once, none behind a unique one.

    The primary key goes the way of the key before it, so that one index serves an order and its opposite.
    """
    keys: list[Key] = []
    for part in ordering:
        key = _key(model, part)
        if any(key.expression == other.expression for other in keys):
            continue
        if keys and key.expression == F(model._meta.pk.name):
            key = replace(key, descending=keys[-1].descending)
        keys.append(key)
        if key.unique:
            break
    return keys


def _key(model: type[Model], part: Any) -> Key:
    if isinstance(part, str):
        part = OrderBy(F(part.removeprefix("-")), descending=part.startswith("-"))
    elif not isinstance(part, OrderBy):
        part = OrderBy(part)
    expression: Any = F(model._meta.pk.name) if part.expression == F("pk") else part.expression
    try:
        field: Any = model._meta.get_field(vars(expression)["name"]) if isinstance(expression, F) else None
    except FieldDoesNotExist:  # over a relation, or an annotation
        field = None
    nullable = field is None or field.null
    return Key(
        expression=expression,
        descending=part.descending,
        nulls_first=bool(part.nulls_first or (part.descending and not part.nulls_last)),
        nullable=nullable,
        unique=not nullable and field.unique,
    )


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and the cursors of the pages before and after; empty where there is none."""

    rows: list[Any]
    before: str
    after: str


class Pages:
    """The pages of the rows of `queryset`, which has an order by `keys`."""

    def __init__(self, queryset: QuerySet[Any], keys: Sequence[Key], size: int) -> None:
        self.keys, self.size = keys, size
        self.names = [f"_key{place}" for place in range(len(keys))]
        # By name, so that a condition and the order read one and the same join.
        self.rows = queryset.annotate(
            **{name: key.expression for name, key in zip(self.names, keys, strict=True)}
        ).order_by(*self._named(keys))

    def _named(self, keys: Sequence[Key]) -> list[OrderBy]:
        return [replace(key, expression=F(name)).order_by() for name, key in zip(self.names, keys, strict=True)]

    # --- Pages ------------------------------------------------------------------------------------------------------

    def first(self) -> Page:
        return self._beginning_at((), before=False)

    def last(self) -> Page:
        return self._ending_at((), after=False)

    def after(self, place: Place) -> Page:
        """The page that follows; the last one where nothing does."""
        return self._beginning_at(place, before=True)

    def at_day(self, day: date) -> Page:
        """The page that begins with the first row of that day, or with what follows it."""
        place = self._day(day)
        return self._beginning_at(place, before=bool(self._before(place, 1)))

    def before(self, place: Place) -> Page:
        """The page that precedes; the first one, whole, where less than a page does."""
        return self._ending_at(place, after=True)

    def _beginning_at(self, place: Place, *, before: bool) -> Page:
        rows = self._after(place, self.size + 1)
        if place and not rows:
            return self.last()
        return self._page(rows[: self.size], before=before, after=len(rows) > self.size)

    def _ending_at(self, place: Place, *, after: bool) -> Page:
        rows = self._before(place, self.size + 1)
        if len(rows) <= self.size:
            return self.first()
        return self._page(rows[1:], before=True, after=after)

    def _page(self, rows: list[Any], *, before: bool, after: bool) -> Page:
        return Page(
            rows,
            self.cursor(rows[0]) if rows and before else "",
            self.cursor(rows[-1]) if rows and after else "",
        )

    # --- Rows -------------------------------------------------------------------------------------------------------

    def _after(self, place: Place, most: int) -> list[Any]:
        return self._following(self.rows, self.keys, place, most)

    def _before(self, place: Place, most: int) -> list[Any]:
        """In the order of the table, too."""
        keys = [key.reversed() for key in self.keys]
        return self._following(self.rows.order_by(*self._named(keys)), keys, place, most)[::-1]

    def _following(self, rows: QuerySet[Any], keys: Sequence[Key], place: Place, most: int) -> list[Any]:
        found: list[Any] = []
        for condition in self._ranges(keys, place) if place else (Q(),):
            found += self._some(rows.filter(condition), most - len(found))
            if len(found) == most:
                break
        return found

    @staticmethod
    def _some(rows: QuerySet[Any], most: int) -> QuerySet[Any]:
        """The first of the rows, picked by keys alone.

        PostgreSQL would work out joins for all that it passes over, too, and read along the order where an index of
        the filter knows the few rows. Filters over a relation join anyway.
        """
        if rows.query.distinct or len(rows.query.alias_map) > 1:
            return rows[:most]
        return rows.filter(pk__in=rows.values("pk")[:most])

    def _ranges(self, keys: Sequence[Key], place: Place) -> Iterator[Q]:
        """What follows the place, in order: those rows first that have most of its values."""
        end = len(place)
        while end:
            start, key = end - 1, keys[end - 1]
            if place[start] is None:
                if key.nulls_first:
                    yield self._same(place[:start]) & Q(**{f"{self.names[start]}__isnull": False})
                end = start
                continue
            while start and self._is_one_row(keys, place, start):
                start -= 1
            compared = tuple(F(name) for name in self.names[start:end])
            lookup = TupleLessThan if key.descending else TupleGreaterThan
            yield self._same(place[:start]) & Q(lookup(compared, tuple(place[start:end])))
            if keys[start].nulls_follow:
                yield self._same(place[:start]) & Q(**{f"{self.names[start]}__isnull": True})
            end = start

    @staticmethod
    def _is_one_row(keys: Sequence[Key], place: Place, start: int) -> bool:
        """Whether the key before `start` can be compared together with it."""
        before, key = keys[start - 1], keys[start]
        return before.descending == key.descending and place[start - 1] is not None and not key.nulls_follow

    def _same(self, values: Place) -> Q:
        pairs = zip(self.names, values, strict=False)
        return Q(*(Q(**{f"{name}__isnull": True} if value is None else {name: value}) for name, value in pairs))

    # --- Places -----------------------------------------------------------------------------------------------------

    def _fields(self) -> list[Any]:
        return [self.rows.query.annotations[name].output_field for name in self.names]

    @property
    def by_day(self) -> bool:
        """Whether the order is one of days, or of times."""
        return bool(self.names) and isinstance(self._fields()[0], DateField)

    def _day(self, day: date) -> Place:
        """The place right before the first row of that day, in the time zone of the viewer."""
        step = timedelta(days=1)
        if not isinstance(self._fields()[0], DateTimeField):
            return [day + step if self.keys[0].descending else day - step]
        begins = datetime.combine(day + step if self.keys[0].descending else day, time())
        begins = timezone.make_aware(begins, timezone.get_current_timezone())
        return [begins if self.keys[0].descending else begins - timedelta(microseconds=1)]

    @cached_property
    def _order(self) -> bytes:
        return f"{self.rows.model._meta.label} {[key.order_by() for key in self.keys]}".encode()

    def cursor(self, row: Any) -> str:
        values = json.dumps([getattr(row, name) for name in self.names], default=_text)
        return urlsafe_b64encode(_cipher().encrypt(values.encode(), [self._order])).decode().rstrip("=")

    def read(self, cursor: str) -> Place | None:
        """The place of a cursor; None for what is no cursor of this order."""
        try:
            sealed = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
            values = json.loads(_cipher().decrypt(sealed, [self._order]))
            return [field.to_python(value) for field, value in zip(self._fields(), values, strict=True)]
        except (InvalidTag, ValueError, ValidationError):
            return None


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, (date, time)) else str(value)


def _cipher() -> AESSIV:
    return _cipher_of(settings.SECRET_KEY)


@lru_cache(maxsize=2)
def _cipher_of(secret: str) -> AESSIV:
    return AESSIV(salted_hmac(__name__, "cursor", secret=secret, algorithm="sha512").digest())
