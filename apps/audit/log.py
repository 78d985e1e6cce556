"""The audit log: entries and the versions of all rows as one list, latest first, a page at a time.

Each table is asked by an index for as many lines as a page has, and of these the latest are taken: what a page costs
does not depend on how much has been recorded. Pages go on from a line, not from a number of lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, reduce
from operator import or_
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection, models, transaction
from django.db.models import F, Q, QuerySet, Value
from django.utils.translation import gettext as _
from psycopg.errors import QueryCanceled

from apps.audit.history import Version
from apps.audit.models import Entry, Verb
from apps.errors import Invalid

CHANGES = {"created": "+", "changed": "~", "deleted": "-"}
"""The actions that versions of rows tell of, beside those of `Verb`."""
LONGEST_PAGE = timedelta(seconds=5)
"""How long finding the lines of a page may take."""
NOT_CONCERNED = {"decider", "assigned_to"}
"""Foreign keys to users that name staff, beside those that end with "_by"."""
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
NO_TIME = timedelta(0)


class Key(NamedTuple):
    """A line: when, in which table (its place among `sources`), and the row."""

    at: datetime
    source: int
    row: int

    def __str__(self) -> str:
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}-{sources()[self.source].label}-{self.row}"


@dataclass(frozen=True, slots=True)
class Source:
    """A table that lines come from."""

    label: str
    """Of the model that the versions are of, such as "users.document"; of entries "audit.entry"."""
    model: type[models.Model]
    is_history: bool

    @property
    def tracked(self) -> type[models.Model]:
        """The model that the versions are of."""
        return self.model.instance_type if self.is_history else self.model  # type: ignore[attr-defined, no-any-return]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is searched for; all of it has to hold."""

    actor: int | None = None
    action: str = ""
    """One of `Verb` or of `CHANGES`."""
    target_type: str = ""
    """Such as "users.document"."""
    target_id: int | None = None
    person: int | None = None
    """The user concerned."""
    since: datetime | None = None
    until: datetime | None = None
    """Lines of that very time are left out."""
    request_id: str = ""
    reason: str = ""
    """A part of it, in any case."""

    @property
    def is_about_few(self) -> bool:
        """Whether what is asked for beside the time picks few lines, whatever their time is."""
        return bool(self.target_id or self.person or self.request_id)


@cache
def sources() -> tuple[Source, ...]:
    histories = (model for model in apps.get_models() if issubclass(model, Version))
    found = [Source(model.instance_type._meta.label_lower, model, is_history=True) for model in histories]  # type: ignore[attr-defined]
    return tuple(sorted((Source(Entry._meta.label_lower, Entry, is_history=False), *found), key=_by_label))


def _by_label(source: Source) -> str:
    return source.label


@cache
def concerned_by(model: type[models.Model]) -> tuple[str, ...]:
    """The fields of a model that name whom a row concerns, such as its owner; the key of a user itself."""
    user = get_user_model()
    if issubclass(model, user):
        return ("id",)
    return tuple(
        field.name
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey)
        and field.related_model is user
        and not field.name.endswith("_by")
        and field.name not in NOT_CONCERNED
    )


@cache
def names_of(label: str) -> tuple[str, ...]:
    """The labels under which entries name rows of a model: its own, and those of its proxies."""
    concrete = apps.get_model(label)._meta.concrete_model
    return tuple(model._meta.label_lower for model in apps.get_models() if model._meta.concrete_model is concrete)


def read_key(text: str) -> Key | None:
    """The line that `str` of a key names; None for all else."""
    micros, _dash, rest = text.partition("-")
    label, _dash, row = rest.rpartition("-")
    place = next((place for place, source in enumerate(sources()) if source.label == label), None)
    if place is None or not all(part.isascii() and part.isdecimal() and len(part) <= 17 for part in (micros, row)):
        return None
    try:
        return Key(EPOCH + timedelta(microseconds=int(micros)), place, int(row))
    except OverflowError:
        return None


def lines(
    wanted: Wanted,
    most: int,
    *,
    before: Key | None = None,
    after: Key | None = None,
    longest: timedelta = LONGEST_PAGE,
) -> list[Key]:
    """At most `most` lines, latest first: the latest ones, those next `before` a line, or those next `after` one.

    Raises `Invalid` where finding them takes longer than `longest`.
    """
    forward = after is not None
    start = after or before
    branches = []
    for place, source in enumerate(sources()):
        rows = _versions(source, wanted) if source.is_history else _entries(wanted)
        if rows is not None:
            branches.append(_branch(rows, source, place, wanted, start, forward=forward)[:most])
    if not branches:
        return []
    first, *rest = branches
    order = ("at", "source", "row") if forward else ("-at", "-source", "-row")
    together = first.union(*rest, all=True).order_by(*order)[:most] if rest else first
    with _at_most(longest):
        found = [Key(*row) for row in together]
    return found[::-1] if forward else found


