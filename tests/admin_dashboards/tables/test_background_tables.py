"""Imports and exports that the worker carries out: progress, cancel, preview, confirm, result, and who may."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from typing import Any
from urllib.parse import urlsplit

import openpyxl
import pytest
from django.db import connection
from guardian.shortcuts import assign_perm, remove_perm

from admin_dashboards.tables import background, limits
from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.events.models import Event
from apps.review.decisions.models import Decision
from apps.tables import files, services
from apps.tables.models import Transfer
from apps.users.models import User
from tests import people
from tests.admin_dashboards.tables.transfers import (
    Status,
    file_of,
    make_events,
    manager,
    page_of,
    press,
    previewed,
    run_transfers,
    status_of,
)
from tests.console import EVENTS, console, links, upload_import
from tests.jobs import waiting

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("small_chunks")]


# --- Import: preview, confirm, result -------------------------------------------------------------------------------


def test_a_long_file_is_previewed_confirmed_and_applied_in_the_background() -> None:
    events, staff = make_events(5), manager()
    client = console(staff)
    text = file_of(events[:4]) + f"{events[4].pk},Event 4\n"
    page = page_of(upload_import(client, text))
    assert "Waiting for the worker" in client.get(page).content.decode()
    assert run_transfers() == 1
    shown = client.get(page).content.decode()
    assert "Nothing has been changed yet" in shown
    assert re.search(r"<dt>Changed</dt><dd>4</dd>", shown)
    assert re.search(r"<dt>Unchanged</dt><dd>1</dd>", shown)
    assert not Event.objects.filter(title__startswith="Renamed").exists()
    press(client, page, "confirm")
    assert status_of(client, page) == Status.APPLYING
    assert run_transfers() == 1
    done = client.get(page).content.decode()
    assert "4 rows changed." in done
    assert Event.objects.filter(title__startswith="Renamed").count() == 4
    version = Event.objects.get(pk=events[0].pk).history.latest()
    assert version.history_user == staff
    entry = Entry.objects.get(verb=Action.IMPORTED)
    assert entry.details == {"table": "events.event", "rows": 4, "filters": ""}
    assert (entry.actor, entry.address) == (staff, "127.0.0.1")
    assert f"Entry {entry.pk} of the audit log" in done
    assert Decision.objects.filter(verb="event.edited", actor=staff).count() == 4
    assert len(waiting("decisions.tell_people")) == 4


def test_a_short_file_stays_in_the_request() -> None:
    events = make_events(3)
    answer = upload_import(console(manager()), file_of(events))
    assert "confirm_form" in answer.context
    assert not Transfer.objects.exists()


def test_owners_fetch_all_result_lines_as_csv() -> None:
    events = make_events(4)
    client = console(manager())
    page = previewed(client, file_of(events[:3]) + f"{events[3].pk},Event 3\n")
    answer = client.get(f"{page}file/")
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert rows[0] == ["Line", "id", "Result", "Column", "Error"]
    assert [row[2] for row in rows[1:]] == ["Changed", "Changed", "Changed", "Unchanged"]
    assert [row[0] for row in rows[1:]] == ["2", "3", "4", "5"]
    assert "attachment" in answer["Content-Disposition"]
    assert answer["Content-Type"] == "text/csv; charset=utf-8"


def test_errors_are_shown_by_line_and_column_and_fetched_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "SHOWN", 2)
    events = make_events(5)
    client = console(manager())
    lines = ["id,title,capacity", *(f"{event.pk},,{number}" for number, event in enumerate(events))]
    page = previewed(client, "\n".join(lines))
    shown = client.get(page).content.decode()
    assert "nothing was changed: 5 lines have errors" in shown
    assert re.search(r"<strong>Lines 2 and 3, title:</strong>\s*This field cannot be blank", shown)
    assert "Line 4" not in shown
    assert "These are the first" in shown
    assert "Confirm import" not in shown
    rows = b"".join(client.get(f"{page}file/").streaming_content).decode("utf-8-sig")
    assert [row[0] for row in csv.reader(io.StringIO(rows))][1:] == ["2", "3", "4", "5", "6"]
    assert press(client, page, "confirm").status_code == 200
    assert status_of(client, page) == Status.FAILED
    assert run_transfers() == 0


def test_previews_show_the_first_differences_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "SHOWN", 3)
    client = console(manager())
    shown = client.get(previewed(client, file_of(make_events(7)))).content.decode()
    assert shown.count('<th scope="row">') == 3
    assert "And 4 more rows" in shown


def test_a_file_that_changes_nothing_is_not_confirmed() -> None:
    events = make_events(4)
    client = console(manager())
    page = previewed(client, "id,title\n" + "".join(f"{event.pk},{event.title}\n" for event in events))
    shown = client.get(page).content.decode()
    assert "The file changes nothing" in shown
    assert "Confirm import" not in shown


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("title\n" + "x\n" * 5, "No column is named “id”"),
        ("id,title\n" + "1,2,3\n" * 5, "Line 2 has 3 values"),
        ("id,title\n" + "1,x\n" * 5, "Lines 2 and 3 both change event 1."),
        ("id,title\n" + "987654321,x\nx,y\n,z\n1.5,z\n99999999999999999999,z\n", "5 lines have errors"),
    ],
    ids=["no-id", "ragged", "twice", "no-such-rows"],
)
def test_a_long_file_that_cannot_be_read_is_answered_by_a_sentence(text: str, sentence: str) -> None:
    client = console(manager())
    page = previewed(client, text)
    assert status_of(client, page) == Status.FAILED
    assert sentence in client.get(page).content.decode()


# --- Bounds ---------------------------------------------------------------------------------------------------------


def test_the_bounds_are_on_the_page_before_anything_is_sent() -> None:
    client = console(manager())
    page = client.get(f"{EVENTS}import/").content.decode()
    assert "Up to 10,000 rows and 5 MB, as CSV or XLSX." in page
    assert 'data-max-bytes="5242880"' in page
    assert "Up to 50,000 rows, as CSV or XLSX." in client.get(f"{EVENTS}export/").content.decode()


def workbook(rows: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows:
        sheet.append(row)
    book.save(file := io.BytesIO())
    return file.getvalue()


def test_too_many_rows_are_refused_before_anything_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_IMPORTED_ROWS", 6)
    client = console(manager())
    for content in (file_of([]) + "1,x\n" * 7, workbook([["id", "title"], *([number, "x"] for number in range(7))])):
        answer = upload_import(client, content)
        assert answer.status_code == 200
        assert "The file has 7 rows; at most 6 are taken at once." in answer.content.decode()
    assert not Transfer.objects.exists()
    fits = workbook([["id", "title"], *([number, "x"] for number in range(1, 7)), [None, None]])
    page_of(upload_import(client, fits, "events.xlsx"))


def test_a_workbook_is_read_in_the_background_too() -> None:
    events = make_events(5)
    client = console(manager())
    page = previewed(client, workbook([["id", "title"], *([event.pk, f"Renamed {event.pk}"] for event in events)]))
    press(client, page, "confirm")
    run_transfers()
    assert status_of(client, page) == Status.DONE
    assert Event.objects.filter(title__startswith="Renamed").count() == 5


def test_imports_read_the_first_sheet_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_IMPORTED_ROWS", 6)
    [event] = make_events(1)
    book = openpyxl.Workbook()
    for row in (["id", "title"], [event.pk, "Renamed"]):
        book.active.append(row)
    other = book.create_sheet()
    for number in range(20):
        other.append([number, "x"])
    book.save(file := io.BytesIO())
    client = console(manager())
    page = page_of(upload_import(client, file.getvalue()))
    run_transfers()
    assert status_of(client, page) == Status.READY
    assert Transfer.objects.get().rows_total == 1


def hostile(sheet: bytes) -> bytes:
    """A workbook whose first sheet is `sheet`."""
    source = zipfile.ZipFile(io.BytesIO(workbook([["id", "title"], *([number, "x"] for number in range(9))])))
    with zipfile.ZipFile(file := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as parts:
        for info in source.infolist():
            parts.writestr(info.filename, sheet if "sheet1" in info.filename else source.read(info))
    return file.getvalue()


SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{}</worksheet>'
CELLS = "".join(f'<row r="{row}"><c r="A{row}"><v>{row}</v></c></row>' for row in range(2, 9))


@pytest.mark.parametrize(
    ("sheet", "sentence"),
    [
        (
            f'<dimension ref="A1:XFD1048576"/><sheetData>{CELLS}<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
            "</sheetData>",
            "goes on after",
        ),
        (f"<sheetData>{CELLS}</sheetData>", "No column is named"),
        (f"<sheetData>{CELLS}", "cannot be read"),
    ],
    ids=["huge-dimensions", "no-headings", "broken"],
)
def test_hostile_workbooks_are_answered_by_a_sentence(sheet: str, sentence: str) -> None:
    client = console(manager())
    page = previewed(client, hostile(SHEET.format(sheet).encode()))
    assert sentence in client.get(page).content.decode()
    assert status_of(client, page) == Status.FAILED


def test_a_workbook_with_a_document_type_is_refused() -> None:
    whole = workbook([["id", "title"], *([number, "x"] for number in range(9))])
    sheet = zipfile.ZipFile(io.BytesIO(whole)).read("xl/worksheets/sheet1.xml")
    client = console(manager())
    for before, is_refused in ((b"", False), (b"<!DOCTYPE worksheet>", True)):
        page = client.get(previewed(client, hostile(before + sheet))).content.decode()
        assert ("cannot be read" in page) is is_refused


def test_a_workbook_that_unfolds_into_a_huge_one_is_refused_at_once() -> None:
    bomb = hostile(b"<row><v>1" * (4 * 1024 * 1024))
    assert len(bomb) < 1024 * 1024
    answer = upload_import(console(manager()), bomb)
    assert "The workbook is too large." in answer.content.decode()


def test_users_have_at_most_three_transfers_at_a_time() -> None:
    client, text = console(manager()), file_of(make_events(4))
    pages = [page_of(upload_import(client, text)) for _number in range(3)]
    answer = upload_import(client, text)
    assert urlsplit(answer["Location"]).path == f"{EVENTS}import/"
    assert "You have 3 imports or exports under way." in client.get(answer["Location"]).content.decode()
    for address in ("import/", "export/"):
        listed = client.get(f"{EVENTS}{address}")
        assert set(pages) <= set(links(listed))
        assert all(f'action="{page}"' in listed.text for page in pages)
    press(client, pages[0], "cancel")
    assert pages[0] not in client.get(f"{EVENTS}import/").text
    page_of(upload_import(client, text))


def test_a_file_is_stored_before_the_owner_is_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    client, depths = console(manager()), [len(connection.savepoint_ids)]

    def stored(content: Any) -> str:
        depths.append(len(connection.savepoint_ids))
        return store(content)

    store = files.store
    monkeypatch.setattr(services, "store", stored)
    page_of(upload_import(client, file_of(make_events(4))))
    assert depths[0] == depths[1]


# --- What has changed meanwhile -------------------------------------------------------------------------------------


def test_a_row_that_was_changed_since_the_preview_refuses_the_whole_file() -> None:
    events = make_events(5)
    client = console(manager())
    page = previewed(client, file_of(events))
    Event.objects.filter(pk=events[3].pk).update(title="Put right meanwhile")
    press(client, page, "confirm")
    run_transfers()
    assert "the row on line 5 has changed since the preview" in client.get(page).content.decode()
    assert not Event.objects.filter(title__startswith="Renamed").exists()
    assert not Entry.objects.filter(verb=Action.IMPORTED).exists()


def test_a_row_that_is_gone_since_the_preview_refuses_the_whole_file() -> None:
    events = make_events(5)
    client = console(manager())
    page = previewed(client, file_of(events))
    Event.objects.filter(pk=events[4].pk).delete()
    press(client, page, "confirm")
    run_transfers()
    assert "There is no event with this ID." in client.get(page).content.decode()
    assert not Event.objects.filter(title__startswith="Renamed").exists()


def test_a_short_file_is_refused_too_where_a_row_was_changed_since_the_preview() -> None:
    events = make_events(2)
    client = console(manager())
    preview = upload_import(client, file_of(events))
    Event.objects.filter(pk=events[1].pk).update(title="Put right meanwhile")
    answer = client.post(f"{EVENTS}process_import/", preview.context["confirm_form"].initial, follow=True)
    assert "Nothing was imported" in answer.content.decode()
    assert not Event.objects.filter(title__startswith="Renamed").exists()


@pytest.mark.parametrize("lost", ["import", "change", "active"])
def test_imports_change_nothing_once_the_permission_is_lost(lost: str) -> None:
    staff = manager()
    client = console(staff)
    page = previewed(client, file_of(make_events(4)))
    press(client, page, "confirm")
    if lost == "import":
        remove_perm("events.import_event", staff)
    elif lost == "change":
        staff.groups.clear()
        assign_perm("events.view_event", staff)
    else:
        User.objects.filter(pk=staff.pk).update(is_active=False)
    run_transfers()
    transfer = Transfer.objects.get()
    assert transfer.status == Status.FAILED
    assert transfer.failure
    assert not Event.objects.filter(title__startswith="Renamed").exists()
    assert client.get(page).status_code == {"import": 403, "change": 200, "active": 302}[lost]


# --- Who may --------------------------------------------------------------------------------------------------------


def test_transfers_are_visible_to_their_owner_alone() -> None:
    client = console(manager())
    page = previewed(client, file_of(make_events(4)))
    for other, status in ((people.admin(), 404), (manager("second"), 404), (people.support(), 403)):
        theirs = console(other)
        assert theirs.get(page).status_code == status
        assert theirs.get(f"{page}file/").status_code == status
        assert theirs.post(page, {"action": "confirm"}).status_code == status
        assert theirs.post(page, {"action": "cancel"}).status_code == status
    assert client.get(page.replace("events/event/import", "events/event/export")).status_code == 404
    assert status_of(client, page) == Status.READY
    assert client.post(page, {"action": "boil"}).status_code == 422
