"""Tables out as files, and files in as changes: each with a permission of its own, and an audit entry."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import tablib
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from import_export import admin as library
from import_export.fields import Field
from import_export.formats.base_formats import CSV, XLSX, Format
from import_export.resources import ModelResource, modelresource_factory
from import_export.results import Result
from import_export.tmp_storages import BaseStorage
from import_export.widgets import DateTimeWidget, IntegerWidget
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from unfold.contrib.import_export.forms import ExportForm, ImportForm

from admin_dashboards.sheets import escaped, read_table
from apps import valkey
from apps.access import may
from apps.audit.models import Verb
from apps.audit.services import record
from apps.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from redis import Redis

    from apps.users.models import User

MAX_EXPORTED_ROWS = 50_000
MAX_IMPORTED_ROWS = 1_000
MAX_IMPORTED_BYTES = 1024 * 1024

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

    def export_data(self, dataset: tablib.Dataset, **options: Any) -> Any:
        return "\ufeff" + super().export_data(dataset, quoting=csv.QUOTE_ALL, **options)


class NeutralXLSX(Neutral, XLSX):
    def cell(self, value: Any) -> str:
        return escaped(super().cell(value))


class Sheet(tablib.Dataset):
    """The rows of a file, which remember where they stand in it."""

    lines: list[int]
    unknown: list[str]


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
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["format"].required = False

    def clean_format(self) -> str:
        return "0"  # there is only one

    def clean_import_file(self) -> Any:
        upload = self.cleaned_data["import_file"]
        if upload.size > MAX_IMPORTED_BYTES:
            raise forms.ValidationError(_("The file is over 1 MiB. Split it into smaller ones."), code="too-large")
        return upload


class Waiting(BaseStorage):  # type: ignore[misc]
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

    WIDGETS_MAP = ModelResource.WIDGETS_MAP | {
        "DateTimeField": Moment,
        "BigAutoField": WholeNumber,
        "PositiveIntegerField": WholeNumber,
    }

    def __init__(self, rows: QuerySet[Any] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.rows = rows

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

    def before_import(self, dataset: Sheet, **options: Any) -> None:
        try:
            self._check(dataset)
        except Invalid:
            dataset.wipe()  # its rows are not looked at
            raise

    def _check(self, sheet: Sheet) -> None:
        if len(sheet) > MAX_IMPORTED_ROWS:
            raise Invalid(
                "too-many-rows",
                _("The file has %(rows)d rows; at most %(most)d are taken at once.")
                % {"rows": len(sheet), "most": MAX_IMPORTED_ROWS},
            )
        key = self.fields["id"]
        seen: dict[int, int] = {}
        for line, row in zip(sheet.lines, sheet.dict, strict=True):
            try:
                number = key.clean(row)
            except ValueError:
                continue  # said of the row
            if number is not None and seen.setdefault(number, line) != line:
                raise Invalid(
                    "same-row",
                    _("Lines %(first)d and %(second)d are both for number %(number)d. Which of them counts?")
                    % {"first": seen[number], "second": line, "number": number},
                )

    def import_field(self, field: Field, instance: Model, row: dict[str, Any], *args: Any, **options: Any) -> None:
        before = field.get_value(instance)
        super().import_field(field, instance, row, *args, **options)
        after = field.get_value(instance)
        if comparable(after) == comparable(before):
            setattr(instance, field.attribute, before)
        elif isinstance(after, str):
            setattr(instance, field.attribute, after.replace("\r\n", "\n").replace("\r", "\n"))

    def do_instance_save(self, instance: Model, is_create: bool) -> None:
        raise NotImplementedError("This table is not imported.")


class ImportExportMixin(library.ImportExportMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    """Export of `export_fields`, import through `import_resource`; a table that names neither has neither."""

    export_fields: Sequence[str] = ()
    """Fields of the model, or paths such as `author__username`."""
    import_resource: type[TableResource] | None = None

    export_form_class = ExportForm
    import_form_class = ImportFileForm
    export_formats = [NeutralCSV, NeutralXLSX]
    tmp_storage_class = Waiting
    skip_admin_log = True  # the audit entry says it

    def has_export_permission(self, request: HttpRequest) -> bool:
        return bool(self.export_fields) and self._holds(request, "export")

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.import_resource is not None and self._holds(request, "import")

    # --- Out --------------------------------------------------------------------------------------------------------

    def export_action(self, request: HttpRequest) -> HttpResponse:
        self._refuse_unless(request, self.has_export_permission(request), "export")
        if self.get_export_queryset(request)[MAX_EXPORTED_ROWS : MAX_EXPORTED_ROWS + 1].exists():
            messages.error(
                request,
                _("More than %(most)s rows are too many for one file. Narrow the table down first.")
                % {"most": f"{MAX_EXPORTED_ROWS:,}"},
            )
            return HttpResponseRedirect(f"{self._page('changelist')}?{request.GET.urlencode()}")
        return super().export_action(request)

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        paths = {field.rpartition("__")[0] for field in self.export_fields} - {""}
        queryset: QuerySet[Any] = super().get_export_queryset(request)
        return queryset.select_related(*paths) if paths else queryset

    def get_export_resource_classes(self, request: HttpRequest) -> list[type[ModelResource]]:
        return [
            modelresource_factory(
                self.model,
                TableResource,
                {"fields": self.export_fields},
                {path: Field(attribute=path, column_name=_column(path)) for path in self.export_fields if "__" in path},
            )
        ]

    def get_valid_export_item_pks(self, request: HttpRequest) -> list[int]:
        return []  # rows are chosen by filters and search alone

    def get_export_data(
        self, file_format: Neutral, request: HttpRequest, queryset: QuerySet[Any], **options: Any
    ) -> Any:
        data = self.get_data_for_export(request, queryset, **options)
        self._write_down(request, Verb.EXPORTED, len(data))
        return file_format.export_data(data)

    # --- In ---------------------------------------------------------------------------------------------------------

    def import_action(self, request: HttpRequest, **options: Any) -> HttpResponse:
        self._refuse_unless(request, self.has_import_permission(request), "import")
        try:
            return super().import_action(request, **options)
        except Unavailable as error:
            return self._start_again(request, str(error))

    def process_import(self, request: HttpRequest, **options: Any) -> HttpResponse:
        self._refuse_unless(request, self.has_import_permission(request), "import")
        try:
            if request.method != "POST" or Waiting(name=request.POST.get("import_file_name", "")).read() is None:
                return self._start_again(request, _("This preview has expired. Choose the file again."))
            with transaction.atomic():  # a file that cannot be removed is not imported, or it could be twice
                return super().process_import(request, **options)
        except Unavailable as error:
            return self._start_again(request, str(error))

    def _start_again(self, request: HttpRequest, sentence: str) -> HttpResponse:
        messages.error(request, sentence)
        return HttpResponseRedirect(self._page("import"))

    def get_import_formats(self) -> list[Callable[..., AnySheet]]:
        return [partial(AnySheet, self.import_resource.columns())] if self.import_resource else []

    def get_import_resource_classes(self, request: HttpRequest) -> list[type[ModelResource]]:
        return [self.import_resource] if self.import_resource else []

    def get_import_resource_kwargs(self, request: HttpRequest, **options: Any) -> dict[str, Any]:
        return {"rows": self.get_queryset(request)}

    def get_import_data_kwargs(self, **options: Any) -> dict[str, Any]:
        return super().get_import_data_kwargs(**options) | {"rollback_on_validation_errors": True}

    def process_result(self, result: Result, request: HttpRequest) -> HttpResponse:
        if result.has_errors() or result.has_validation_errors():
            return self._start_again(request, _("Nothing was imported: something has changed since the preview."))
        changed = result.totals["update"]
        self._write_down(request, Verb.IMPORTED, changed)
        messages.success(request, ngettext("%d row changed.", "%d rows changed.", changed) % changed)
        return HttpResponseRedirect(self._page("changelist"))

    def add_data_read_fail_error_to_form(self, form: forms.Form, error: Exception) -> None:
        form.add_error("import_file", str(error))

    # --- Both -------------------------------------------------------------------------------------------------------

    def _perm(self, verb: str) -> str:
        return f"{self.opts.app_label}.{verb}_{self.opts.model_name}"

    def _holds(self, request: HttpRequest, verb: str) -> bool:
        return self.has_view_permission(request) and bool(may(self._user(request), self._perm(verb)))

    def _refuse_unless(self, request: HttpRequest, allowed: bool, verb: str) -> None:
        if allowed:
            return
        decision = may(self._user(request), self._perm(verb))
        if decision:
            things = capfirst(str(self.opts.verbose_name_plural))
            raise PermissionDenied(_("%(things)s are neither imported nor exported here.") % {"things": things})
        raise PermissionDenied(decision.sentence)

    def _write_down(self, request: HttpRequest, verb: Verb, rows: int) -> None:
        record(self._user(request), verb, table=self.opts.label_lower, rows=rows, filters=request.GET.urlencode())

    def _page(self, page: str) -> str:
        return reverse(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{page}")

    @staticmethod
    def _user(request: HttpRequest) -> User:
        return request.user  # type: ignore[return-value]
