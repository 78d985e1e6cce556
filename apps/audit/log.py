"""The audit log: entries and the versions of all rows as one list, latest first, a page at a time.

Each table is asked by an index for as many lines as a page has, and of these the latest are taken: what a page costs
does not depend on how much has been recorded. Pages go on from a line, not from a number of lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from time import monotonic
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Length
from django.utils.translation import gettext as _

from apps.audit.log_tables import LogTable, concerned_by, log_tables, names_of, owner_fields
from apps.audit.models import Entry
from apps.errors import Invalid
from apps.infra.time_limits import TooLong, running_at_most

CHANGES = {"created": "+", "changed": "~", "deleted": "-"}
"""The kinds of change of versions, beside the codes of `Action`."""
LONGEST_PAGE = timedelta(seconds=5)
"""How long finding the lines of a page may take."""
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
NO_TIME = timedelta(0)
READ_AT_ONCE = 1000
"""Lines whose reasons are read at once, where a part of it is searched for."""


class LineKey(NamedTuple):
    """A line: its time, its table (the place among `log_tables`), and the row."""

    at: datetime
    source: int
    row: int

    def __str__(self) -> str:
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}-{log_tables()[self.source].label}-{self.row}"


@dataclass(frozen=True, slots=True)
class LogFilter:
    """The filters of a search; a line has to match all of them."""

    actor: int | None = None
    action: str = ""
    """One of `Action` or of `CHANGES`."""
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
    closed: frozenset[str] = frozenset()
    """The models that the viewer may not view, as in `closed_to`: what end users did there is found by no user."""

    @property
    def is_about_few(self) -> bool:
        """Whether what is asked for beside the time picks few lines, whatever their time is."""
        return bool(self.target_id or self.person or self.request_id)


def staff_among(ids: Iterable[int]) -> set[int]:
    """The users of staff among `ids`, those whose account is gone included."""
    user: Any = get_user_model()
    known = dict(user._base_manager.filter(pk__in=(ids := set(ids))).values_list("pk", "is_staff"))
    staff = {pk for pk, is_staff in known.items() if is_staff}
    if gone := ids - set(known):
        staff |= set(user.history.filter(id__in=gone, is_staff=True).values_list("id", flat=True))
    return staff


def read_key(text: str) -> LineKey | None:
    """The line that `str` of a key names; None for all else."""
    micros, _dash, rest = text.partition("-")
    label, _dash, row = rest.rpartition("-")
    place = next((place for place, source in enumerate(log_tables()) if source.label == label), None)
    if place is None or not all(part.isascii() and part.isdecimal() and len(part) <= 17 for part in (micros, row)):
        return None
    try:
        return LineKey(EPOCH + timedelta(microseconds=int(micros)), place, int(row))
    except OverflowError:
        return None


def lines(
    wanted: LogFilter,
    most: int,
    *,
    before: LineKey | None = None,
    after: LineKey | None = None,
    longest: timedelta = LONGEST_PAGE,
) -> list[LineKey]:
    """At most `most` lines, latest first: the latest ones, those next `before` a line, or those next `after` one.

    Raises `Invalid` where finding them takes longer than `longest`.
    """
    forward = after is not None
    with _searching_at_most(longest):
        if wanted.reason:
            found = _with_reason(wanted, most, after or before, forward=forward, longest=longest)
        else:
            found = _next(wanted, most, after or before, forward=forward)
    return found[::-1] if forward else found


def _next(wanted: LogFilter, most: int, start: LineKey | None, *, forward: bool) -> list[LineKey]:
    """The lines that come behind `start`, nearest first."""
    branches = []
    for place, source in enumerate(log_tables()):
        rows = _versions(source, wanted) if source.is_history else _entries(wanted)
        if rows is not None:
            branches.append(_branch(rows, source, place, wanted, start, forward=forward)[:most])
    if not branches:
        return []
    first, *rest = branches
    order = ("at", "source", "row") if forward else ("-at", "-source", "-row")
    together = first.union(*rest, all=True).order_by(*order)[:most] if rest else first
    return [LineKey(*row) for row in together]


def _with_reason(
    wanted: LogFilter, most: int, start: LineKey | None, *, forward: bool, longest: timedelta
) -> list[LineKey]:
    """As `_next`. Reasons are encrypted, so that they are read here: in batches, and no longer than `longest`."""
    text, end = wanted.reason.casefold(), monotonic() + longest.total_seconds()
    found: list[LineKey] = []
    batch = None
    while batch is None or (len(batch) == READ_AT_ONCE and len(found) < most):
        if monotonic() > end:
            raise TooLong
        batch = _next(wanted, READ_AT_ONCE, start, forward=forward)
        reasons = _reasons(batch)
        found += [key for key in batch if text in reasons[key.source, key.row].casefold()]
        start = batch[-1] if batch else start
    return found[:most]


def _reasons(keys: Iterable[LineKey]) -> dict[tuple[int, int], str]:
    """The reasons of these lines by table and row."""
    rows: dict[int, list[int]] = defaultdict(list)
    for key in keys:
        rows[key.source].append(key.row)
    return {
        (place, pk): reason
        for place, ids in rows.items()
        for pk, reason in log_tables()[place]
        .model._default_manager.filter(pk__in=ids)
        .values_list("pk", "history_change_reason" if log_tables()[place].is_history else "reason")
    }


def _branch(
    rows: QuerySet[Any], source: LogTable, place: int, wanted: LogFilter, start: LineKey | None, *, forward: bool
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


def _beyond(start: LineKey, place: int, time: str, *, forward: bool) -> Q:
    """Lines of the table at `place` that come behind `start`."""
    sign = "gt" if forward else "lt"
    if place != start.source:
        comes_after = place > start.source if forward else place < start.source
        return Q(**{f"{time}__{sign}{'e' if comes_after else ''}": start.at})
    same_time = Q(**{time: start.at, f"pk__{sign}": start.row})
    # The first part alone would do for the index; the second is for lines of one and the same time.
    return Q(**{f"{time}__{sign}e": start.at}) & (Q(**{f"{time}__{sign}": start.at}) | same_time)


def _entries(wanted: LogFilter) -> QuerySet[Entry] | None:
    if wanted.action in CHANGES:
        return None
    rows = Entry.objects.all()
    if wanted.reason:
        rows = rows.alias(size=Length("reason")).filter(size__gt=0)
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
    return rows.filter(_of_request(wanted))


def _versions(source: LogTable, wanted: LogFilter) -> QuerySet[Any] | None:
    if (wanted.action and wanted.action not in CHANGES) or (wanted.target_type and wanted.target_type != source.label):
        return None
    rows = source.model._default_manager.all()
    if wanted.reason:
        rows = rows.filter(history_change_reason__isnull=False)
    is_closed = source.label in wanted.closed
    if wanted.actor and is_closed and not staff_among([wanted.actor]):
        return None
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
        fields_of = owner_fields if is_closed else concerned_by
        fields = [field for field in fields_of(source.tracked) if field in kept]
        if not fields:
            return None
        if is_closed:
            rows = rows.filter(Q(history_user__isnull=True) | Q(history_user__is_staff=True))
        rows = rows.filter(reduce(or_, (Q(**{field: wanted.person}) for field in fields)))
    return rows.filter(_of_request(wanted))


def _of_request(wanted: LogFilter) -> Q:
    return Q(request_id=wanted.request_id) & ~Q(request_id="") if wanted.request_id else Q()


@contextmanager
def _searching_at_most(longest: timedelta) -> Iterator[None]:
    """Let each query of a search run for so long. Raises `Invalid` where one takes longer."""
    try:
        with running_at_most(longest):
            yield
    except TooLong as error:
        message = _("This search takes too long. Narrow it down: an actor, an object, or less time.")
        raise Invalid("too-wide", message, field="from") from error