def _branch(
    rows: QuerySet[Any], source: Source, place: int, wanted: Wanted, start: Key | None, *, forward: bool
) -> QuerySet[Any]:
    """The lines of one table, in the order of the page."""
    time = "history_date" if source.is_history else "created_at"
    if wanted.since:
        rows = rows.filter(**{f"{time}__gte": wanted.since})
    if wanted.until:
        rows = rows.filter(**{f"{time}__lt": wanted.until})
    if start is not None:
        rows = rows.filter(_beyond(start, place, time, forward=forward))
    rows = rows.order_by().annotate(at=F(time), source=Value(place), row=F("pk"))
    # The few are found by their own index, and put in order; the index of the time would lead through all others.
    by: Any = F(time) + Value(NO_TIME, models.DurationField()) if wanted.is_about_few else F(time)
    order = (by.asc(), F("pk").asc()) if forward else (by.desc(), F("pk").desc())
    return rows.order_by(*order).values_list("at", "source", "row")


def _beyond(start: Key, place: int, time: str, *, forward: bool) -> Q:
    """Lines of the table at `place` that come behind `start`."""
    sign = "gt" if forward else "lt"
    if place != start.source:
        comes_after = place > start.source if forward else place < start.source
        return Q(**{f"{time}__{sign}{'e' if comes_after else ''}": start.at})
    same_time = Q(**{time: start.at, f"pk__{sign}": start.row})
    # The first part alone would do for the index; the second is for lines of one and the same time.
    return Q(**{f"{time}__{sign}e": start.at}) & (Q(**{f"{time}__{sign}": start.at}) | same_time)


def _entries(wanted: Wanted) -> QuerySet[Entry] | None:
    if wanted.action in CHANGES:
        return None
    rows = Entry.objects.all()
    if wanted.actor:
        rows = rows.filter(actor=wanted.actor)
    if wanted.action:
        rows = rows.filter(verb=wanted.action)
    if wanted.target_type:
        rows = rows.filter(target_type__in=names_of(wanted.target_type))
    if wanted.target_id:
        rows = rows.filter(target_id=str(wanted.target_id))
    if wanted.person:
        themselves = Q(target_type__in=names_of(get_user_model()._meta.label_lower), target_id=str(wanted.person))
        rows = rows.filter(Q(subject=wanted.person) | themselves)
    if wanted.reason:
        rows = rows.filter(reason__icontains=wanted.reason)
    return rows.filter(_of_request(wanted))


def _versions(source: Source, wanted: Wanted) -> QuerySet[Any] | None:
    if wanted.action in Verb.values or (wanted.target_type and wanted.target_type != source.label):
        return None
    rows = source.model._default_manager.all()
    if wanted.actor:
        rows = rows.filter(history_user=wanted.actor)
    if wanted.action:
        rows = rows.filter(history_type=CHANGES[wanted.action])
        if wanted.action != "created":
            rows = rows.exclude(history_type="+")  # as the index has it
    if wanted.target_id:
        rows = rows.filter(id=wanted.target_id)
    if wanted.person:
        kept = {field.name for field in source.model._meta.concrete_fields}
        fields = [field for field in concerned_by(source.tracked) if field in kept]
        if not fields:
            return None
        rows = rows.filter(reduce(or_, (Q(**{field: wanted.person}) for field in fields)))
    if wanted.reason:
        rows = rows.filter(history_change_reason__icontains=wanted.reason)
    return rows.filter(_of_request(wanted))


def _of_request(wanted: Wanted) -> Q:
    return Q(request_id=wanted.request_id) & ~Q(request_id="") if wanted.request_id else Q()


@contextmanager
def _at_most(longest: timedelta) -> Iterator[None]:
    """Let queries in the block run for so long."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('statement_timeout'), set_config('statement_timeout', %s, true)",
                [f"{longest // timedelta(milliseconds=1)}ms"],
            )
            usual, _now = cursor.fetchone()
            yield
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [usual])
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        said = _("This search takes too long. Narrow it down: an actor, an object, or less time.")
        raise Invalid("too-wide", said, field="from") from error
