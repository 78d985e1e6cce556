"""Pages of imports and exports that the worker carries out: progress, preview, result."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.files.storage import default_storage
from django.http import FileResponse, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from admin_dashboards.context import StaffRequest, is_poll, refuse_other_sites
from admin_dashboards.tables.exports import ExportMixin
from admin_dashboards.tables.formats import NeutralCSV, NeutralXLSX
from admin_dashboards.tables.import_preview import Preview
from admin_dashboards.tables.imports import ImportMixin
from apps.audit.actions import Action
from apps.audit.services import record
from apps.errors import Absent, Conflict, Invalid
from apps.tables import services
from apps.tables.models import Transfer

Status = Transfer.Status
MEDIA_TYPES = {"csv": NeutralCSV.CONTENT_TYPE, "xlsx": NeutralXLSX.CONTENT_TYPE}


class TransferMixin(ImportMixin, ExportMixin):
    """Each import and export has a page that its owner alone opens, while they may import or export the table."""

    import_export_change_list_template = "admin/import_export/change_list_import_export.html"

    def get_urls(self) -> list[URLPattern]:
        names = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view
        return [
            path("import/<str:key>/", view(self.import_job), name=f"{names}_import_job"),
            path("import/<str:key>/file/", view(self.import_file), name=f"{names}_import_file"),
            path("export/<str:key>/", view(self.export_job), name=f"{names}_export_job"),
            path("export/<str:key>/file/", view(self.export_file), name=f"{names}_export_file"),
            *super().get_urls(),
        ]

    def import_job(self, request: StaffRequest, key: str) -> HttpResponse:
        return self._job_page(request, self._own(request, key, Transfer.Kind.IMPORT))

    def export_job(self, request: StaffRequest, key: str) -> HttpResponse:
        return self._job_page(request, self._own(request, key, Transfer.Kind.EXPORT))

    @method_decorator(require_safe)
    def import_file(self, request: StaffRequest, key: str) -> FileResponse:
        """The result of each line, as CSV."""
        transfer = self._own(request, key, Transfer.Kind.IMPORT)
        return self._file(request, transfer, f"{transfer.file_name.rpartition('.')[0] or 'import'}-lines.csv", "csv")

    @method_decorator(require_safe)
    def export_file(self, request: StaffRequest, key: str) -> FileResponse:
        transfer = self._own(request, key, Transfer.Kind.EXPORT)
        if transfer.status != Status.DONE:
            raise _no_file()
        refuse_other_sites(request)
        file = self._file(request, transfer, transfer.file_name, transfer.file_format)
        record(self._user(request), Action.VIEWED, transfer, table=transfer.table, rows=transfer.rows_done)
        return file

    # --- Shared -----------------------------------------------------------------------------------------------------

    def _own(self, request: StaffRequest, key: str, kind: Transfer.Kind) -> Transfer:
        """The user's own, while they may import or export this table. Raises `PermissionDenied`, `Absent`."""
        allowed = self.has_import_permission if kind == Transfer.Kind.IMPORT else self.has_export_permission
        self.refuse_unless(request, allowed(request), kind.value)
        return services.transfer_of(self._user(request), key, kind=kind, table=self.opts.label_lower)

    def _job_page(self, request: StaffRequest, transfer: Transfer) -> HttpResponse:
        if request.method == "POST":
            return self._press(request, transfer)
        running = {"transfer": transfer, "progress": self._progress(transfer)}
        if is_poll(request) and transfer.is_at_work:
            return TemplateResponse(request, "admin/import_export/progress.html", running)
        if is_poll(request):
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        is_import = transfer.kind == Transfer.Kind.IMPORT
        context = {
            **running,
            **self.admin_site.each_context(request),
            "title": _("Import %s") % transfer.file_name if is_import else transfer.file_name,
            "opts": self.opts,
            "back": self.within(request, "changelist"),
            "again": self.within(request, transfer.kind),
            "file": self._page(f"{transfer.kind}_file", str(transfer.pk)) if transfer.result else "",
        }
        if transfer.preview:
            context |= self._previewed(transfer)
        return TemplateResponse(request, "admin/import_export/transfer.html", context)

    def _previewed(self, transfer: Transfer) -> dict[str, Any]:
        preview = Preview.of(transfer)
        return {
            "preview": preview,
            "more_differences": transfer.rows_changed - len(preview.differences),
        }

    def _press(self, request: StaffRequest, transfer: Transfer) -> HttpResponse:
        """Cancel or confirm. A second press changes nothing; both redirect to the page of the transfer."""
        owner = self._user(request)
        try:
            match request.POST.get("action"):
                case "cancel":
                    services.cancel(owner, transfer)
                case "confirm" if transfer.kind == Transfer.Kind.IMPORT:
                    services.confirm_import(owner, transfer)
                case _:
                    raise Invalid("invalid", _("Choose Cancel or Confirm import."), field="action")
        except Conflict as error:
            now = services.transfer_of(owner, str(transfer.pk), kind=Transfer.Kind(transfer.kind), table=transfer.table)
            if not (request.POST.get("action") == "confirm" and now.status in (Status.APPLYING, Status.DONE)):
                messages.warning(request, str(error))
        return HttpResponseRedirect(self._page(f"{transfer.kind}_job", str(transfer.pk)))

    @staticmethod
    def _progress(transfer: Transfer) -> dict[str, Any]:
        """How many rows are done, of how many, and the sentence that says so."""
        done, total = transfer.rows_done, transfer.rows_total
        if transfer.status == Status.APPLYING:
            done = services.rows_applied(transfer) or 0
        if transfer.waits_for_worker:
            sentence = _("Waiting for the worker.")
            if not services.worker_is_running():
                sentence = _("Waiting for the worker, and none is running. It starts as soon as one does.")
        elif total is None:
            sentence = _("Reading the file.")
        else:
            sentence = _("%(done)s of %(total)s rows") % {"done": f"{done:,}", "total": f"{total:,}"}
        return {"done": done, "total": total, "sentence": sentence}

    def _file(self, request: StaffRequest, transfer: Transfer, name: str, file_format: str) -> FileResponse:
        if not transfer.result:
            raise _no_file()
        try:
            file = default_storage.open(transfer.result)
        except FileNotFoundError:
            raise _no_file() from None
        response = FileResponse(file, as_attachment=True, filename=name, content_type=MEDIA_TYPES[file_format])
        response["X-Content-Type-Options"] = "nosniff"
        response["Content-Security-Policy"] = "default-src 'none'; sandbox"
        return response


def _no_file() -> Absent:
    return Absent("absent", _("This file is not ready, or was deleted after 24 hours. Start again."))
