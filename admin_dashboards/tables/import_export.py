"""Tables out as files, and files in as changes: each with a permission of its own, and an audit entry.

Small ones in the request; what is longer is carried out by the worker (`background.py`) and has pages of its own
(`transfers.py`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

import openpyxl
import tablib
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from import_export import admin as library
from import_export.fields import Field
from import_export.formats.base_formats import CSV, XLSX, Format
from import_export.forms import ConfirmImportForm
from import_export.resources import Diff, ModelResource, modelresource_factory
from import_export.results import Result
from import_export.tmp_storages import BaseStorage
from import_export.widgets import DateTimeWidget, IntegerWidget
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from unfold.contrib.import_export.forms import ExportForm, ImportForm

from admin_dashboards.context import StaffRequest, asking
from admin_dashboards.tables.sheets import escaped, estimate_rows, read_table
from apps.access import may
from apps.audit.actions import Action
from apps.audit.services import record
from apps.errors import Absent, Conflict, Invalid, Refused, Unavailable
from apps.infra import valkey
from apps.review.decisions.models import Decision
from apps.tables.models import Transfer
from apps.tables.services import start_export, start_import, unfinished_of

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from redis import Redis

    from apps.users.models import User

MAX_EXPORTED_ROWS = 50_000
MAX_IMPORTED_ROWS = 10_000
MAX_IMPORTED_BYTES = 5 * 1024 * 1024
# More than that are read, changed and written by the worker.
EXPORTED_AT_ONCE = 500
IMPORTED_AT_ONCE = 200

# What spreadsheets take for the beginning of a formula; full-width signs too.
_SIGNS = "=+-@＝＋－＠"
# What they drop before one, or take for the end of the cell before it: outside English, cells end at ";".
_BEFORE = re.compile(r"""['"\s;]++""")
_END = "[;\t\r\n]"
_FORMULA = re.compile(rf"""['"\s;]*+[{re.escape(_SIGNS)}]|'*+[\t\r\n]""")


def neutralise(value: str) -> str:
    """The same text, with an apostrophe wherever a spreadsheet would begin to calculate."""
    value = _before_signs(value, f"({_END})", r"\1'")
    return f"'{value}" if _FORMULA.match(value) else value


def read_back(value: str) -> str:
    """What `neutralise` was given."""
    if value.startswith("'") and _FORMULA.match(value):
        value = value[1:]
    return _before_signs(value, f"({_END})'", r"\1")


def _before_signs(value: str, pattern: str, replacement: str) -> str:
    def replaced(found: re.Match[str]) -> str:
        follows = value[found.end() : found.end() + 1]
        return re.sub(pattern, replacement, found[0]) if follows and follows in _SIGNS else found[0]

    return _BEFORE.sub(replaced, value)


def comparable(value: Any) -> Any:
    """A text as it is on every way out and in again: programs write line ends as they like."""
    return _text(value).replace("\r\n", "\n").replace("\r", "\n") if isinstance(value, str) else value


class Neutral:
    """A format whose cells are texts that no spreadsheet calculates."""

    def export_data(self, dataset: tablib.Dataset, **options: Any) -> Any:
        rows = ([self.cell(cell) for cell in row] for row in dataset)
        tame = tablib.Dataset(*rows, headers=dataset.headers, title=dataset.title)
        return tame.export(self.get_title(), **options)  # type: ignore[attr-defined]

    def cell(self, value: Any) -> str:
        return neutralise(_text(value))


def _text(cell: Any) -> str:
    return "" if cell is None else ILLEGAL_CHARACTERS_RE.sub("�", str(cell))


class NeutralCSV(Neutral, CSV):
    """CSV as RFC 4180 has it, marked as UTF-8 for Excel."""

    def write(self, lines: Iterable[Sequence[Any]], out: IO[bytes]) -> None:
        """The same row by row, however many there are; the first of `lines` names the columns."""
        text = io.TextIOWrapper(out, "utf-8", newline="")
        text.write("\ufeff")
        writer = csv.writer(text, quoting=csv.QUOTE_ALL)
        writer.writerows([self.cell(cell) for cell in line] for line in lines)
        text.detach()

    def export_data(self, dataset: tablib.Dataset, **options: Any) -> Any:
        return "\ufeff" + super().export_data(dataset, quoting=csv.QUOTE_ALL, **options)


class NeutralXLSX(Neutral, XLSX):
    def write(self, lines: Iterable[Sequence[Any]], out: IO[bytes]) -> None:
        """The same row by row, however many there are; the first of `lines` names the columns."""
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet()
        sheet.freeze_panes = "A2"
        try:
            for line in lines:
                sheet.append([self.cell(cell) for cell in line])
            book.save(out)
        except BaseException:
            sheet.close()
            sheet._writer.cleanup()  # the file that it has written to so far
            raise

    def cell(self, value: Any) -> str:
        return escaped(super().cell(value))


class Sheet(tablib.Dataset):
    """The rows of a file, which remember where they stand in it."""

    lines: list[int]
    unknown: list[str]

    def part(self, start: int, end: int) -> Sheet:
        part = Sheet(*self[start:end], headers=self.headers)
        part.lines, part.unknown = self.lines[start:end], self.unknown
        return part


class AnySheet(Format):
    """Whatever a spreadsheet program writes."""

    def __init__(self, columns: Sequence[str] = (), key: str = "id", **_options: Any) -> None:
        self.columns, self.key = columns, key

    def get_title(self) -> str:
        return "sheet"

    def can_import(self) -> bool:
        return True

    def create_dataset(self, in_stream: bytes, **_options: Any) -> Sheet:
        table = read_table(in_stream, self.columns, self.key)
        sheet = Sheet(*([read_back(cell) for cell in cells] for _line, cells in table.lines), headers=table.columns)
        sheet.lines, sheet.unknown = [line for line, _cells in table.lines], table.unknown
        return sheet


class Outcome(Result):
    """What a file would do, by the lines of the file."""

    def __init__(self, sheet: Sheet) -> None:
        super().__init__()
        self.lines, self.unknown = sheet.lines, sheet.unknown

    def append_invalid_row(self, number: int, row: Any, validation_error: Any) -> None:
        super().append_invalid_row(self.lines[number - 1], row, validation_error)

    def row_errors(self) -> list[tuple[int, Any]]:
        return [(self.lines[number - 1], errors) for number, errors in super().row_errors()]


class ImportFileForm(ImportForm):
    def __init__(self, formats: Any, resources: Sequence[type[TableResource]], **options: Any) -> None:
        super().__init__(formats, resources, **options)
        self.columns = resources[0].columns()
        self.fields["format"].required = False
        self.fields["import_file"].widget.attrs |= {
            "accept": ".csv,.txt,.tsv,.xlsx",
            "aria-describedby": "import-limits import-too-large",
            "data-said": "import-too-large",
            "data-max-bytes": MAX_IMPORTED_BYTES,
            "data-too-large": _("This file is over %s. Split it into smaller ones.") % size_of(MAX_IMPORTED_BYTES),
        }

    def clean_format(self) -> str:
        return "0"  # there is only one

    def clean_import_file(self) -> Any:
        upload = self.cleaned_data["import_file"]
        if upload.size > MAX_IMPORTED_BYTES:
            sentence = _("This file is over %s. Split it into smaller ones.") % size_of(MAX_IMPORTED_BYTES)
            raise forms.ValidationError(sentence, code="too-large")
        upload.rows, certain = estimate_rows(upload.read(), self.columns)
        upload.seek(0)
        if certain and upload.rows > MAX_IMPORTED_ROWS:
            raise forms.ValidationError(too_many(upload.rows), code="too-many-rows")
        return upload


class ConfirmForm(ConfirmImportForm):
    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    """What the rows were at the time of the preview."""


def size_of(size: int) -> str:
    return f"{size // 1024**2} MB"


def too_many(rows: int) -> str:
    return _("The file has %(rows)s rows; at most %(most)s are taken at once. Split it into smaller ones.") % {
        "rows": f"{rows:,}",
        "most": f"{MAX_IMPORTED_ROWS:,}",
    }


class Waiting(BaseStorage):
    """A file between preview and confirmation, kept where every web process finds it: in Valkey, for half an hour.

    Raises `Unavailable` while it cannot be kept, found or removed there.
    """

    LASTS = 1800

    def save(self, data: bytes) -> None:
        self.name = uuid4().hex
        with self._asked() as client:
            client.set(self._key, data, ex=self.LASTS)

    def read(self) -> Any:
        with self._asked() as client:
            return client.get(self._key)

    def remove(self) -> None:
        with self._asked() as client:
            client.delete(self._key)

    @property
    def _key(self) -> str:
        return f"import:{self.name}"

    @contextmanager
    def _asked(self) -> Iterator[Redis]:
        try:
            with valkey.asked() as client:
                yield client
        except valkey.Away:
            raise Unavailable(
                "try-again", _("Files cannot be imported at the moment. Nothing was changed. Try again shortly.")
            ) from None


class Moment(DateTimeWidget):
    """A time to the microsecond, in UTC, so that what goes out and comes in again has not changed."""

    def render(self, value: datetime | None, obj: Model | None = None, **_options: Any) -> str:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else ""

    def clean(self, value: str | None, row: Any = None, **_options: Any) -> datetime | None:
        if not value:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(_("Write the time like 2026-01-31T20:00:00Z.")) from None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# Programs that count in fractions write 7.0; in 1.000, half of Europe reads a thousand.
_WHOLE = re.compile(r"[+-]?[0-9]{1,30}(?:\.0{0,2})?")


class WholeNumber(IntegerWidget):
    def clean(self, value: str | None, row: Any = None, **_options: Any) -> int | None:
        if not value:
            return None
        if not _WHOLE.fullmatch(value.strip()):
            raise ValueError(_("Write a whole number in digits alone, such as 1000."))
        return int(value.partition(".")[0])


def _column(path: str) -> str:
    """`host` of `host__username`, `role` of `user__role`."""
    head, _sep, tail = path.rpartition("__")
    return head if tail in ("username", "name") else tail


class TableResource(ModelResource):
    """Base of what goes in and out. Rows that come in are written by services, never by the library."""

    class Meta:
        use_transactions = True
        skip_unchanged = True
        report_skipped = True
        clean_model_instances = False
        use_bulk = True  # no savepoint for each row: none writes anything by itself

    WIDGETS_MAP = ModelResource.WIDGETS_MAP | {
        "DateTimeField": Moment,
        "BigAutoField": WholeNumber,
        "PositiveIntegerField": WholeNumber,
    }

    def __init__(
        self,
        rows: QuerySet[Any] | None = None,
        seen: dict[int, str] | None = None,
        expected: str | None = None,
        decisions: list[Decision] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.rows, self.expected = rows, expected
        self.decisions = decisions
        """Where the decisions of `write` are put, for the caller to make; None where `write` makes them."""
        self.seen = {} if seen is None else seen
        """What each row was before, as a fingerprint by its id."""
        self.shows_differences = True
        self.found: dict[int, Any] = {}
        self.edits: dict[int, dict[str, Any]] = {}

    # --- What a table says of itself --------------------------------------------------------------------------------

    def prepare(self, user: User, rows: Sequence[Any]) -> None:
        """Find out, in a few queries, what `judge` needs to know of `rows`."""

    def judge(self, row: Any, changes: dict[str, Any]) -> None:
        """Raises a `DomainError` where `changes` to `row` would be refused. Nothing is written."""
        raise _not_imported()

    def write(self, user: User, edits: dict[int, dict[str, Any]]) -> None:
        """Carry out the changes, by the ids of the rows."""
        raise _not_imported()

    def lock(self, numbers: Sequence[int]) -> None:
        """Lock the rows of these ids until the transaction ends."""
        raise _not_imported()

    # --- What the library asks --------------------------------------------------------------------------------------

    def get_queryset(self) -> QuerySet[Any]:
        """What may be changed is looked for among the rows that the person sees."""
        queryset: QuerySet[Any] = super().get_queryset() if self.rows is None else self.rows
        return queryset

    @classmethod
    def columns(cls) -> list[str]:
        """What a file may change."""
        return [field.column_name for field in cls().get_import_fields()]

    def import_data(self, dataset: Sheet, *args: Any, **options: Any) -> Outcome:
        self.sheet = dataset
        return super().import_data(dataset, *args, **options)

    def get_result_class(self) -> Callable[[], Outcome]:
        return partial(Outcome, self.sheet)

    def get_diff_class(self) -> type[Diff]:
        return Difference

    def before_import(self, dataset: Sheet, **options: Any) -> None:
        try:
            self.check(dataset)
        except Invalid:
            dataset.wipe()  # its rows are not looked at
            raise
        # Without what hangs on the rows, which would be copied with each of them.
        known = self.get_queryset().select_related(None).filter(pk__in=self.numbers(dataset))
        self.found = {row.pk: row for row in known}
        self.edits = {}
        self.prepare(options["user"], list(self.found.values()))

    def numbers(self, sheet: Sheet) -> list[int]:
        """The ids that a file names, as far as they can be."""
        return [number for _line, number in self._numbered(sheet) if 0 < number < 2**63]

    def _numbered(self, sheet: Sheet) -> Iterator[tuple[int, int]]:
        """Lines and the ids on them."""
        key = self.fields["id"]
        for line, row in zip(sheet.lines, sheet.dict, strict=True):
            try:
                number = key.clean(row)
            except ValueError:
                continue  # said of the row
            if number is not None:
                yield line, number

    def check(self, sheet: Sheet) -> None:
        """Raises `Invalid` for what is wrong with a file as a whole."""
        if len(sheet) > MAX_IMPORTED_ROWS:
            raise Invalid("too-many-rows", too_many(len(sheet)))
        seen: dict[int, int] = {}
        for line, number in self._numbered(sheet):
            if seen.setdefault(number, line) != line:
                raise Invalid(
                    "same-row",
                    _("Lines %(first)d and %(second)d are both for number %(number)d. Which of them counts?")
                    % {"first": seen[number], "second": line, "number": number},
                )

    def get_or_init_instance(self, instance_loader: Any, row: dict[str, Any]) -> tuple[Any, bool]:
        number = self.fields["id"].clean(row)
        found = self.found.get(number)
        if found is None:
            name = self._meta.model._meta.verbose_name
            raise Absent("no-such-row", _("There is no %s with this ID. Check the column “id” of the file.") % name)
        self.seen[found.pk] = self._fingerprint(found)
        return copy(found), False

    def _fingerprint(self, row: Any) -> str:
        """What a file may change of a row, as it is."""
        values = "\0".join(str(field.export(row)) for field in self.get_import_fields())
        return blake2b(values.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    def import_field(self, field: Field, instance: Model, row: dict[str, Any], *args: Any, **options: Any) -> None:
        before = field.get_value(instance)
        super().import_field(field, instance, row, *args, **options)
        after = field.get_value(instance)
        if comparable(after) == comparable(before):
            setattr(instance, field.attribute, before)
        elif isinstance(after, str):
            setattr(instance, field.attribute, after.replace("\r\n", "\n").replace("\r", "\n"))

    def save_instance(self, instance: Model, is_create: bool, row: dict[str, Any], **options: Any) -> None:
        given = {field.attribute: getattr(instance, field.attribute) for field in self.get_import_fields()}
        changes = {name: value for name, value in given.items() if name != "id" and name in row}
        self.judge(self.found[instance.pk], changes)
        self.edits[instance.pk] = changes

    def after_import(self, dataset: Sheet, result: Outcome, **options: Any) -> None:
        if self.expected is not None and self.expected != summary(self.seen):
            raise Conflict("changed-since", _("Something has changed since the preview. Upload the file again."))
        failed = result.has_errors() or result.has_validation_errors()
        if self.edits and not failed and not options["dry_run"]:
            self.write(options["user"], self.edits)

    def do_instance_save(self, instance: Model, is_create: bool) -> None:
        """Nothing for each row: all are written together, by `write`."""


def _unfinished() -> list[tuple[Transfer, str]]:
    """The viewer's unfinished imports and exports, of all tables, with the address of the page of each."""
    user: Any = asking().user
    return [
        (transfer, reverse(f"admin:{transfer.table.replace('.', '_')}_{transfer.kind}_job", args=[transfer.pk]))
        for transfer in unfinished_of(user)
    ]


def _not_imported() -> Refused:
    return Refused("not-imported", _("This table is exported only. Choose a table that can be imported."))


def _is_longer(rows: QuerySet[Any], most: int) -> bool:
    return rows[most : most + 1].exists()


def too_many_exported() -> str:
    return _("More than %(most)s rows are too many for one file. Narrow the table down first.") % {
        "most": f"{MAX_EXPORTED_ROWS:,}"
    }


def summary(seen: dict[int, str]) -> str:
    """What all rows of a file were, in one fingerprint."""
    return blake2b(repr(sorted(seen.items())).encode()).hexdigest()


class Difference(Diff):
    """What changes in a row, marked, while anybody looks at it."""

    def __init__(self, resource: TableResource, *args: Any) -> None:
        super().__init__(resource, *args)
        self.resource = resource

    def as_html(self) -> list[str]:
        return super().as_html() if self.resource.shows_differences else []


class ImportExportMixin(library.ImportExportMixin, admin.ModelAdmin):
    """Export of `export_fields`, import through `import_resource`; a table that names neither has neither."""

    export_fields: Sequence[str] = ()
    """Fields of the model, or paths such as `author__username`."""
    import_resource: type[TableResource] | None = None

    export_form_class = ExportForm
    import_form_class = ImportFileForm
    confirm_form_class = ConfirmForm
    export_formats = [NeutralCSV, NeutralXLSX]
    tmp_storage_class = Waiting
    skip_admin_log = True  # the audit entry says it

    def has_export_permission(self, request: StaffRequest) -> bool:
        return bool(self.export_fields) and self._holds(request, "export")

    def has_import_permission(self, request: StaffRequest) -> bool:
        return self.import_resource is not None and self._holds(request, "import")

    # --- Out --------------------------------------------------------------------------------------------------------

    def export_action(self, request: StaffRequest) -> HttpResponse:
        self.refuse_unless(request, self.has_export_permission(request), "export")
        rows = self.get_export_queryset(request)
        if not _is_longer(rows, EXPORTED_AT_ONCE):
            return super().export_action(request)
        if _is_longer(rows, MAX_EXPORTED_ROWS):
            messages.error(request, too_many_exported())
            return HttpResponseRedirect(f"{self._page('changelist')}?{request.GET.urlencode()}")
        form = self.get_export_form_class()(
            self.get_export_formats(), self.get_export_resource_classes(request), data=request.POST or None
        )
        if form.is_valid():
            return self._export_in_background(request, rows, int(form.cleaned_data["format"]))
        return super().export_action(request)

    def _export_in_background(self, request: StaffRequest, rows: QuerySet[Any], number: int) -> HttpResponse:
        """To the page that shows how far it is."""
        kind = self.get_export_formats()[number]()
        try:
            transfer = start_export(
                self._user(request),
                self.opts.label_lower,
                query=request.GET.urlencode(),
                file_format=kind.get_extension(),
                file_name=self.get_export_filename(request, rows, kind),
                rows=rows.order_by().values("pk")[:MAX_EXPORTED_ROWS].count(),
            )
        except Conflict as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(f"{self._page('export')}?{request.GET.urlencode()}")
        return HttpResponseRedirect(self._page("export_job", str(transfer.pk)))

    def get_export_queryset(self, request: StaffRequest) -> QuerySet[Any]:
        return self.exported(super().get_export_queryset(request))

    def get_export_context_data(self, **options: Any) -> dict[str, Any]:
        limits = {"rows": f"{MAX_EXPORTED_ROWS:,}", "at_once": EXPORTED_AT_ONCE}
        return super().get_export_context_data(**options) | {"limits": limits, "unfinished": _unfinished()}

    def exported(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """`rows` with all that an export says of them."""
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
        self._write_down(request, Action.EXPORTED, len(data))
        return file_format.export_data(data)

    # --- In ---------------------------------------------------------------------------------------------------------

    def import_action(self, request: StaffRequest, **options: Any) -> HttpResponse:
        self.refuse_unless(request, self.has_import_permission(request), "import")
        try:
            if request.method == "POST" and (started := self._import_in_background(request)):
                return started
            return super().import_action(request, **options)
        except (Unavailable, Conflict) as error:
            return self._start_again(request, str(error))

    def _import_in_background(self, request: StaffRequest) -> HttpResponse | None:
        """Where there are more rows than a request should read: to the page that shows how far it is."""
        form = self.create_import_form(request)
        upload = form.cleaned_data["import_file"] if form.is_valid() else None
        if upload is None or upload.rows <= IMPORTED_AT_ONCE:
            return None
        user, table = self._user(request), self.opts.label_lower
        transfer = start_import(user, table, content=upload.read(), file_name=upload.name)
        return HttpResponseRedirect(self._page("import_job", str(transfer.pk)))

    def process_import(self, request: StaffRequest, **options: Any) -> HttpResponse:
        self.refuse_unless(request, self.has_import_permission(request), "import")
        try:
            if request.method != "POST" or Waiting(name=request.POST.get("import_file_name", "")).read() is None:
                return self._start_again(request, _("This preview has expired. Choose the file again."))
            with transaction.atomic():  # a file that cannot be removed is not imported, or it could be twice
                return super().process_import(request, **options)
        except Unavailable as error:
            return self._start_again(request, str(error))

    def _start_again(self, request: StaffRequest, sentence: str) -> HttpResponse:
        messages.error(request, sentence)
        return HttpResponseRedirect(self._page("import"))

    def get_import_context_data(self, **options: Any) -> dict[str, Any]:
        limits = {
            "rows": f"{MAX_IMPORTED_ROWS:,}",
            "size": size_of(MAX_IMPORTED_BYTES),
            "at_once": IMPORTED_AT_ONCE,
        }
        return super().get_import_context_data(**options) | {"limits": limits, "unfinished": _unfinished()}

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
        self._write_down(request, Action.IMPORTED, changed)
        messages.success(request, ngettext("%d row changed.", "%d rows changed.", changed) % changed)
        return HttpResponseRedirect(self._page("changelist"))

    def add_data_read_fail_error_to_form(self, form: forms.Form, error: Exception) -> None:
        form.add_error("import_file", str(error))

    # --- Both -------------------------------------------------------------------------------------------------------

    def _perm(self, verb: str) -> str:
        return f"{self.opts.app_label}.{verb}_{self.opts.model_name}"

    def _holds(self, request: StaffRequest, verb: str) -> bool:
        return self.has_view_permission(request) and bool(may(self._user(request), self._perm(verb)))

    def refuse_unless(self, request: StaffRequest, allowed: bool, verb: str) -> None:
        if allowed:
            return
        decision = may(self._user(request), self._perm(verb))
        if decision:
            things = capfirst(str(self.opts.verbose_name_plural))
            raise Refused("no-files", _("%(things)s are neither imported nor exported here.") % {"things": things})
        raise PermissionDenied(decision.sentence)

    def _write_down(self, request: StaffRequest, verb: Action, rows: int) -> None:
        record(self._user(request), verb, table=self.opts.label_lower, rows=rows, filters=request.GET.urlencode())

    def _page(self, page: str, *args: str) -> str:
        return reverse(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{page}", args=args)

    @staticmethod
    def _user(request: StaffRequest) -> User:
        return request.user
