"""What a file exports of a table, and what it would change in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from import_export.fields import Field
from import_export.resources import ModelResource
from import_export.results import Result

from admin_dashboards.tables import limits
from admin_dashboards.tables.formats import Sheet, comparable
from admin_dashboards.tables.import_differences import Difference
from admin_dashboards.tables.import_errors import LineError, group_errors
from admin_dashboards.tables.widgets import Moment, WholeNumber
from apps.errors import Absent, Conflict, Invalid, Refused

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

    from apps.review.decisions.models import Decision
    from apps.users.models import User


class Outcome(Result):
    """The result of an import, by the lines of the file."""

    def __init__(self, sheet: Sheet) -> None:
        super().__init__()
        self.lines, self.unknown = sheet.lines, sheet.unknown

    def append_invalid_row(self, number: int, row: Any, validation_error: Any) -> None:
        super().append_invalid_row(self.lines[number - 1], row, validation_error)

    def row_errors(self) -> list[tuple[int, Any]]:
        return [(self.lines[number - 1], errors) for number, errors in super().row_errors()]

    def line_errors(self) -> Iterator[LineError]:
        """Each error of a line."""
        for line, errors in self.row_errors():
            for each in errors:
                yield LineError(line, getattr(each.error, "field", None) or "", str(each.error))
        for row in self.invalid_rows:
            for name, sentences in row.field_specific_errors.items():
                yield LineError(row.number, name, " ".join(map(str, sentences)))
            for sentence in row.non_field_specific_errors:
                yield LineError(row.number, "", str(sentence))

    def grouped_errors(self) -> list[tuple[str, str, str]]:
        return group_errors(self.line_errors())


class TableResource(ModelResource):
    """Base of imports and exports. Imported rows are written by services, never by the library."""

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
        """`write` adds its decisions here, for the caller to make; None where `write` makes them."""
        self.seen = {} if seen is None else seen
        """What each row was before, as a fingerprint by its id."""
        self.shows_differences = True
        self.found: dict[int, Any] = {}
        self.edits: dict[int, dict[str, Any]] = {}

    # --- What a table defines -----------------------------------------------------------------------------------------

    def prepare(self, user: User, rows: Sequence[Any]) -> None:
        """Get what `assign` needs to know of `rows`, in a few queries."""

    def assign(self, row: Any, changes: dict[str, Any]) -> None:
        """Raises a `DomainError` where `changes` to `row` would be refused. Nothing is written."""
        raise _export_only()

    def write(self, user: User, edits: dict[int, dict[str, Any]]) -> None:
        """Carry out the changes, by the ids of the rows."""
        raise _export_only()

    def lock(self, numbers: Sequence[int]) -> None:
        """Lock the rows of these ids until the transaction ends."""
        raise _export_only()

    # --- What the library calls ---------------------------------------------------------------------------------------

    def get_queryset(self) -> QuerySet[Any]:
        """The rows that may be changed, among those that the user may view."""
        queryset: QuerySet[Any] = super().get_queryset() if self.rows is None else self.rows
        return queryset

    @classmethod
    def columns(cls) -> list[str]:
        """The columns that a file may change."""
        return [field.column_name for field in cls().get_import_fields()]

    def import_data(self, dataset: Sheet, *args: Any, **options: Any) -> Outcome:
        self.sheet = dataset
        return super().import_data(dataset, *args, **options)

    def get_result_class(self) -> Callable[[], Outcome]:
        return partial(Outcome, self.sheet)

    def get_diff_class(self) -> type[Difference]:
        return Difference

    def get_diff_headers(self) -> list[str]:
        """The names of the fields, as forms and tables have them."""
        fields = self._meta.model._meta
        return [str(capfirst(str(fields.get_field(each.attribute).verbose_name))) for each in self.get_import_fields()]

    def before_import(self, dataset: Sheet, **options: Any) -> None:
        try:
            self.check(dataset)
        except Invalid:
            dataset.wipe()  # its rows are not read
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
                continue  # an error of the row
            if number is not None:
                yield line, number

    def check(self, sheet: Sheet) -> None:
        """Raises `Invalid` for what is wrong with a file as a whole."""
        if len(sheet) > limits.MAX_IMPORTED_ROWS:
            raise Invalid("too-many-rows", limits.too_many_rows(len(sheet)))
        seen: dict[int, int] = {}
        for line, number in self._numbered(sheet):
            if seen.setdefault(number, line) != line:
                raise Invalid(
                    "same-row",
                    _("Lines %(first)d and %(second)d both change %(name)s %(number)d. Keep one of them.")
                    % {
                        "first": seen[number],
                        "second": line,
                        "name": self._meta.model._meta.verbose_name,
                        "number": number,
                    },
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
        """A fingerprint of what a file may change of a row, as it is."""
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
        self.assign(self.found[instance.pk], changes)
        self.edits[instance.pk] = changes

    def after_import(self, dataset: Sheet, result: Outcome, **options: Any) -> None:
        if self.expected is not None and self.expected != summary(self.seen):
            raise Conflict("changed-since", _("Something has changed since the preview. Upload the file again."))
        failed = result.has_errors() or result.has_validation_errors()
        if self.edits and not failed and not options["dry_run"]:
            self.write(options["user"], self.edits)

    def do_instance_save(self, instance: Model, is_create: bool) -> None:
        """Nothing for each row: all are written together, by `write`."""


def summary(seen: dict[int, str]) -> str:
    """One fingerprint of all rows of a file, from those of each."""
    return blake2b(repr(sorted(seen.items())).encode()).hexdigest()


def _export_only() -> Refused:
    return Refused("not-imported", _("This table is exported only. Choose a table that can be imported."))
