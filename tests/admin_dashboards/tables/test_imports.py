"""Files in as changes: what they may change, how they are read, and what rejects them."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.utils.html import strip_tags
from guardian.shortcuts import assign_perm

from admin_dashboards.tables import sheets
from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.events.models import Event
from apps.review.models import Preference
from tests import people
from tests.admin_dashboards.tables.transfers import (
    CSV,
    XLSX,
    confirm,
    csv_of,
    importer,
    workbook,
)
from tests.console import EVENTS, console, fields, upload_import
from tests.factories import make_event

pytestmark = pytest.mark.django_db


def test_an_exported_file_edited_and_imported_changes_what_was_edited() -> None:
    event = make_event(people.alice(), "=Offensive", description="-1")
    other = make_event(people.bob(), "Untouched")
    staff = importer()
    client = console(staff)
    exported = csv_of(client)
    preview = upload_import(client, exported.replace("'=Offensive", "Polite"))
    assert preview.status_code == 200
    event.refresh_from_db()
    assert event.title == "=Offensive"
    done = confirm(client, preview)
    assert "1 row changed." in done.content.decode()
    before = event.date, event.description
    event.refresh_from_db()
    assert event.title == "Polite"
    assert (event.date, event.description) == before
    version = event.history.latest()
    assert (version.history_user, version.title) == (staff, "Polite")
    assert other.history.count() == 1
    assert Entry.objects.get(verb=Action.IMPORTED).detail["rows"] == 1


def test_columns_that_are_left_out_stay_as_they_are() -> None:
    event = make_event(people.alice(), capacity=7)
    client = console(importer())
    confirm(client, upload_import(client, f"id,title\n{event.pk},Renamed\n"))
    event.refresh_from_db()
    assert (event.title, event.capacity, event.location) == ("Renamed", 7, "Zoom")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("{id},,2030-01-01T20:00:00Z,Zoom,", "This field cannot be blank."),
        ("{id},Title,yesterday,Zoom,", "Write the time like 2026-01-31T20:00:00Z."),
        ("{id},Title,2030-01-01T20:00:00Z,Zoom,0", "An event has at least one seat."),
        ("{id},Title,2030-01-01T20:00:00Z,Zoom,-3", "greater than or equal to 0"),
        ("{id},Title,9999-12-31T23:59:59-12:00,Zoom,", "Enter a year from 1900 to 2999."),
        ("{id},Title,0001-01-01T00:00:00+12:00,Zoom,", "Enter a year from 1900 to 2999."),
        ("987654321,Title,2030-01-01T20:00:00Z,Zoom,", "There is no event with this ID."),
        (",Title,2030-01-01T20:00:00Z,Zoom,", "There is no event with this ID."),
        ("99999999999999999999,Title,2030-01-01T20:00:00Z,Zoom,", "There is no event with this ID."),
        ("{id},Title,2030-01-01T20:00:00Z,Zoom,9999999999", "less than or equal to"),
        ("x,Title,2030-01-01T20:00:00Z,Zoom,", "Write a whole number"),
        ("{id},Title,2030-01-01T20:00:00Z,Zoom,many", "Write a whole number"),
    ],
)
def test_a_bad_row_stops_the_whole_import_and_is_named_by_line(row: str, sentence: str) -> None:
    good, bad = make_event(people.alice(), "Good"), make_event(people.bob(), "Bad")
    client = console(importer())
    lines = ["id,title,date,location,capacity", f"{good.pk},Better,2030-01-01T20:00:00Z,Zoom,", row.format(id=bad.pk)]
    preview = upload_import(client, "\n".join(lines))
    assert preview.status_code == 200
    assert "confirm_form" not in preview.context
    assert sentence in preview.content.decode()
    assert "Line 3" in preview.content.decode()
    assert "Line 2" not in preview.content.decode()
    assert set(Event.objects.values_list("title", flat=True)) == {"Good", "Bad"}


def test_imports_apply_no_row_when_one_changed_since_the_preview() -> None:
    first, second = make_event(people.alice(), "First"), make_event(people.bob(), "Second")
    client = console(importer())
    preview = upload_import(client, f"id,title\n{first.pk},Changed\n{second.pk},Changed too\n")
    second.delete()
    answer = confirm(client, preview)
    assert "Nothing was imported" in answer.content.decode()
    assert Event.objects.get().title == "First"
    assert not Entry.objects.filter(verb=Action.IMPORTED).exists()


def test_rows_of_others_cannot_be_reached_by_a_file() -> None:
    granted, other = make_event(people.alice(), "Granted"), make_event(people.bob(), "Withheld")
    helper = people.make_staff("helper")
    assign_perm("change_event", helper, granted)
    assign_perm("events.import_event", helper)
    client = console(helper)
    preview = upload_import(client, f"id,title\n{granted.pk},Fine\n{other.pk},Mine\n")
    assert "There is no event with this ID." in preview.content.decode()
    assert "Withheld" not in preview.content.decode()
    confirm(client, upload_import(client, f"id,title\n{granted.pk},Fine\n"))
    assert set(Event.objects.values_list("title", flat=True)) == {"Fine", "Withheld"}


def test_the_right_to_import_is_not_the_right_to_change() -> None:
    event = make_event(people.alice())
    viewer = people.make_staff("viewer")
    assign_perm("events.view_event", viewer)
    assign_perm("events.import_event", viewer)
    preview = upload_import(console(viewer), f"id,title\n{event.pk},Mine\n")
    assert "Can change event" in preview.content.decode()
    assert "confirm_form" not in preview.context


NO_ROWS = workbook([None, ""])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "empty"),
        ("id,title\n", "No valid data"),
        ("title\nNameless\n", "id"),
        ("id,title\n1,2,3\n", "Line 2 has 3 values"),
        ('id,title\n1,"open\n', "cannot be read as CSV"),
        ("id,title\n1,Müller\n".encode("cp1252"), "Save it as “CSV UTF-8”"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "workbook of the old kind"),
        (b"PK\x03\x04 a workbook", "This file is not a whole workbook: it cannot be read."),
        (NO_ROWS, "The first sheet of the workbook is empty."),
        ("id,title, Title \n1,a,b\n", "Columns 2 and 3 are both named “Title”."),
        ("number;titel\n1;x\n", "No column is named “id”. The first line names: number;titel."),
        ("id,,title\n1,x,y\n", "Line 2 has a value in a column without a name."),
        ("id,title\n" + "1,x\n" * 10_001, "at most 10,000"),
        ("id,title\n" + "1," + "x" * 5 * 1024 * 1024, "over 5 MB"),
    ],
    ids=[
        "empty",
        "no-rows",
        "no-id",
        "ragged",
        "unclosed",
        "windows",
        "xls",
        "workbook",
        "empty-sheet",
        "twice",
        "unknown",
        "nameless",
        "too-many",
        "too-large",
    ],
)
def test_a_file_that_cannot_be_read_is_answered_by_a_sentence(text: Any, sentence: str) -> None:
    answer = upload_import(console(importer()), text)
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert "confirm_form" not in answer.context


SAVED_BY_OFFICES = {
    "comma": lambda rows: _csv(rows, ","),
    "semicolon": lambda rows: _csv(rows, ";"),
    "tab": lambda rows: _csv(rows, "\t"),
    "pipe-quoted": lambda rows: _csv(rows, "|", quoting=csv.QUOTE_ALL),
    "sep": lambda rows: "sep=;\r\n" + _csv(rows, ";"),
    "unicode-text": lambda rows: _csv(rows, "\t").encode("utf-16"),
    "old-mac": lambda rows: _csv(rows, ";").replace("\r\n", "\r"),
    "blank-lines": lambda rows: "\n" + _csv([*rows, ["", "", ""], [" ", "", ""]], ",") + "\n\n",
    "columns-behind": lambda rows: _csv([[*row, "", ""] for row in rows], ";"),
    "workbook": lambda rows: workbook(*rows, [None, ""]),
    "sep-saved-as-a-row": lambda rows: "\r\nsep=;;;;\r\n" + _csv(rows, ";"),
}


def _csv(rows: list[list[Any]], separator: str, **options: Any) -> str:
    csv.writer(file := io.StringIO(), delimiter=separator, **options).writerows(rows)
    return file.getvalue()


def test_a_file_is_read_whichever_way_it_was_saved() -> None:
    event = make_event(people.alice())
    client = console(importer())
    for number, (name, saved) in enumerate(SAVED_BY_OFFICES.items()):
        title = f"Zürich, {name}; “{number}” | 東京"
        begins = datetime(2030, 1, 31, 20, number)  # noqa: DTZ001  # as spreadsheets have it
        moment = begins if name == "workbook" else begins.isoformat()
        ends = f"{(begins + timedelta(hours=1)).isoformat()}Z"
        rows = [[" ID ", "Title", "DATE", "ends_at", "capacity"], [event.pk, title, moment, ends, 7.0 + number]]
        preview = upload_import(client, saved(rows))
        assert "confirm_form" in preview.context, (name, preview.content.decode())
        confirm(client, preview)
        event.refresh_from_db()
        assert (event.title, event.date, event.capacity) == (title, begins.replace(tzinfo=UTC), 7 + number), name


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_an_export_imported_as_it_is_changes_nothing(kind: str) -> None:
    texts = ["=1;=1", "a\r\nb\r\n", "a\rb\n\n- c", " blank ", "Bell \x07", "'a", "_x0041_", "Zürich 東京 😀", '"q"']
    for text in texts:
        make_event(people.make_user(f"host{texts.index(text)}"), text, description=text, location=text, capacity=3)
    client = console(importer())
    before = Event.history.count()
    exported = client.post(f"{EVENTS}export/", {"format": kind}).content
    preview = upload_import(client, exported)
    assert [row.import_type for row in preview.context["result"].rows] == ["skip"] * len(texts)
    assert "Columns that change nothing: status, host," in preview.content.decode()
    assert "0 rows changed." in confirm(client, preview).content.decode()
    assert Event.history.count() == before


def test_a_workbook_may_leave_out_empty_cells_at_the_end_of_a_row() -> None:
    event = make_event(people.alice(), "First", capacity=7)
    client = console(importer())
    preview = upload_import(client, workbook(["id", "title", "capacity"], [event.pk, "Renamed"]))
    confirm(client, preview)
    event.refresh_from_db()
    assert (event.title, event.capacity) == ("Renamed", None)


def test_a_workbook_means_by_its_escapes_what_excel_means() -> None:
    event = make_event(people.alice(), description="one\ntwo")
    client = console(importer())
    written = workbook(["id", "description", "title"], [event.pk, "one_x000D_\ntwo", "_x005F_x0041_ _x0041_ _x0000_"])
    preview = upload_import(client, written)
    confirm(client, preview)
    event.refresh_from_db()
    assert (event.description, event.title) == ("one\ntwo", "_x0041_ _x0041_ _x0000_")


def test_line_ends_and_zones_alone_are_no_change() -> None:
    event = make_event(people.alice(), description="one\ntwo")
    zoned = event.date.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat()
    text = f'id,description,date\r\n{event.pk},"one\r\ntwo",{zoned}\r\n'
    [row] = upload_import(console(importer()), text).context["result"].rows
    assert row.import_type == "skip"


@pytest.mark.parametrize("again", ["{}", " {}", "0{}", "{}.0", "+{}"])
def test_rows_on_two_lines_are_rejected_naming_both(again: str) -> None:
    event = make_event(people.alice(), "First")
    text = f'id,title\n{event.pk},"two\nlines"\n\n{again.format(event.pk)},Last\n'
    preview = upload_import(console(importer()), text)
    assert f"Lines 2 and 4 both change event {event.pk}. Keep one of them." in preview.content.decode()
    assert "confirm_form" not in preview.context


def test_columns_that_are_not_known_are_named_before_anything_is_confirmed() -> None:
    event = make_event(people.alice(), "First")
    client = console(importer())
    preview = upload_import(client, f"id,titel, Title ,<b>\n{event.pk},Other,New,x\n")
    assert "Columns that change nothing: titel, &lt;b&gt;." in preview.content.decode()
    confirm(client, preview)
    event.refresh_from_db()
    assert event.title == "New"


@pytest.mark.parametrize("number", ["1.9", "1e3", "1_0", "٣", "0x1", "1,0", "1.000", "1'000", "1\u00a0000"])
def test_a_number_that_is_not_whole_is_refused_and_not_cut(number: str) -> None:
    event = make_event(people.alice(), capacity=7)
    preview = upload_import(console(importer()), f"id;capacity\n\n{event.pk};{number}\n")
    assert "Write a whole number" in preview.content.decode()
    assert "Line 3, capacity" in preview.content.decode()


def test_a_workbook_that_unfolds_into_a_huge_one_is_not_unfolded() -> None:
    with zipfile.ZipFile(file := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/worksheets/sheet1.xml", b" " * (sheets.MAX_UNFOLDED + 1))
    client = console(importer())
    assert "The workbook is too large." in upload_import(client, file.getvalue()).content.decode()
    wide = workbook(["id", "title"], [1, "x"] + [None] * sheets.MAX_COLUMNS + ["far away"])
    assert "The sheet goes on after" in upload_import(client, wide).content.decode()


@pytest.mark.parametrize("content", ["id,title\n1,x\n", b"\x89PNG\r\n\x1a\n"], ids=["text", "picture"])
def test_a_file_that_is_named_as_a_workbook_and_is_none_is_rejected(content: Any) -> None:
    answer = upload_import(console(importer()), content, "events.XLSX")
    assert "This file is named .xlsx but is not a workbook." in answer.text
    assert "confirm_form" not in answer.context


def test_errors_that_are_the_same_are_listed_once_with_their_lines() -> None:
    host = people.alice()
    ids = [make_event(host).pk for _number in range(6)]
    rows = [f"{ids[0]},,1", f"{ids[1]},,1", f"{ids[2]},,x", f"{ids[3]},Fine,1", f"{ids[4]},,1", f"{ids[5]},Fine,x"]
    answer = upload_import(console(importer()), "\n".join(["id,title,capacity", *rows]))
    shown = " ".join(strip_tags(answer.text).split())
    assert "Lines 2, 3 and 6, title: This field cannot be blank." in shown
    assert "Lines 4 and 7, capacity: Write a whole number" in shown
    assert shown.count("This field cannot be blank.") == 1


def test_previews_mark_whole_values_under_the_names_of_the_table() -> None:
    event = make_event(people.alice(), "Harvest dinner", capacity=None)
    event.date, event.ends_at = datetime(2031, 1, 31, 20, tzinfo=UTC), datetime(2031, 1, 31, 22, 0, 30, tzinfo=UTC)
    event.save()
    staff = importer()
    Preference.objects.create(staff=staff, time_zone="Asia/Kolkata")
    rows = f"{event.pk},Harvest <b>lunch</b>,2031-01-31T12:00:00Z,2031-01-31T22:00:31Z,8"
    shown = upload_import(console(staff), f"id,title,date,ends_at,capacity\n{rows}\n").text
    assert "<del>Harvest dinner</del> <ins>Harvest &lt;b&gt;lunch&lt;/b&gt;</ins>" in shown
    assert "<del>1 Feb 2031, 01:30</del> <ins>31 Jan 2031, 17:30</ins>" in shown
    assert "<del>2031-01-31T22:00:30Z</del> <ins>2031-01-31T22:00:31Z</ins>" in shown
    assert "<td><ins>8</ins></td>" in shown
    assert re.findall(r'<th scope="col">(.*?)</th>', shown)[1:] == [
        "ID", "Title", "Description", "Begins", "Ends", "Place", "Seats",
    ]  # fmt: skip
    assert "style=" not in shown.partition("<main")[2]


def test_a_preview_that_is_gone_or_made_up_is_not_imported() -> None:
    client = console(importer())
    for name in ("", "../../etc/passwd", "0123456789abcdef"):
        posted = {"import_file_name": name, "original_file_name": "x.csv", "format": "0"}
        answer = client.post(f"{EVENTS}process_import/", posted, follow=True)
        assert "Choose the file again" in answer.content.decode()
    assert client.get(f"{EVENTS}process_import/").status_code == 302


def test_the_import_page_asks_for_a_file_and_no_more() -> None:
    page = console(importer()).get(f"{EVENTS}import/")
    assert {"import_file", "format"} <= set(fields(page))
