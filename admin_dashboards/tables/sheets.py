"""Tables as spreadsheet programs write them: separators, character sets, workbooks. Read into lines of text."""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any

import openpyxl
from django.utils.translation import gettext as _

SEPARATORS = ",;\t|"
# Excel's own, for Excel, which puts more of them behind when it saves the line as a row.
_SEPARATOR_LINE = re.compile(r'\s*"?sep=([^"\r\n])"?\1*[^\S\r\n]*(?:\r\n|\r|\n|$)', re.IGNORECASE)
# How a workbook writes what XML would change, and "_" where the text itself is like that (ECMA-376, ST_Xstring).
_ESCAPED = re.compile(r"_x00(0[1-9A-F]|1[0-9A-F]|5F)_", re.IGNORECASE)
_LIKE_ESCAPED = re.compile(r"_(?=x[0-9A-F]{4}_)", re.IGNORECASE)
_ZIP = b"PK"
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
# A small workbook can unfold into a huge one.
MAX_UNFOLDED = 32 * 1024 * 1024
MAX_PARTS = 200
MAX_LINES = 20_000
MAX_COLUMNS = 100

type Line = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class Table:
    """The known columns and their values; `unknown` are the headings of the others."""

    columns: list[str]
    lines: list[Line]
    """Each with its number in the file, where the first is 1."""
    unknown: list[str]


def read_table(content: bytes, known: Collection[str], key: str) -> Table:
    """The columns `known` of a file, whichever of the usual ways it was saved in.

    Blanks around a heading and its case do not matter. Raises `ValueError` with a sentence where the file cannot be
    read, or not without doubt; `key` is the column that must be there.
    """
    lines = _workbook(content) if content.startswith(_ZIP) else _text(content, known)
    filled = ((number, cells) for number, cells in lines if any(cell.strip() for cell in cells))
    try:
        _number, headings = next(filled)
    except StopIteration:
        raise ValueError(_("The file is empty.")) from None
    headings = [heading.strip() for heading in headings[: _width(headings)]]
    places = _places(headings, known, key)
    rows = [(number, [cells[place] for place in places.values()]) for number, cells in _fitted(filled, headings)]
    unknown = [heading for place, heading in enumerate(headings) if heading and place not in places.values()]
    return Table(list(places), rows, unknown)


def is_workbook(content: bytes) -> bool:
    """Whether a file begins as workbooks do, of the old kind too; it may still be broken."""
    return content.startswith((_ZIP, _OLD_WORKBOOK))


def estimate_rows(content: bytes, known: Collection[str]) -> tuple[int, bool]:
    """How many rows a file has below its headings, found out without taking it in, and whether that is certain.

    Of a workbook with several sheets the largest is meant, which may not be the first; what cannot be read has none.
    """
    if not content.startswith(_ZIP):
        try:
            return max(sum(1 for _number, cells in _text(content, known) if any(map(str.strip, cells))) - 1, 0), True
        except ValueError:
            return 0, False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            _refuse_large(parts)
            # Sheets may have any name; nothing else has rows.
            counts = [rows for info in parts.infolist() if (rows := _filled_rows(parts.read(info)))]
    except _BROKEN:  # an error once it is read
        return 0, False
    return max(counts, default=1) - 1, len(counts) == 1


