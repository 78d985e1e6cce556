"""History pages: who changed what, when and why. They are read and never written, at any address."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.core.paginator import Paginator
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from admin_dashboards.masking import mask_mail, mask_phone

if TYPE_CHECKING:
    from django.db.models import Model

type Mask = Callable[[str], str]

DEEDS = {"+": "created", "~": "changed", "-": "deleted"}


@dataclass(frozen=True, slots=True)
class Change:
    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Version:
    record: Any
    deed: str
    changes: list[Change]


class HistoryMixin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The history of a row and its single versions, for whoever may see the row."""

    history_masks: Mapping[str, Mask] = {"email": mask_mail, "phone": mask_phone}
    """How a field's values are shown, by its name."""
    history_per_page = 25

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_history_version"
        view = self.admin_site.admin_view(self.history_version_view)
        return [path("<path:object_id>/history/<str:version_id>/", view, name=name), *super().get_urls()]

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        obj = self._object_with_history(request, object_id)
        page = Paginator(self._records(obj), self.history_per_page).get_page(request.GET.get("p"))
        context = {"title": _("History"), "page": page, "versions": self._versions(list(page), obj)}
        return self._history_page(request, obj, "object_history", context | (extra_context or {}))

    def history_version_view(self, request: HttpRequest, object_id: str, version_id: str) -> HttpResponse:
        obj = self._object_with_history(request, object_id)
        record = self._records(obj).filter(pk=version_id).first() if version_id.isdecimal() else None
        if record is None:
            raise Http404
        values = [(label, self._word(record, field)) for field, label in self._fields(record)]
        context = {"title": _("Version"), "version": Version(record, DEEDS[record.history_type], []), "values": values}
        return self._history_page(request, obj, "object_version", context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        context["show_history"] = self.has_history()
        return super().render_change_form(request, context, *args, **options)

    def has_history(self) -> bool:
        return hasattr(self.model, "history")

    def _object_with_history(self, request: HttpRequest, object_id: str) -> Model:
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied(_("History can be read, not changed."))
        if not self.has_view_permission(request):
            raise PermissionDenied
        obj = self.get_object(request, unquote(object_id))
        if obj is None or not self.has_history():
            raise Http404
        return obj

    def _history_page(self, request: HttpRequest, obj: Model, template: str, context: dict[str, Any]) -> HttpResponse:
        request.current_app = self.admin_site.name
        shared = {"opts": self.opts, "object": obj, "original": obj, "subtitle": str(obj)}
        return TemplateResponse(
            request,
            f"admin/simple_history/{template}.html",
            {**self.admin_site.each_context(request), **shared, **context},
        )

    def _records(self, obj: Model) -> models.QuerySet[Any]:
        """The versions of `obj`, latest first, with everything that a line names."""
        history = obj.history.model  # type: ignore[attr-defined]
        people = [f.name for f in history.tracked_fields if isinstance(f, models.ForeignKey)]
        many = [f"{field.name}__{self._other_end(field)}" for field in history._history_m2m_fields]
        records = history.objects.filter(**{obj._meta.pk.attname: obj.pk})
        return records.select_related("history_user", *people).prefetch_related(*many).order_by("-history_id")

    def _versions(self, records: list[Any], obj: Model) -> list[Version]:
        if not records:
            return []
        older = self._records(obj).filter(pk__lt=records[-1].pk).first()
        return [
            Version(record, DEEDS[record.history_type], self._changes(previous, record) if previous else [])
            for record, previous in zip(records, [*records[1:], older], strict=True)
        ]

    def _changes(self, previous: Any, record: Any) -> list[Change]:
        return [
            Change(label, self._word(previous, field), self._word(record, field))
            for field, label in self._fields(record)
            if self._value(previous, field) != self._value(record, field)
        ]

    def _fields(self, record: Any) -> Iterator[tuple[models.Field[Any, Any], str]]:
        for field in [*record.tracked_fields, *record._history_m2m_fields]:
            if not field.primary_key:
                yield field, capfirst(str(field.verbose_name))

    def _value(self, record: Any, field: models.Field[Any, Any]) -> Any:
        if field.many_to_many:
            end = self._other_end(field)
            return {getattr(row, f"{end}_id") for row in getattr(record, field.name).all()}
        return getattr(record, field.attname)

    def _word(self, record: Any, field: models.Field[Any, Any]) -> str:
        """A value as people read it; empty where there is none."""
        if field.many_to_many:
            end = self._other_end(field)
            return ", ".join(sorted(str(getattr(row, end)) for row in getattr(record, field.name).all()))
        value = getattr(record, field.attname)
        if value is None or value == "":
            return ""
        if mask := self.history_masks.get(field.name):
            return mask(str(value))
        if isinstance(field, models.ForeignKey):
            try:
                return str(getattr(record, field.name))
            except ObjectDoesNotExist:
                return _("no. %(number)s, deleted since") % {"number": value}
        if field.choices:
            return str(dict(field.flatchoices).get(value, value))
        return _plain(field, value)

    @staticmethod
    def _other_end(field: models.Field[Any, Any]) -> str:
        return str(field.m2m_reverse_field_name())  # type: ignore[attr-defined]


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
