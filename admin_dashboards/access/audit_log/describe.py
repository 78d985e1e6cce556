"""Lines of the audit log as text: who did what to which object, whom it concerns, why, and what it changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import CharField, Field, FileField, JSONField, Model, TextField
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from admin_dashboards.access.audit_log.details import Names, deleted_user, details_of, names_in
from admin_dashboards.access.audit_log.lines import CHANGE_LABELS, Line
from admin_dashboards.access.audit_log.sources import (
    Changes,
    Objects,
    concrete_label,
    model_of,
    objects_of,
    versions_of,
)
from admin_dashboards.context import StaffRequest
from admin_dashboards.links import link_to, may_open
from admin_dashboards.registry import queue_desks
from apps.audit.actions import Action, label_of
from apps.audit.log import CHANGES, LineKey, staff_among
from apps.audit.log_tables import LogTable, closed_to, concerned_by, log_tables, owner_fields
from apps.audit.models import Entry
from apps.infra.ids import parse_id
from apps.users.models import User

ACTIONS = {sign: action for action, sign in CHANGES.items()}


def describe(keys: Sequence[LineKey], request: StaffRequest) -> list[Line]:
    """The lines as text, in the order of `keys`; a fixed number of queries for each type of object among them."""
    by_source: dict[LogTable, list[int]] = defaultdict(list)
    for key in keys:
        by_source[log_tables()[key.source]].append(key.row)
    entries: dict[int, Entry] = {}
    versions: dict[tuple[str, int], tuple[Any, Changes]] = {}
    for source, ids in by_source.items():
        if source.is_history:
            versions |= {(source.label, pk): found for pk, found in versions_of(source, ids).items()}
        else:
            entries = Entry.objects.select_related("actor", "subject").in_bulk(ids)
    objects = objects_of(entries.values(), [(label, record) for (label, _pk), (record, _found) in versions.items()])
    closed = closed_to(request.user)
    actors = {record.history_user_id for (label, _pk), (record, _found) in versions.items() if label in closed}
    writer = LineWriter(request, objects, names_in(entries.values()), closed, staff_among(actors - {None}))
    lines = []
    for key in keys:
        source = log_tables()[key.source]
        if not source.is_history:
            lines.append(writer.of_entry(key, entries[key.row]))
        else:
            record, changes = versions[source.label, key.row]
            lines.append(writer.of_version(key, source, record, changes))
    return lines


class LineWriter:
    """Writes entries and versions as lines for one viewer."""

    def __init__(
        self, request: StaffRequest, objects: Objects, names: Names, closed: frozenset[str], staff: set[int]
    ) -> None:
        self.request = request
        self.objects = objects
        self.names = names
        self.closed = closed
        """The models that the viewer may not view."""
        self.staff = staff
        """Of those who changed rows of these models."""
        self.openable: dict[tuple[str, int], bool] = {}

    def _row(self, label: str, number: int) -> Any:
        return self.objects.get(label, {}).get(number)

    def of_entry(self, key: LineKey, entry: Entry) -> Line:
        label, number = concrete_label(entry.target_type), parse_id(entry.target_id)
        row = self._row(label, number)
        line = Line(key, entry.created_at, entry.verb, entry.label)
        line.reason, line.request_id, line.address = entry.reason, entry.request_id, entry.address or ""
        line.object_type, line.object_id = label, entry.target_id
        self._set_actor(line, entry.actor, entry.actor_id)
        owner = _concerned(row, self._named_by(type(row)))
        concerned = entry.subject or owner
        name = concerned.username if concerned else deleted_user(entry.subject_id)
        self._set_object(line, label, number, row, owner)
        self._set_person(line, concerned, name)
        line.details = details_of(entry, self.names)
        return line

    def of_version(self, key: LineKey, source: LogTable, record: Any, changes: Changes) -> Line:
        action = ACTIONS[record.history_type]
        row = self._row(source.label, record.id)
        label = label_of(record.action) if record.action else str(CHANGE_LABELS[action])
        line = Line(key, record.history_date, action, label)
        line.reason, line.request_id = record.note, record.request_id
        line.object_type, line.object_id = source.label, str(record.id)
        is_closed, maker = source.label in self.closed, record.history_user_id
        if is_closed and maker and maker not in self.staff:
            line.actor = line.actor_link = _("An end user")
            self._set_object(line, source.label, record.id, row, None, is_named=False)
        else:
            self._set_actor(line, record.history_user if maker else None, maker)
            fields = self._named_by(source.tracked)
            concerned = _concerned(row, fields) or _concerned_then(fields, record)
            self._set_object(line, source.label, record.id, row, concerned)
            self._set_person(line, concerned, concerned.username if concerned else "")
        sees = row is not None and self._may_open(source.label, row)
        for each, change in changes:
            names_user = is_closed and each.name in concerned_by(source.tracked)
            if sees or not (names_user or _is_private(each)):
                line.changes.append(change)
            else:
                line.hidden.append(change.field)
        return line

    def _set_actor(self, line: Line, actor: User | None, number: int | None) -> None:
        if number is None and line.action == Action.SIGN_IN_FAILED:
            line.actor = line.actor_link = _("Not signed in")
        else:
            line.actor = actor.username if actor else deleted_user(number) or _("System")
            line.actor_link = link_to(actor) if actor else line.actor

    def _named_by(self, model: type[Any]) -> tuple[str, ...]:
        """The fields that say to this viewer whom a row concerns."""
        if not issubclass(model, Model):
            return ()
        is_closed = model._meta.concrete_model._meta.label_lower in self.closed  # type: ignore[union-attr]
        return owner_fields(model) if is_closed else concerned_by(model)

    def _set_object(
        self, line: Line, label: str, number: int, row: Any, owner: User | None, *, is_named: bool = True
    ) -> None:
        model = model_of(label)
        if not label or model is None:
            line.object = line.object_link = f"{label} {line.object_id}".strip()
            return
        shown = f"{capfirst(str(model._meta.verbose_name))} #{line.object_id}"
        if isinstance(row, (User, Group)) and is_named:
            shown = _("%(object)s, %(name)s") % {"object": shown, "name": row}
        elif owner is not None:
            shown = _("%(object)s of %(name)s") % {"object": shown, "name": owner.username}
        line.object = shown
        if row is None:
            line.object_link = _("%(object)s (deleted)") % {"object": shown}
        elif self._may_open(label, row):
            line.object_link = self._link(row, shown)
        else:
            line.object_link = shown

    def _set_person(self, line: Line, person: User | None, name: str) -> None:
        line.person = name
        if name and name != line.actor and not line.object.endswith(f" {name}"):
            line.person_link = link_to(person) if person else name

    def _may_open(self, label: str, row: Any) -> bool:
        known = label, row.pk
        if known not in self.openable:
            self.openable[known] = may_open(row) or bool(self._desk_address(row))
        return self.openable[known]

    def _link(self, row: Any, text: str) -> str:
        if may_open(row):
            return link_to(row, text)
        return format_html('<a href="{}" class="link">{}</a>', self._desk_address(row), text)

    def _desk_address(self, row: Model) -> str:
        """Of the page on which a desk shows it, for what has no table of its own."""
        for desk in queue_desks():
            if desk.queue.model is type(row) and self._opens(desk):
                return reverse(f"admin:{desk.name}_item", args=[row.pk])
        return ""

    def _opens(self, desk: Any) -> bool:
        return self.request.console.once(("open", desk.name), lambda: bool(desk.may_open(self.request)))


def _concerned(row: Any, fields: Iterable[str]) -> User | None:
    """Whom a row concerns: its owner, by the first of the fields in `fields`, or the user that it is."""
    if row is None or isinstance(row, User):
        return row
    return next((getattr(row, name) for name in fields), None)


def _concerned_then(fields: Iterable[str], record: Any) -> User | None:
    """Whom a row that is gone concerned, where that user is still there."""
    for name in fields:
        if name != "id" and getattr(record, f"{name}_id") is not None:
            try:
                return getattr(record, name)
            except User.DoesNotExist:
                return None
    return None


def _is_private(each: Field[Any, Any]) -> bool:
    """Whether users write what they like into the field; choices, numbers and times are not private."""
    return not each.choices and isinstance(each, (CharField, TextField, JSONField, FileField))
