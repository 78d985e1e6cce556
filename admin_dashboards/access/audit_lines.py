"""Lines of the audit log in words: who did what to which object, whom it concerns, why, and what it changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db.models import CharField, Field, FileField, JSONField, Model, OuterRef, Subquery, TextField
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from admin_dashboards.context import StaffRequest
from admin_dashboards.links import link_to, may_open
from admin_dashboards.registry import queue_desks
from admin_dashboards.tables.history import MASKS, Change, changes_of_pairs, records_named
from apps.access import until_text
from apps.audit.actions import Action, label_of
from apps.audit.log import CHANGES, LineKey, staff_among
from apps.audit.log_tables import LogTable, closed_to, concerned_by, log_tables, owner_fields
from apps.audit.models import Entry
from apps.infra.ids import parse_id
from apps.users.accounts.access_log import ViewKind
from apps.users.models import User

CHANGE_LABELS: Mapping[str, str | Promise] = {
    "created": gettext_lazy("created"),
    "changed": gettext_lazy("changed"),
    "deleted": gettext_lazy("deleted"),
}
ACTIONS = {sign: action for action, sign in CHANGES.items()}
ON_OBJECTS = {
    *CHANGES,
    Action.VIEWED,
    Action.REVEALED,
    Action.CLAIMED,
    Action.RELEASED,
    Action.ESCALATED,
    Action.IMPERSONATED,
}
"""Actions after which the object comes without a sign between them, as in "vera viewed Document #5"."""


@dataclass(slots=True)
class Line:
    """One line, for a page and for a file."""

    key: LineKey
    at: datetime
    action: str
    """Its code."""
    label: str
    actor: str = ""
    object: str = ""
    person: str = ""
    """The user name of whom it concerns."""
    actor_link: str = ""
    object_link: str | SafeString = ""
    person_link: str | SafeString = ""
    """Empty where the person is named already, as the actor or with the object."""
    object_type: str = ""
    object_id: str = ""
    details: str = ""
    reason: str = ""
    request_id: str = ""
    address: str = ""
    changes: list[Change] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    """The fields whose values the viewer may not see."""

    @property
    def hidden_count(self) -> int:
        return len(self.hidden)

    @property
    def is_on_object(self) -> bool:
        return self.action in ON_OBJECTS


type _Objects = Mapping[str, Mapping[int, Model]]
"""The rows that lines are about, as they are now, by type and number; those that are gone are missing."""
type _Changes = list[tuple[Field[Any, Any], Change]]


def describe(keys: Sequence[LineKey], request: StaffRequest) -> list[Line]:
    """The lines in words, in the order of `keys`; a fixed number of queries for each type of object among them."""
    by_source: dict[LogTable, list[int]] = defaultdict(list)
    for key in keys:
        by_source[log_tables()[key.source]].append(key.row)
    entries: dict[int, Entry] = {}
    versions: dict[tuple[str, int], tuple[Any, _Changes]] = {}
    for source, ids in by_source.items():
        if source.is_history:
            versions |= {(source.label, pk): found for pk, found in _versions(source, ids).items()}
        else:
            entries = Entry.objects.select_related("actor", "subject").in_bulk(ids)
    objects = _objects_of(entries.values(), [(label, record) for (label, _pk), (record, _found) in versions.items()])
    closed = closed_to(request.user)
    actors = {record.history_user_id for (label, _pk), (record, _found) in versions.items() if label in closed}
    words = _Words(request, objects, _names(entries.values()), closed, staff_among(actors - {None}))
    lines = []
    for key in keys:
        source = log_tables()[key.source]
        if not source.is_history:
            lines.append(words.of_entry(key, entries[key.row]))
        else:
            record, changes = versions[source.label, key.row]
            lines.append(words.of_version(key, source, record, changes))
    return lines


def _versions(source: LogTable, ids: list[int]) -> dict[int, tuple[Any, _Changes]]:
    """The versions with what each changed."""
    history = source.model._default_manager
    earlier = history.filter(id=OuterRef("id"), history_id__lt=OuterRef("history_id")).order_by("-history_id")
    rows = records_named(history.filter(pk__in=ids)).annotate(earlier_id=Subquery(earlier.values("history_id")[:1]))
    records = {row.pk: row for row in rows}
    wanted = [row.earlier_id for row in records.values() if row.history_type == "~" and row.earlier_id]
    before = {row.pk: row for row in records_named(history.filter(pk__in=wanted))}
    pairs = [(row, before[row.earlier_id]) for row in records.values() if row.history_type == "~" and row.earlier_id]
    table = admin.site._registry.get(source.tracked)
    changes = changes_of_pairs(pairs, getattr(table, "history_masks", MASKS))
    return {pk: (record, changes.get(pk, [])) for pk, record in records.items()}


def _objects_of(entries: Iterable[Entry], records: Iterable[tuple[str, Any]]) -> _Objects:
    numbers: dict[str, set[int]] = defaultdict(set)
    for entry in entries:
        if number := parse_id(entry.target_id):
            numbers[_concrete(entry.target_type)].add(number)
    for label, record in records:
        numbers[label].add(record.id)
    rows: dict[str, Mapping[int, Model]] = {}
    for label, ids in numbers.items():
        if (model := _model(label)) is not None:
            people = [name for name in concerned_by(model) if name != "id"]
            found = model._base_manager.select_related(*people) if people else model._base_manager.all()
            rows[label] = found.in_bulk(ids)
    return rows


def _concrete(label: str) -> str:
    """The label without proxies: "users.user" for "users.staff"."""
    model = _model(label)
    return model._meta.concrete_model._meta.label_lower if model is not None else label  # type: ignore[union-attr]


def _model(label: str) -> type[Model] | None:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class _Names:
    """What entries name by a number or a code alone."""

    permissions: dict[str, str]
    users: dict[int, User]


def _names(entries: Iterable[Entry]) -> _Names:
    details = [entry.detail for entry in entries]
    perms = {str(detail["perm"]) for detail in details if "perm" in detail}
    ids = {detail[name] for detail in details for name in ("to", "taken_from") if isinstance(detail.get(name), int)}
    codes = [perm.partition(".")[2] for perm in perms]
    held = Permission.objects.filter(codename__in=codes).select_related("content_type") if perms else ()
    named = {f"{each.content_type.app_label}.{each.codename}": each.name for each in held}
    return _Names({perm: named.get(perm, perm) for perm in perms}, User.objects.in_bulk(ids) if ids else {})


class _Words:
    def __init__(
        self, request: StaffRequest, objects: _Objects, names: _Names, closed: frozenset[str], staff: set[int]
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
        label, number = _concrete(entry.target_type), parse_id(entry.target_id)
        row = self._row(label, number)
        line = Line(key, entry.created_at, entry.verb, entry.label)
        line.reason, line.request_id, line.address = entry.reason, entry.request_id, entry.address or ""
        line.object_type, line.object_id = label, entry.target_id
        self._say_actor(line, entry.actor, entry.actor_id)
        owner = _concerned(row, self._named_by(type(row)))
        concerned = entry.subject or owner
        name = concerned.username if concerned else _gone(entry.subject_id)
        self._say_object(line, label, number, row, owner)
        self._say_person(line, concerned, name)
        line.details = self._details(entry)
        return line

    def of_version(self, key: LineKey, source: LogTable, record: Any, changes: _Changes) -> Line:
        action = ACTIONS[record.history_type]
        row = self._row(source.label, record.id)
        label = label_of(record.action) if record.action else str(CHANGE_LABELS[action])
        line = Line(key, record.history_date, action, label)
        line.reason, line.request_id = record.note, record.request_id
        line.object_type, line.object_id = source.label, str(record.id)
        is_closed, maker = source.label in self.closed, record.history_user_id
        if is_closed and maker and maker not in self.staff:
            line.actor = line.actor_link = _("An end user")
            self._say_object(line, source.label, record.id, row, None, is_named=False)
        else:
            self._say_actor(line, record.history_user if maker else None, maker)
            fields = self._named_by(source.tracked)
            concerned = _concerned(row, fields) or _concerned_then(fields, record)
            self._say_object(line, source.label, record.id, row, concerned)
            self._say_person(line, concerned, concerned.username if concerned else "")
        sees = row is not None and self._may_open(source.label, row)
        for each, change in changes:
            names_user = is_closed and each.name in concerned_by(source.tracked)
            if sees or not (names_user or _is_private(each)):
                line.changes.append(change)
            else:
                line.hidden.append(change.field)
        return line

    def _say_actor(self, line: Line, actor: User | None, number: int | None) -> None:
        if number is None and line.action == Action.SIGN_IN_FAILED:
            line.actor = line.actor_link = _("Not signed in")
        else:
            line.actor = actor.username if actor else _gone(number) or _("System")
            line.actor_link = link_to(actor) if actor else line.actor

    def _named_by(self, model: type[Any]) -> tuple[str, ...]:
        """The fields that say to this viewer whom a row concerns."""
        if not issubclass(model, Model):
            return ()
        is_closed = model._meta.concrete_model._meta.label_lower in self.closed  # type: ignore[union-attr]
        return owner_fields(model) if is_closed else concerned_by(model)

    def _say_object(
        self, line: Line, label: str, number: int, row: Any, owner: User | None, *, is_named: bool = True
    ) -> None:
        model = _model(label)
        if not label or model is None:
            line.object = line.object_link = f"{label} {line.object_id}".strip()
            return
        thing = f"{capfirst(str(model._meta.verbose_name))} #{line.object_id}"
        if isinstance(row, (User, Group)) and is_named:
            thing = _("%(thing)s, %(name)s") % {"thing": thing, "name": row}
        elif owner is not None:
            thing = _("%(thing)s of %(name)s") % {"thing": thing, "name": owner.username}
        line.object = thing
        if row is None:
            line.object_link = _("%(thing)s (deleted)") % {"thing": thing}
        elif self._may_open(label, row):
            line.object_link = self._link(row, thing)
        else:
            line.object_link = thing

    def _say_person(self, line: Line, person: User | None, name: str) -> None:
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

    def _details(self, entry: Entry) -> str:
        """What an entry says beside its object and reason."""
        detail = entry.detail
        said = []
        if path := detail.get("path"):
            said.append(f"{detail.get('method', '')} {path}".strip())
        if (table := detail.get("table")) and (model := _model(str(table))):
            said.append(str(model._meta.verbose_name_plural))
        if detail.get("given") == "code":
            said.append(_("wrong code"))
        if detail.get("at") == "api":
            right = detail.get("password_was_right")
            said.append(_("right password, at the API") if right else _("wrong password, at the API"))
        if perm := detail.get("perm"):
            said.append(f"“{self.names.permissions[str(perm)]}”")
        if isinstance(holder := detail.get("holder"), dict):
            given = _("to %(name)s") if entry.verb == Action.GRANTED else _("from %(name)s")
            said.append(given % {"name": holder.get("name", "")})
        for name, text in (("to", _("for %(name)s")), ("taken_from", _("taken over from %(name)s"))):
            if isinstance(number := detail.get(name), int):
                user = self.names.users.get(number)
                said.append(text % {"name": user.username if user else _gone(number)})
        for name, text in (("until", "%s"), ("snoozed_until", _("snoozed %s"))):
            if end := _time(detail.get(name)):
                said.append(text % until_text(end))
        if "ahead" in detail:
            said.append(_("Fetched ahead"))
        if look := LOOKS.get(str(detail.get("look"))):
            said.append(str(look))
        for name, words in DETAILS.items():
            if (value := detail.get(name)) not in (None, ""):
                said.append(str(words) % {"value": value})
        return ", ".join(said)


LOOKS: Mapping[str, str | Promise] = {
    ViewKind.OPENED: gettext_lazy("account page"),
    ViewKind.FOUND: gettext_lazy("by a search"),
    ViewKind.DOCUMENT: gettext_lazy("its page"),
}
DETAILS: Mapping[str, str | Promise] = {
    "field": gettext_lazy("field %(value)s"),
    "page": gettext_lazy("page %(value)s"),
    "count": gettext_lazy("sessions: %(value)s"),
    "reveals": gettext_lazy("reveals: %(value)s"),
    "rows": gettext_lazy("rows: %(value)s"),
    "filters": gettext_lazy("filters %(value)s"),
    "about": gettext_lazy("about %(value)s"),
    "one": gettext_lazy("by %(value)s"),
    "other": gettext_lazy("and %(value)s"),
}


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


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def _is_private(each: Field[Any, Any]) -> bool:
    """Whether users write what they like into the field; a choice, a number or a time tells nothing private."""
    return not each.choices and isinstance(each, (CharField, TextField, JSONField, FileField))


def _gone(number: int | None) -> str:
    return _("no. %(number)s, deleted since") % {"number": number} if number else ""
