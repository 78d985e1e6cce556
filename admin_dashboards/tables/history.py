"""History pages: who changed what, when and why. They are read and never written, at any address."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.core.paginator import Paginator
from django.db import models
from django.http import Http404, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from admin_dashboards.context import StaffRequest
from admin_dashboards.masking import mask_mail, mask_phone
from apps.access import until_text
from apps.audit.history import history_of
from apps.errors import Refused
from apps.infra.ids import parse_id
from apps.visibility.slots import Slot
from apps.visibility.statement import Statement

if TYPE_CHECKING:
    from django.db.models import Model

type Mask = Callable[[str], str]

MASKS: Mapping[str, Mask] = {"email": mask_mail, "phone": mask_phone}
ACTIONS = {"+": "created", "~": "changed", "-": "deleted"}


@dataclass(frozen=True, slots=True)
class Value:
    stored: Any
    text: str
    """As the page shows it; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Change:
    field: str
    before: str
    after: str


@dataclass(slots=True)
class Version:
    """One version of a row: what was done, and the values by the fields' names."""

    record: Any
    who: str
    values: dict[str, Value]
    changes: list[Change] = field(default_factory=list)

    @property
    def action(self) -> str:
        return ACTIONS[self.record.history_type]

    def compare(self, earlier: Version) -> None:
        for name, value in self.values.items():
            before = earlier.values[name]
            if before.stored != value.stored:
                self.changes.append(Change(name, before.text, value.text))


