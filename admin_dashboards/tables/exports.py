"""Tables out as files: short ones in the request, long ones by the worker (`background.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseRedirect
from import_export import admin as library
from import_export.fields import Field
from import_export.resources import ModelResource, modelresource_factory
from unfold.contrib.import_export.forms import ExportForm

from admin_dashboards.context import StaffRequest
from admin_dashboards.tables import limits
from admin_dashboards.tables.file_access import FileAccess, unfinished
from admin_dashboards.tables.formats import Neutral, NeutralCSV, NeutralXLSX
from admin_dashboards.tables.resources import TableResource
from apps.audit.actions import Action
from apps.errors import Conflict
from apps.tables.services import start_export


class ExportMixin(library.ExportMixin, FileAccess):
    """Export of `export_fields`; a table that names none is not exported."""

    export_fields: Sequence[str] = ()
    """Fields of the model, or paths such as `author__username`."""

    export_form_class = ExportForm
    export_formats = [NeutralCSV, NeutralXLSX]

    def has_export_permission(self, request: StaffRequest) -> bool:
        return bool(self.export_fields) and self._holds(request, "export")

    def export_action(self, request: StaffRequest) -> HttpResponse:
        self.refuse_unless(request, self.has_export_permission(request), "export")
        rows = self.get_export_queryset(request)
        if not _is_longer(rows, limits.EXPORTED_AT_ONCE):
            return super().export_action(request)
        if _is_longer(rows, limits.MAX_EXPORTED_ROWS):
            messages.error(request, limits.too_many_exported())
            return HttpResponseRedirect(f"{self._page('changelist')}?{request.GET.urlencode()}")
        form = self.get_export_form_class()(
            self.get_export_formats(), self.get_export_resource_classes(request), data=request.POST or None
        )
        if form.is_valid():
            return self._export_in_background(request, rows, int(form.cleaned_data["format"]))
        return super().export_action(request)

    def _export_in_background(self, request: StaffRequest, rows: QuerySet[Any], number: int) -> HttpResponse:
        """Start an export by the worker; returns a redirect to the page that shows its progress."""
        kind = self.get_export_formats()[number]()
        try:
            transfer = start_export(
                self._user(request),
                self.opts.label_lower,
                query=request.GET.urlencode(),
                file_format=kind.get_extension(),
                file_name=self.get_export_filename(request, rows, kind),
                rows=rows.order_by().values("pk")[: limits.MAX_EXPORTED_ROWS].count(),
            )
        except Conflict as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(f"{self._page('export')}?{request.GET.urlencode()}")
        return HttpResponseRedirect(self._page("export_job", str(transfer.pk)))

    def get_export_queryset(self, request: StaffRequest) -> QuerySet[Any]:
        return self.exported(super().get_export_queryset(request))

    def get_export_context_data(self, **options: Any) -> dict[str, Any]:
        shown = {"rows": f"{limits.MAX_EXPORTED_ROWS:,}", "at_once": limits.EXPORTED_AT_ONCE}
        return super().get_export_context_data(**options) | {"limits": shown, "unfinished": unfinished()}

    def exported(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """`rows` with what the columns of an export need of other tables."""
        paths = {field.rpartition("__")[0] for field in self.export_fields} - {""}
        return rows.select_related(*paths) if paths else rows

    def get_export_resource_classes(self, request: StaffRequest) -> list[type[ModelResource]]:
        return [
            modelresource_factory(
                self.model,
                TableResource,
                {"fields": self.export_fields},
                {path: Field(attribute=path, column_name=_column(path)) for path in self.export_fields if "__" in path},
            )
        ]

    def get_valid_export_item_pks(self, request: StaffRequest) -> list[int]:
        return []  # rows are chosen by filters and search alone

    def get_export_data(
        self, file_format: Neutral, request: StaffRequest, queryset: QuerySet[Any], **options: Any
    ) -> Any:
        data = self.get_data_for_export(request, queryset, **options)
        self._record(request, Action.EXPORTED, len(data))
        return file_format.export_data(data)


def _is_longer(rows: QuerySet[Any], most: int) -> bool:
    return rows[most : most + 1].exists()


def _column(path: str) -> str:
    """`host` of `host__username`, `role` of `user__role`."""
    head, _sep, tail = path.rpartition("__")
    return head if tail in ("username", "name") else tail