_BROKEN = (ValueError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
_ROW = re.compile(rb"<(?:\w+:)?row\b")
_CELL = re.compile(rb"<(?:\w+:)?(?:v|t)\b[^/>]*>[^<]")


def _filled_rows(sheet: bytes) -> int:
    begins = [found.start() for found in _ROW.finditer(sheet)]
    return sum(1 for start, end in pairwise([*begins, len(sheet)]) if _CELL.search(sheet, start, end))


def _refuse_large(parts: zipfile.ZipFile) -> None:
    infos = parts.infolist()
    if len(infos) > MAX_PARTS or sum(info.file_size for info in infos) > MAX_UNFOLDED:
        raise ValueError(_("The workbook is too large. Save its sheet as CSV UTF-8."))


def _places(headings: list[str], known: Collection[str], key: str) -> dict[str, int]:
    """Where each known column stands."""
    names = {name.casefold(): name for name in known}
    first: dict[str, int] = {}
    for place, heading in enumerate(headings):
        earlier = first.setdefault(heading.casefold(), place)
        if heading and earlier != place:
            raise ValueError(
                _("Columns %(first)d and %(second)d are both named “%(name)s”. Which of them counts?")
                % {"first": earlier + 1, "second": place + 1, "name": heading}
            )
    places = {names[folded]: place for folded, place in first.items() if folded in names}
    if key not in places:
        raise ValueError(
            _("No column is named “%(key)s”. The first line names: %(headings)s.")
            % {"key": key, "headings": ", ".join(heading[:50] for heading in headings[:20])}
        )
    return places


def _fitted(lines: Iterable[Line], headings: list[str]) -> Iterator[Line]:
    """As many cells in each line as there are headings; empty ones behind them do no harm."""
    width = len(headings)
    for number, cells in lines:
        found = max(_width(cells), min(len(cells), width))
        if found != width:
            raise ValueError(
                _("Line %(line)d has %(found)d values; the first line names %(named)d columns.")
                % {"line": number, "found": found, "named": width}
            )
        for heading, cell in zip(headings, cells, strict=False):
            if not heading and cell.strip():
                raise ValueError(_("Line %d has a value in a column without a name.") % number)
        yield number, cells[:width]


def _width(cells: list[str]) -> int:
    """How many there are up to the last one that is filled in."""
    return max((place for place, cell in enumerate(cells, start=1) if cell.strip()), default=0)


# --- Text -----------------------------------------------------------------------------------------------------------


def _text(content: bytes, known: Collection[str]) -> Iterator[Line]:
    if content.startswith(_OLD_WORKBOOK):
        raise ValueError(_("This is a workbook of the old kind (.xls). Save it as CSV UTF-8."))
    wide = content.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(_("The file is not CSV in UTF-8. Save it as “CSV UTF-8”.")) from None
    if "\x00" in text:
        raise ValueError(_("The file is not CSV in UTF-8. Save it as “CSV UTF-8”."))
    named = _SEPARATOR_LINE.match(text)
    begins = 1
    if named:
        text, begins = text[named.end() :], 1 + len(named[0].splitlines())
    separator = named[1] if named else max(SEPARATORS, key=lambda each: _named(text, each, known))
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        yield from enumerate(rows, start=begins)
    except csv.Error as error:
        raise ValueError(_("The file cannot be read as CSV: %(why)s") % {"why": error}) from None


def _named(text: str, separator: str, known: Collection[str]) -> int:
    """How many known columns the first line names, were this the separator."""
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True):
            if any(cell.strip() for cell in row):
                return len({cell.strip().casefold() for cell in row} & {name.casefold() for name in known})
    except csv.Error:
        pass
    return 0


# --- Workbooks ------------------------------------------------------------------------------------------------------


def _workbook(content: bytes) -> Iterator[Line]:
    """The lines of the first sheet."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            _refuse_large(parts)
            if any(b"<!DOCTYPE" in parts.read(info) for info in parts.infolist()):
                raise zipfile.BadZipFile  # no program writes one into a workbook
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()
        rows, fits = _within(sheet.iter_rows(values_only=True))
    except ValueError:
        raise
    except Exception as error:  # a broken one raises whatever its parts do
        raise ValueError(
            _("This file is not a whole workbook: it cannot be read. Save it again, or its sheet as CSV UTF-8.")
        ) from error
    if not fits:
        raise ValueError(
            _("The sheet goes on after line %(line)d or column %(column)d. Delete what is around the table.")
            % {"line": MAX_LINES, "column": MAX_COLUMNS}
        )
    # Programs leave out empty cells at the end of a row.
    width = max(map(len, rows), default=0)
    lines = [[_cell_text(cell) for cell in row] + [""] * (width - len(row)) for row in rows]
    if not any(map(_width, lines)):
        raise ValueError(_("The first sheet of the workbook is empty."))
    yield from enumerate(lines, start=1)


def _within(rows: Iterable[tuple[Any, ...]]) -> tuple[list[tuple[Any, ...]], bool]:
    """The rows up to the first that is too many or too wide, and whether that is all of them."""
    taken: list[tuple[Any, ...]] = []
    for row in rows:
        if len(taken) == MAX_LINES or any(cell is not None for cell in row[MAX_COLUMNS:]):
            return taken, False
        taken.append(row[:MAX_COLUMNS])
    return taken, True


def _cell_text(cell: Any) -> str:
    """A cell as it would be written in CSV."""
    match cell:
        case None:
            return ""
        case datetime() | date():
            return cell.isoformat()
        case float() if cell.is_integer():
            return str(int(cell))
        case _:
            return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), str(cell))


def escaped(text: str) -> str:
    """`text` as a workbook has to write it to mean just that."""
    return _LIKE_ESCAPED.sub("_x005F_", text)