class HistoryMixin(admin.ModelAdmin):
    """The history of a row and its single versions, for all users who may view the row."""

    history_masks: Mapping[str, Mask] = MASKS
    """How a field's values are shown, by its name."""
    history_per_page = 25

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_history_version"
        view = self.admin_site.admin_view(self.history_version_view)
        return [path("<path:object_id>/history/<str:version_id>/", view, name=name), *super().get_urls()]

    def history_view(
        self, request: StaffRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        obj = self._object_with_history(request, object_id)
        page = Paginator(records_of(obj), self.history_per_page).get_page(request.GET.get("p"))
        first, most = (page.number - 1) * self.history_per_page, self.history_per_page
        versions = compared(obj, self.history_masks, first, most)
        context = {"title": _("History"), "page": page, "versions": versions}
        return self._history_page(request, obj, "object_history", context | (extra_context or {}))

    def history_version_view(self, request: StaffRequest, object_id: str, version_id: str) -> HttpResponse:
        obj = self._object_with_history(request, object_id)
        record = records_of(obj).filter(pk=parse_id(version_id)).first()
        if record is None:
            raise Http404
        context = {"title": _("Version"), "version": versions_of([record], self.history_masks)[0]}
        return self._history_page(request, obj, "object_version", context)

    def render_change_form(
        self, request: StaffRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        context["show_history"] = self.has_history()
        return super().render_change_form(request, context, *args, **options)

    def has_history(self) -> bool:
        return hasattr(self.model, "history")

    def _object_with_history(self, request: StaffRequest, object_id: str) -> Model:
        if request.method not in ("GET", "HEAD"):
            raise Refused("read-only", _("History is read-only."))
        if not self.has_view_permission(request):
            raise PermissionDenied
        obj = self.get_object(request, unquote(object_id))
        if obj is None or not self.has_history():
            raise Http404
        return obj

    def _history_page(self, request: StaffRequest, obj: Model, template: str, context: dict[str, Any]) -> HttpResponse:
        request.current_app = self.admin_site.name
        shared = {"opts": self.opts, "object": obj, "original": obj, "subtitle": str(obj)}
        return TemplateResponse(
            request,
            f"admin/simple_history/{template}.html",
            {**self.admin_site.each_context(request), **shared, **context},
        )


def records_of(obj: Model) -> models.QuerySet[Any]:
    """The versions of `obj`, latest first, with the users and other rows that they name."""
    history = history_of(type(obj)).model
    return records_named(history.objects.filter(**{obj._meta.pk.attname: obj.pk}))


@cache
def _records_of(model: type[Model]) -> Statement:
    """The same of one row of the model."""
    history, key = history_of(model).model, model._meta.pk
    return Statement(records_named(history.objects.filter(**{key.attname: Slot("row", key)})))


def records_named(history: models.QuerySet[Any]) -> models.QuerySet[Any]:
    """Versions of any rows of one model, likewise."""
    named = [field.name for field in history.model.tracked_fields if isinstance(field, models.ForeignKey)]
    return history.order_by("-history_id").select_related("history_user", *named)


def versions_of(records: list[Any], masks: Mapping[str, Mask]) -> list[Version]:
    if not records:
        return []
    plain = [each for each in records[0].tracked_fields if not each.primary_key]
    many = {each: _members(each, records) for each in records[0]._history_m2m_fields}
    versions = []
    for record in records:
        values = {_title(each): Value(getattr(record, each.attname), _text(record, each, masks)) for each in plain}
        values |= {_title(each): members[record.pk] for each, members in many.items()}
        versions.append(Version(record, _named(record, "history_user") or _("System"), values))
    return versions


def compared(obj: Model, masks: Mapping[str, Mask], first: int, most: int) -> list[Version]:
    """`most` versions of `obj` from the latest but `first` on, each with what it changed."""
    # One more than is shown, so that the last one has something to differ from.
    shown = versions_of(_records_of(type(obj)).page(first, most + 1, {"row": obj.pk}), masks)
    for version, earlier in pairwise(shown):
        version.compare(earlier)
    return shown[:most]


def changes_of_pairs(
    pairs: list[tuple[Any, Any]], masks: Mapping[str, Mask]
) -> dict[int, list[tuple[models.Field[Any, Any], Change]]]:
    """What versions of one model changed, by their keys, with the fields; each comes with the version before it."""
    if not pairs:
        return {}
    plain = [each for each in pairs[0][0].tracked_fields if not each.primary_key]
    records = list({record.pk: record for pair in pairs for record in pair}.values())
    many = {each: _members(each, records) for each in records[0]._history_m2m_fields}
    found: dict[int, list[tuple[models.Field[Any, Any], Change]]] = {}
    for record, earlier in pairs:
        in_row = [each for each in plain if getattr(record, each.attname) != getattr(earlier, each.attname)]
        of_many = [each for each, values in many.items() if values[record.pk].stored != values[earlier.pk].stored]
        found[record.pk] = [
            *((each, Change(_title(each), _text(earlier, each, masks), _text(record, each, masks))) for each in in_row),
            *(
                (each, Change(_title(each), many[each][earlier.pk].text, many[each][record.pk].text))
                for each in of_many
            ),
        ]
    return found


def _text(record: Any, field: models.Field[Any, Any], masks: Mapping[str, Mask]) -> str:
    value = getattr(record, field.attname)
    if value is None or value == "":
        return ""
    if mask := masks.get(field.name):
        return mask(str(value))
    if isinstance(field, models.ForeignKey):
        return _named(record, field.name)
    if field.choices:
        return str(dict(field.flatchoices).get(value, value))
    return _plain(field, value)


def _members(field: models.Field[Any, Any], records: list[Any]) -> dict[int, Value]:
    """The members that a field of many had in each of the versions, in one query."""
    end = field.m2m_reverse_field_name()  # type: ignore[attr-defined]
    rows = getattr(type(records[0]), field.name).filter(history__in=[record.pk for record in records])
    members: dict[int, dict[Any, str]] = {record.pk: {} for record in records}
    for row in rows.select_related(end):
        until = getattr(row, "ends_at", None)
        name = _named(row, end)
        members[row.history_id][getattr(row, f"{end}_id"), until] = f"{name} ({until_text(until)})" if until else name
    return {pk: Value(set(named), ", ".join(sorted(named.values()))) for pk, named in members.items()}


def _named(row: Any, name: str) -> str:
    """The user or other row that `row` names in its foreign key `name`; empty where it names none."""
    number = getattr(row, f"{name}_id")
    if number is None:
        return ""
    try:
        return str(getattr(row, name) or "") or _gone(number)
    except ObjectDoesNotExist:
        return _gone(number)


def _gone(number: int) -> str:
    return _("ID %(number)s (deleted)") % {"number": number}


def _title(field: models.Field[Any, Any]) -> str:
    return str(capfirst(str(field.verbose_name)))


def _plain(field: models.Field[Any, Any], value: Any) -> str:
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, datetime):
        return date_format(localtime(value), "DATETIME_FORMAT")
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False) if value else ""
    if isinstance(field, models.FileField):
        return PurePath(str(value)).name
    return str(value)
