"""Formats of files: no cell is a formula, whatever the text."""

from __future__ import annotations

import io
import re
from typing import Any

import openpyxl
import pytest

from admin_dashboards.tables.formats import neutralise, read_back
from tests import people
from tests.admin_dashboards.tables.transfers import (
    CSV,
    XLSX,
    csv_of,
    exporter,
    rows_of,
)
from tests.console import EVENTS, console
from tests.factories import make_event

pytestmark = pytest.mark.django_db


FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "＝1",
    "'=1",
    "''+1",
    "plain",
    "'quoted'",
    "",
    "a;=1+1;b",
    "a;'=1",
    "a\n\n\t -1",
    'a;"=1"',
    "'\n=1",
    ";;=1",
    "a; b",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_spreadsheet_formulas_are_neutralised_and_read_back(text: Any) -> None:
    assert neutralise(text)[:1] not in set("=+-@\t\r＝")
    assert not re.search("""[;\\t\\r\\n][\\s"]*[=+\\-@＝]""", neutralise(text))
    assert read_back(neutralise(text)) == text


def test_no_cell_of_a_file_is_a_formula() -> None:
    make_event(people.alice(), "=HYPERLINK(1)", description="+1", location="@here")
    client = console(exporter("events.export_event"))
    [row] = rows_of(client.post(f"{EVENTS}export/", {"format": CSV}))
    assert (row["title"], row["description"], row["location"]) == ("'=HYPERLINK(1)", "'+1", "'@here")
    assert all(line.startswith('"') and line.endswith('"') for line in csv_of(client).splitlines())
    workbook = openpyxl.load_workbook(io.BytesIO(client.post(f"{EVENTS}export/", {"format": XLSX}).content))
    cells = [cell for line in workbook.active for cell in line]
    assert "'=HYPERLINK(1)" in [cell.value for cell in cells]
    assert "f" not in {cell.data_type for cell in cells}


def test_characters_that_no_workbook_holds_do_not_stop_an_export() -> None:
    make_event(people.alice(), "Bell \x07 ringing")
    answer = console(exporter("events.export_event")).post(f"{EVENTS}export/", {"format": XLSX})
    assert answer.status_code == 200
    assert "spreadsheetml" in answer["Content-Type"]
