"""Files in as changes: short ones in the request, long ones by the worker (`background.py`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from import_export import admin as library
from import_export.resources import ModelResource
from import_export.results import Result

from admin_dashboards.context import StaffRequest
from admin_dashboards.tables import limits
from admin_dashboards.tables.file_access import FileAccess, unfinished
from admin_dashboards.tables.formats import AnySheet
from admin_dashboards.tables.import_forms import ConfirmForm, ImportFileForm
from admin_dashboards.tables.resources import TableResource, summary
from admin_dashboards.tables.uploads import PendingFile
from apps.audit.actions import Action
from apps.errors import Conflict, Unavailable
from apps.tables.services import start_import


class ImportMixin(library.ImportMixin, FileAccess):
    """Import through `import_resource`; a table that names none is not imported."""

    import_resource: type[TableResource] | None = None

    import_form_class = ImportFileForm
    confirm_form_class = ConfirmForm
    tmp_storage_class = PendingFile
    skip_admin_log = True  # the audit log entry has it

    def has_import_permission(self, request: StaffRequest) -> bool:
        return self.import_resource is not None and self._holds(request, "import")

    def import_action(self, request: StaffRequest, **options: Any) -> HttpResponse:
        self.refuse_unless(request, self.has_import_permission(request), "import")
        try:
            if request.method == "POST" and (started := self._import_in_background(request)):
                return started
            return super().import_action(request, **options)
        except (Unavailable, Conflict) as error:
            return self._start_again(request, str(error))

    def _import_in_background(self, request: StaffRequest) -> HttpResponse | None:
        """A redirect to the page of an import by the worker; None where a request handles the rows by itself."""
        form = self.create_import_form(request)
        upload = form.cleaned_data["import_file"] if form.is_valid() else None
        if upload is None or upload.rows <= limits.IMPORTED_AT_ONCE:
            return None
        user, table = self._user(request), self.opts.label_lower
        transfer = start_import(user, table, content=upload.read(), file_name=upload.name)
        return HttpResponseRedirect(self._page("import_job", str(transfer.pk)))

    def process_import(self, request: StaffRequest, **options: Any) -> HttpResponse:
        self.refuse_unless(request, self.has_import_permission(request), "import")
        try:
            if request.method != "POST" or PendingFile(name=request.POST.get("import_file_name", "")).read() is None:
                return self._start_again(request, _("This preview has expired. Choose the file again."))
            with transaction.atomic():  # a file that cannot be removed is not imported, or it could be twice
                return super().process_import(request, **options)
        except Unavailable as error:
            return self._start_again(request, str(error))

    def _start_again(self, request: StaffRequest, sentence: str) -> HttpResponse:
        messages.error(request, sentence)
        return HttpResponseRedirect(self._page("import"))

    def get_import_context_data(self, **options: Any) -> dict[str, Any]:
        shown = {
            "rows": f"{limits.MAX_IMPORTED_ROWS:,}",
            "size": limits.size_of(limits.MAX_IMPORTED_BYTES),
            "at_once": limits.IMPORTED_AT_ONCE,
        }
        return super().get_import_context_data(**options) | {"limits": shown, "unfinished": unfinished()}

    def get_import_formats(self) -> list[Callable[..., AnySheet]]:
        return [partial(AnySheet, self.import_resource.columns())] if self.import_resource else []

    def get_import_resource_classes(self, request: StaffRequest) -> list[type[ModelResource]]:
        return [self.import_resource] if self.import_resource else []

    def get_import_resource_kwargs(self, request: StaffRequest, **options: Any) -> dict[str, Any]:
        request.seen = {}  # type: ignore[attr-defined]
        expected = request.POST.get("seen", "") if request.path == self._page("process_import") else None
        return {"rows": self.get_queryset(request), "seen": request.seen, "expected": expected}  # type: ignore[attr-defined]

    def get_confirm_form_initial(self, request: StaffRequest, import_form: Any) -> dict[str, Any]:
        return super().get_confirm_form_initial(request, import_form) | {
            "seen": summary(getattr(request, "seen", {})),
        }

    def get_import_data_kwargs(self, **options: Any) -> dict[str, Any]:
        return super().get_import_data_kwargs(**options) | {"rollback_on_validation_errors": True}

    def process_result(self, result: Result, request: StaffRequest) -> HttpResponse:
        if result.has_errors() or result.has_validation_errors():
            return self._start_again(request, _("Nothing was imported: something has changed since the preview."))
        changed = result.totals["update"]
        self._record(request, Action.IMPORTED, changed)
        messages.success(request, ngettext("%d row changed.", "%d rows changed.", changed) % changed)
        return HttpResponseRedirect(self._page("changelist"))

    def add_data_read_fail_error_to_form(self, form: forms.Form, error: Exception) -> None:
        form.add_error("import_file", str(error))
