"""One timeline of an item or a person: changes, decisions, notes and views, each line a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, reduce
from operator import or_
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import BigIntegerField, Model, Q, QuerySet, TextField
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from admin_dashboards.context import StaffRequest
from admin_dashboards.links import audit_address
from admin_dashboards.tables.history import MASKS, Change, Mask, Version, compared, records_named, versions_of
from apps.audit.models import Entry
from apps.review.decisions.kinds import kinds
from apps.review.decisions.models import Decision
from apps.review.models import Note
from apps.users.models import User
from apps.visibility.slots import Slot
from apps.visibility.statement import Statement

MOST = 40
"""How many lines of each kind."""
LABEL, NUMBER, KEY = Slot("label", TextField()), Slot("number", BigIntegerField()), Slot("key", TextField())
"""Of what the lines are about, in the statements below."""


@dataclass(frozen=True, slots=True)
class LineKind:
    code: str
    title: str | Promise
    icon: str


KINDS = {
    kind.code: kind
    for kind in (
        LineKind("change", gettext_lazy("Changes"), "edit"),
        LineKind("decision", gettext_lazy("Decisions"), "gavel"),
        LineKind("note", gettext_lazy("Notes"), "sticky_note_2"),
        LineKind("view", gettext_lazy("Views and claims"), "visibility"),
    )
}


@dataclass(frozen=True, slots=True)
class Line:
    kind: LineKind
    at: datetime
    who: str
    sentence: str
    """What was done, without who did it."""
    reason: str = ""
    text: str = ""
    changes: Sequence[Change] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Timeline:
    lines: list[Line]
    """Latest first."""
    audit_address: str = ""
    """Of the audit log of the item, where the viewer may open it."""

    @property
    def kinds(self) -> list[tuple[LineKind, int]]:
        """The kinds that there are lines of, each with how many."""
        counts = {code: sum(line.kind.code == code for line in self.lines) for code in KINDS}
        return [(KINDS[code], count) for code, count in counts.items() if count]


def timeline(
    item: Model,
    request: StaffRequest,
    *,
    also: Sequence[Model] = (),
    among: Mapping[type[Model], Sequence[str]] | None = None,
) -> Timeline:
    """All that happened to `item`, and to what belongs to it (`also`), as staff may read it.

    `among` are models of which all rows belong to it that name it in one of these fields, those that are gone, too.
    Personal data is masked as on the history pages. A fixed number of queries for each object and model.
    """
    lines: list[Line] = []
    for obj in (item, *also):
        lines += _changes(obj)
    for model, fields in (among or {}).items():
        lines += _changes_among(model, fields, item)
    lines += _decisions(item) + _notes(item) + _entries(item)
    return Timeline(sorted(lines, key=lambda line: line.at, reverse=True), audit_address(request, item))


def changes_in(histories: Iterable[QuerySet[Any]]) -> Timeline:
    """The latest changes among the versions of each, whatever rows of one model they are of."""
    lines = []
    for history in histories:
        for version in _latest(history, MASKS):
            name = f"{version.record.instance._meta.verbose_name}: {version.record.instance}"
            lines.append(_change(version, name))
    return Timeline(sorted(lines, key=lambda line: line.at, reverse=True))


def _latest(history: QuerySet[Any], masks: Mapping[str, Mask]) -> list[Version]:
    """The latest versions of many rows, each compared with the one before it of the same row."""
    versions = versions_of(list(records_named(history)[:MOST]), masks)
    later: dict[int, Version] = {}
    for version in versions:
        if version.record.id in later:
            later[version.record.id].compare(version)
        later[version.record.id] = version
    return versions


def _masks(model: type[Model]) -> Mapping[str, Mask]:
    table = admin.site._registry.get(model)
    return getattr(table, "history_masks", MASKS)


def _changes(obj: Model) -> list[Line]:
    if not hasattr(obj, "history"):
        return []
    name = str(obj._meta.verbose_name)
    return [_change(version, name) for version in compared(obj, _masks(type(obj)), 0, MOST)]


def _changes_among(model: Any, fields: Sequence[str], item: Model) -> list[Line]:
    """The latest changes of the rows that name `item` in one of `fields`."""
    about = reduce(or_, (Q(**{f"{field}_id": item.pk}) for field in fields))
    versions = _latest(model.history.filter(about), _masks(model))
    titles = [str(capfirst(str(model._meta.get_field(field).verbose_name))) for field in fields]
    return [
        _change(
            version,
            f"{model._meta.verbose_name} #{version.record.id}, "
            + " → ".join(version.values[title].text for title in titles),
        )
        for version in versions
    ]


def _change(version: Version, name: str) -> Line:
    actions = {"+": _("created it"), "~": _("changed it"), "-": _("deleted it")}
    return Line(
        KINDS["change"],
        version.record.history_date,
        version.who,
        f"{version.record.label or actions[version.record.history_type]} ({name})",
        reason=version.record.note,
        changes=version.changes,
    )


def _decisions(item: Model) -> list[Line]:
    lines = []
    for row in _decisions_about(isinstance(item, User)).page(0, MOST, _values(item)):
        kind = kinds()[row.verb]
        obj = f"{kind.model._meta.verbose_name} #{row.target_id}"
        said = f"{kind.label} {obj}"
        lines.append(Line(KINDS["decision"], row.made_at, row.actor.username, said, row.reason, row.text))
        if row.undone_at and row.undone_by:
            undone = _("undid: %(what)s") % {"what": said}
            lines.append(Line(KINDS["decision"], row.undone_at, row.undone_by.username, undone, row.undo_reason))
    return lines


def _notes(item: Model) -> list[Line]:
    return [
        Line(KINDS["note"], row.created_at, row.author.username, _("noted"), text=row.text)
        for row in _notes_about().page(0, MOST, _values(item))
    ]


def _entries(item: Model) -> list[Line]:
    lines = []
    for row in _entries_about(isinstance(item, User)).page(0, MOST, _values(item)):
        detail = str(row.detail.get("field") or row.detail.get("perm") or row.detail.get("page") or "")
        obj = "" if row.target_type == item._meta.label_lower else _target(row)
        verb = _("fetched ahead") if "ahead" in row.detail else row.label
        said = " ".join(filter(None, [verb, obj, detail]))
        who = row.actor.username if row.actor else _("System")
        lines.append(Line(KINDS["view"], row.created_at, who, said, row.reason))
    return lines


def _target(row: Entry) -> str:
    """The other object that an entry is about, such as "document #5"."""
    return f"{apps.get_model(row.target_type)._meta.verbose_name} #{row.target_id}"


def _values(item: Model) -> dict[str, Any]:
    return {"label": item._meta.label_lower, "number": item.pk, "key": str(item.pk)}


@cache
def _decisions_about(is_person: bool) -> Statement:
    about = Q(subject=NUMBER) if is_person else Q(target_type=LABEL, target_id=NUMBER)
    return Statement(Decision.objects.filter(about).select_related("actor", "undone_by").order_by("-id"))


@cache
def _notes_about() -> Statement:
    notes = Note.objects.filter(target_type=LABEL, target_id=NUMBER)
    return Statement(notes.select_related("author").order_by("-id"))


@cache
def _entries_about(is_person: bool) -> Statement:
    about = Q(target_type=LABEL, target_id=KEY)
    if is_person:
        about |= Q(subject=NUMBER)  # views of the user's own objects, such as a document
    return Statement(Entry.objects.filter(about).select_related("actor").order_by("-id"))
