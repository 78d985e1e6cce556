"""Imports and exports by the worker: read, validate and apply files, and write them, chunk by chunk."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Iterator, Sequence
from tempfile import SpooledTemporaryFile
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.files.base import File
from django.db import transaction
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from admin_dashboards.context import StaffRequest, answering
from admin_dashboards.tables import limits
from admin_dashboards.tables.base import ModelAdmin
from admin_dashboards.tables.formats import NeutralCSV, NeutralXLSX, Sheet
from admin_dashboards.tables.import_preview import Preview
from admin_dashboards.tables.resources import Outcome
from apps.audit.actions import Action
from apps.audit.context import coming_from
from apps.audit.services import record
from apps.errors import Conflict, DomainError, Invalid, Unavailable
from apps.review.decisions.models import Decision
from apps.review.decisions.services import decide_all
from apps.tables import files, services
from apps.tables.files import Stopped
from apps.tables.models import Transfer

logger = logging.getLogger(__name__)

CHUNK = 200
"""Rows between two checks whether it was cancelled."""
SHOWN = 100
"""How many differences, and how many errors, the page shows; the file to download has all."""
IN_MEMORY = 1024 * 1024
FORMATS: dict[str, type[NeutralCSV | NeutralXLSX]] = {"csv": NeutralCSV, "xlsx": NeutralXLSX}


def carry_out(key: str) -> None:
    """Do the present step of a transfer. Doing it again after a worker died does no harm."""
    try:
        transfer = services.begin(key)
    except Stopped:
        return
    table = admin.site._registry[apps.get_model(transfer.table)]
    assert isinstance(table, ModelAdmin)
    request = _request_of(transfer, table)
    try:
        with (
            coming_from(transfer.request_id, transfer.address),
            answering(request),
            timezone.override(request.console.zone),
        ):
            _step(transfer)(transfer, table, request)
    except Stopped:
        pass
    except Unavailable as error:
        if services.may_retry(transfer):
            raise
        _reject(transfer, str(error))
    except (DomainError, PermissionDenied) as error:
        _reject(transfer, str(error))
    except Exception as error:
        # The text of the error may repeat content of the file; its place does not.
        where = "".join(traceback.format_tb(error.__traceback__))
        logger.error("transfer failed: %s\n%s", type(error).__name__, where, extra={"transfer": key})
        _reject(transfer, _("Something went wrong. Nothing was changed. If it happens again, tell the administrator."))


def _step(transfer: Transfer) -> Any:
    if transfer.kind == Transfer.Kind.EXPORT:
        return write_export
    return apply_import if transfer.status == Transfer.Status.APPLYING else preview_import


def _reject(transfer: Transfer, sentence: str, **stored: str) -> None:
    try:
        services.reject(transfer, sentence, **stored)
    except Stopped:
        files.abandon(transfer, *stored.values())


def _request_of(transfer: Transfer, table: ModelAdmin) -> StaffRequest:
    """The request that the table gets: of the user who started the transfer, with the filters of their list."""
    request = StaffRequest()
    request.method = "GET"
    request.path = request.path_info = reverse(table.address("changelist"))
    request.GET = QueryDict(transfer.query)
    assert transfer.owner is not None  # a transfer goes with its owner
    request.user = transfer.owner
    request.session = {}  # type: ignore[assignment]
    return request


# --- In --------------------------------------------------------------------------------------------------------------


def preview_import(transfer: Transfer, table: ModelAdmin, request: StaffRequest) -> None:
    """Read a file into a preview, to be confirmed; nothing is changed."""
    table.refuse_unless(request, table.has_import_permission(request), "import")
    sheet = _sheet_of(transfer, table)
    transfer.rows_total = len(sheet)
    services.note_progress(transfer, 0, rows_total=len(sheet))
    preview = Preview(unknown=[name[:50] for name in sheet.unknown[:20]])
    with SpooledTemporaryFile(IN_MEMORY) as report:
        NeutralCSV().write(_previewed(transfer, table, request, sheet, preview), report)
        report.seek(0)
        stored = {"preview": preview.keep(transfer)}
        try:
            stored["result"] = files.store_of(transfer, File(report))
            if transfer.rows_invalid:
                _reject(transfer, _lines_with_errors(transfer.rows_invalid), **stored)
            else:
                services.offer(transfer, **stored)
        except (Stopped, Unavailable):
            files.abandon(transfer, *stored.values())
            raise


def _previewed(
    transfer: Transfer, table: ModelAdmin, request: StaffRequest, sheet: Sheet, preview: Preview
) -> Iterator[Sequence[Any]]:
    """The lines of the report, while `preview` and the counts of `transfer` are filled in."""
    yield [_("Line"), "id", _("Result"), _("Column"), _("Error")]
    done = 0
    for part, outcome in _chunks(transfer, table, request, sheet, preview):
        preview.headers = outcome.diff_headers
        errors = sorted(outcome.line_errors())
        at_fault = {line for line, _column, _sentence in errors}
        preview.errors += errors[: SHOWN - len(preview.errors)]
        transfer.rows_invalid += len(at_fault)
        ids = part["id"]
        for line, number, row in zip(part.lines, ids, outcome.rows, strict=True):
            if line in at_fault:
                continue
            if row.import_type == "skip":
                transfer.rows_unchanged += 1
                yield [line, number, _("Unchanged")]
                continue
            transfer.rows_changed += 1
            if row.diff and len(preview.differences) < SHOWN:
                preview.differences.append((line, [str(cell) for cell in row.diff]))
            yield [line, number, _("Changed")]
        numbers = dict(zip(part.lines, ids, strict=True))
        for line, column, sentence in errors:
            yield [line, numbers.get(line, ""), _("Invalid"), column, sentence]
        done += len(part)
        transfer.rows_done = done
        services.note_progress(transfer, done)


def _chunks(
    transfer: Transfer, table: ModelAdmin, request: StaffRequest, sheet: Sheet, preview: Preview
) -> Iterator[tuple[Sheet, Outcome]]:
    assert table.import_resource is not None
    table.import_resource().check(sheet)
    for start in range(0, len(sheet), CHUNK):
        part = sheet.part(start, start + CHUNK)
        resource = table.import_resource(rows=table.get_queryset(request))
        resource.shows_differences = len(preview.differences) < SHOWN
        outcome = resource.import_data(part, dry_run=True, user=transfer.owner)
        if outcome.base_errors:
            raise Invalid("not-read", str(outcome.base_errors[0].error))
        preview.seen |= {str(number): seen for number, seen in resource.seen.items()}
        yield part, outcome


def apply_import(transfer: Transfer, table: ModelAdmin, request: StaffRequest) -> None:
    """Change what was previewed, all of it or nothing."""
    table.refuse_unless(request, table.has_import_permission(request), "import")
    assert table.import_resource is not None
    sheet, preview = _sheet_of(transfer, table), Preview.of(transfer)
    changed = 0
    decisions: list[Decision] = []
    with transaction.atomic():
        table.import_resource().lock(table.import_resource().numbers(sheet))
        for start in range(0, len(sheet), CHUNK):
            part = sheet.part(start, start + CHUNK)
            resource = table.import_resource(rows=table.get_queryset(request), decisions=decisions)
            resource.shows_differences = False
            outcome = resource.import_data(part, dry_run=False, user=transfer.owner, rollback_on_validation_errors=True)
            _refuse_stale(part, resource.seen, preview.seen)
            _refuse_errors(outcome)
            changed += outcome.totals["update"]
            transfer.rows_done = min(start + CHUNK, len(sheet))
            services.note_applied(transfer, transfer.rows_done)
        transfer.rows_changed, transfer.rows_unchanged = changed, len(sheet) - changed
        entry = record(transfer.owner, Action.IMPORTED, table=transfer.table, rows=changed, filters=transfer.query)
        services.complete(transfer, audit_entry=entry.pk)
        # Last, so that the time in which they can be undone begins when they are visible.
        decide_all(decisions)


def _refuse_stale(part: Sheet, now: dict[int, str], then: dict[str, str]) -> None:
    ids = {str(number) for number, seen in now.items() if then.get(str(number)) != seen}
    for line, number in zip(part.lines, part["id"], strict=True):
        if number.strip() in ids:
            raise Conflict("changed-since", _changed_since(line))
    if ids:
        raise Conflict("changed-since", _("Nothing was imported: something has changed since the preview."))


def _refuse_errors(outcome: Outcome) -> None:
    if outcome.base_errors:
        raise Conflict("changed-since", _("Nothing was imported: something has changed since the preview."))
    for line, _column, sentence in outcome.line_errors():
        raise Conflict("changed-since", f"{_changed_since(line)} {sentence}")


def _changed_since(line: int) -> str:
    return _("Nothing was imported: the row on line %d has changed since the preview.") % line


def _lines_with_errors(lines: int) -> str:
    return ngettext(
        "The file was rejected, nothing was changed: %d line has an error.",
        "The file was rejected, nothing was changed: %d lines have errors.",
        lines,
    ) % (lines,)


def _sheet_of(transfer: Transfer, table: ModelAdmin) -> Sheet:
    [kind] = table.get_import_formats()
    try:
        sheet: Sheet = kind().create_dataset(files.read(transfer.source))
    except ValueError as error:
        raise Invalid("not-read", str(error)) from error
    if not len(sheet):
        raise Invalid("no-rows", _("The file has no rows below its headings."))
    return sheet


# --- Out -------------------------------------------------------------------------------------------------------------


def write_export(transfer: Transfer, table: ModelAdmin, request: StaffRequest) -> None:
    """Write the rows of the list, as far as the owner may view them now, into a file to download."""
    table.refuse_unless(request, table.has_export_permission(request), "export")
    keys = list(table.get_export_queryset(request).values_list("pk", flat=True)[: limits.MAX_EXPORTED_ROWS + 1])
    if len(keys) > limits.MAX_EXPORTED_ROWS:
        raise Invalid("too-many-rows", limits.too_many_exported())
    transfer.rows_total = len(keys)
    services.note_progress(transfer, 0, rows_total=len(keys))
    with SpooledTemporaryFile(IN_MEMORY) as file:
        FORMATS[transfer.file_format]().write(_exported(transfer, table, request, keys), file)
        file.seek(0)
        result = files.store_of(transfer, File(file))
    try:
        with transaction.atomic():
            entry = record(
                transfer.owner, Action.EXPORTED, table=transfer.table, rows=transfer.rows_done, filters=transfer.query
            )
            services.complete(transfer, result=result, audit_entry=entry.pk)
    except BaseException:
        files.abandon(transfer, result)
        raise


def _exported(
    transfer: Transfer, table: ModelAdmin, request: StaffRequest, keys: Sequence[int]
) -> Iterable[Sequence[Any]]:
    [resource_class] = table.get_export_resource_classes(request)
    resource = resource_class()
    yield resource.get_export_headers()
    written = 0
    for start in range(0, len(keys), CHUNK):
        chunk = keys[start : start + CHUNK]
        rows = {row.pk: row for row in table.exported(table.get_queryset(request)).filter(pk__in=chunk)}
        for key in chunk:
            if key in rows:  # deleted rows, and those that the owner may no longer view, are left out
                yield resource.export_resource(rows[key])
                written += 1
        transfer.rows_done = written
        services.note_progress(transfer, start + len(chunk))
