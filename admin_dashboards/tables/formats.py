"""The formats of files: cells that no spreadsheet calculates on the way out, any usual table on the way in."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import IO, Any

import openpyxl
import tablib
from import_export.formats.base_formats import CSV, XLSX, Format
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from admin_dashboards.tables.sheets import escaped, read_table

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

    CONTENT_TYPE = "text/csv; charset=utf-8"

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
    """The rows of a file, with the numbers of their lines."""

    lines: list[int]
    unknown: list[str]

    def part(self, start: int, end: int) -> Sheet:
        part = Sheet(*self[start:end], headers=self.headers)
        part.lines, part.unknown = self.lines[start:end], self.unknown
        return part


class AnySheet(Format):
    """Any table that a spreadsheet program writes."""

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
