"""Questions that are asked at every call, compiled once: a function that makes a queryset, marked `@compiled`.

    @compiled(when=("all", "past", "ongoing", "upcoming"))
    def find_events(viewer: Viewer, *, when: str) -> QuerySet[Event]: ...

It is called with slots in place of its values, and what Django makes of it is kept: one statement for each shape. The
positional arguments are slots; those by keyword are a part of the shape, each with its choices. So rules stay where
they are, in `permissions.py`, as conditions of the ORM.

Staff, whose grants make other conditions, get the plain queryset, and so does every test that compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from inspect import Parameter, signature
from itertools import product
from typing import Any, cast

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, Field, QuerySet, TextField, UUIDField
from django.utils import timezone

from apps.visibility.slots import AnyClient, Nobody, Slot
from apps.visibility.statement import Statement

FIELDS: dict[str, Field[Any, Any]] = {
    "int": BigIntegerField(),
    "list[int]": ArrayField(BigIntegerField()),
    "str": TextField(),
    "UUID": UUIDField(),
}
"""Of slots, by the annotation of the argument."""

REGISTRY: list[Compiled[Any]] = []


type Listing[T] = QuerySet[Any] | Rows[T]
"""What is listed page by page."""


class Rows[T]:
    """The rows for one call, read when they are asked for; used as the queryset that it stands for."""

    def __init__(self, statement: Statement, values: dict[str, Any]) -> None:
        self._statement, self._values = statement, values

    def __iter__(self) -> Iterator[T]:
        return iter(self._statement.rows(self._values))

    def first(self) -> T | None:
        """The only row, or none. Of a list, ask for `[:1]`."""
        return next(iter(self), None)

    def count(self) -> int:
        return self._statement.count(self._values)

    def counted_page(self, start: int, size: int) -> tuple[int, list[T]]:
        """How many there are in all, and at most `size` of them after the first `start`, in one query."""
        return self._statement.counted_page(start, size, self._values)

    def __getitem__(self, place: slice) -> list[T]:
        start = place.start or 0
        return self._statement.page(start, place.stop - start, self._values)


class Compiled[T]:
    """A function that makes a queryset, compiled once for each shape."""

    def __init__(self, build: Callable[..., QuerySet[Any]], choices: dict[str, Sequence[Any]]) -> None:
        self.build, self.choices = build, choices
        self.__doc__, self.__name__ = build.__doc__, build.__name__
        given = signature(build).parameters.values()
        positional = [each for each in given if each.kind is not Parameter.KEYWORD_ONLY]
        self.arguments = [each.name for each in positional]
        self._has_viewer = self.arguments[:1] == ["viewer"]
        self.is_public = self._has_viewer and "AnonymousUser" in positional[0].annotation
        self._slots = [Slot(each.name, FIELDS[each.annotation]) for each in positional[self._has_viewer :]]
        self._statements: dict[tuple[Any, ...], Statement] = {}
        self._terms: Callable[..., QuerySet[Any]] | None = None
        REGISTRY.append(self)

    def counted(self, terms: Callable[..., QuerySet[Any]]) -> Callable[..., QuerySet[Any]]:
        """Marks the function of the same arguments that counts the rows as `apps.visibility.counting` does."""
        self._terms = terms
        return terms

    def __call__(self, *args: Any, **shape: Any) -> Rows[T]:
        """The rows, for these values of the slots. Raises `KeyError` for a shape that is none of the choices."""
        viewer = args[0] if self._has_viewer else None
        if viewer is not None and viewer.is_staff:
            return cast(Rows[T], self.build(*args, **shape))
        values: dict[str, Any] = {"now": timezone.now()}
        if viewer is not None:
            values["viewer"] = viewer.pk
        for slot, value in zip(self._slots, args[1:] if self._has_viewer else args, strict=True):
            values[slot.name] = value
        return Rows(self.statement(viewer is None or viewer.is_authenticated, **shape), values)

    def statement(self, signed_in: bool, **shape: Any) -> Statement:
        """The statement for one shape."""
        key = (signed_in, *(shape[name] for name in self.choices))
        statement = self._statements.get(key)
        if statement is None:
            for name, choices in self.choices.items():
                if shape[name] not in choices:
                    raise KeyError(f"{self.__name__} is not compiled for {name}={shape[name]!r}.")
            slots = self._slots_for(signed_in)
            terms = self._terms(*slots, **shape) if self._terms else None
            statement = self._statements[key] = Statement(self.build(*slots, **shape), terms)
        return statement

    def shapes(self) -> Iterator[dict[str, Any]]:
        """All shapes."""
        for chosen in product(*self.choices.values()):
            yield dict(zip(self.choices, chosen, strict=True))

    def _slots_for(self, signed_in: bool) -> list[Any]:
        viewer = [AnyClient() if signed_in else Nobody()] if self._has_viewer else []
        return [*viewer, *self._slots]


def compile_all() -> int:
    """Compile everything, so that what cannot be is noticed before a server takes calls. Returns how many there are."""
    count = 0
    for asked in REGISTRY:
        for shape in asked.shapes():
            for signed_in in (True, False) if asked.is_public else (True,):
                asked.statement(signed_in, **shape)
                count += 1
    return count


def compiled(**choices: Sequence[Any]) -> Callable[[Callable[..., QuerySet[Any]]], Compiled[Any]]:
    """Compile a function that makes a queryset; see above. `choices` are the values of each keyword argument."""
    return lambda build: Compiled(build, choices)
