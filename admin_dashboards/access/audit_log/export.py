"""The lines of the audit log as a file: CSV or XLSX."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from tempfile import SpooledTemporaryFile
from typing import Any

from django.contrib import messages
from django.http import (
    FileResponse,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from openpyxl import Workbook

from admin_dashboards.access.audit_log.describe import describe
from admin_dashboards.access.audit_log.filters import FilterForm, filters_in
from admin_dashboards.access.audit_log.lines import Line
from admin_dashboards.context import StaffRequest, answering
from admin_dashboards.links import AUDIT_LOG
from admin_dashboards.tables.formats import NeutralCSV, NeutralXLSX
from admin_dashboards.tables.limits import MAX_EXPORTED_ROWS
from admin_dashboards.tables.widgets import Moment
from apps.access import require
from apps.audit.actions import Action
from apps.audit.log import LineKey, lines
from apps.audit.models import Entry
from apps.audit.services import record
from apps.errors import Invalid

EXPORT = "audit.export_entry"


LONGEST_EXPORT = timedelta(seconds=60)
DESCRIBED_AT_ONCE = 500


COLUMNS = (
    "time",
    "actor",
    "action",
    "object_type",
    "object_id",
    "object",
    "user_concerned",
    "details",
    "reason",
    "changes",
    "request_id",
    "address",
)


def audit_export(request: StaffRequest) -> HttpResponse:
    """The lines of a filter as CSV or XLSX; that they were exported is recorded before the first one leaves."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    user: Any = request.user
    require(user, EXPORT)
    asked = filters_in(request.GET)
    form = FilterForm(asked)
    back = HttpResponseRedirect(f"{reverse(AUDIT_LOG)}?{asked.urlencode()}")
    if not form.is_valid():
        return back  # the page says what is wrong
    try:
        keys = lines(form.wanted(user), MAX_EXPORTED_ROWS + 1, longest=LONGEST_EXPORT)
    except Invalid as error:
        messages.error(request, str(error))
        return back
    if len(keys) > MAX_EXPORTED_ROWS:
        said = _("More than %(most)s lines are too many for one file. Narrow the audit log down first.")
        messages.error(request, said % {"most": f"{MAX_EXPORTED_ROWS:,}"})
        return back
    record(user, Action.EXPORTED, table=Entry._meta.label_lower, rows=len(keys), filters=asked.urlencode())
    name = f"audit-log-{timezone.now():%Y-%m-%d}"
    if request.POST.get("format") == "xlsx":
        book = _workbook(request, keys)
        return FileResponse(book, as_attachment=True, filename=f"{name}.xlsx")  # type: ignore[return-value]
    response = StreamingHttpResponse(_csv(request, keys), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response  # type: ignore[return-value]


def _cells(request: StaffRequest, keys: list[LineKey]) -> Iterator[tuple[str, ...]]:
    zone = request.console.zone
    for first in range(0, len(keys), DESCRIBED_AT_ONCE):
        # A file is written when the request has been answered: what it is about and the zone are set anew.
        with answering(request), timezone.override(zone):
            described = describe(keys[first : first + DESCRIBED_AT_ONCE], request)
        for line in described:
            yield _row(line)


def _row(line: Line) -> tuple[str, ...]:
    changes = [f"{change.field}: {change.before or '–'} → {change.after or '–'}" for change in line.changes]
    changes += [f"{name}: {_('not shown')}" for name in line.hidden]
    return (
        _utc(line.at),
        line.actor,
        line.label,
        line.object_type,
        line.object_id,
        line.object,
        line.person,
        line.details,
        line.reason,
        "\n".join(changes),
        line.request_id,
        line.address,
    )


def _utc(time: datetime) -> str:
    return Moment().render(time.astimezone(UTC))


def _csv(request: StaffRequest, keys: list[LineKey]) -> Iterator[str]:
    form, buffer = NeutralCSV(), io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    buffer.write("\ufeff")
    writer.writerow(COLUMNS)
    for number, cells in enumerate(_cells(request, keys), start=1):
        writer.writerow([form.cell(cell) for cell in cells])
        if number % DESCRIBED_AT_ONCE == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def _workbook(request: StaffRequest, keys: list[LineKey]) -> Any:
    form, book = NeutralXLSX(), Workbook(write_only=True)
    sheet = book.create_sheet(_("Audit log"))
    sheet.append(COLUMNS)
    for cells in _cells(request, keys):
        sheet.append([form.cell(cell) for cell in cells])
    file = SpooledTemporaryFile(max_size=4 * 1024 * 1024)  # noqa: SIM115  # the answer closes it
    book.save(file)
    file.seek(0)
    return file
