"""Imports and exports that the worker carries out: progress, cancel, preview, confirm, result, and who may."""

from __future__ import annotations

import csv
import io
import os
import re
import zipfile
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import openpyxl
import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from guardian.shortcuts import assign_perm, remove_perm
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from admin_dashboards.tables import background, import_export
from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.events import services as event_services
from apps.events.models import Event, Participation
from apps.review.decisions.models import HOLD, Decision
from apps.tables import services
from apps.tables.models import Transfer
from apps.users.models import User
from demo.bulk import copy_rows, reserve_ids
from ops.jobs import retry_stalled
from tests import people
from tests.console import EVENTS, console, links, upload_import
from tests.factories import make_event, make_message, make_story
from tests.jobs import abandon_jobs, forget, run_worker, waiting
from tests.races import at_once

pytestmark = pytest.mark.django_db
CSV, XLSX = "0", "1"
POLL = {"X-Poll": "1"}
Status = Transfer.Status


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows are many here, so that tests are quick; what depends on real amounts says so itself."""
    monkeypatch.setattr(import_export, "IMPORTED_AT_ONCE", 3)
    monkeypatch.setattr(import_export, "EXPORTED_AT_ONCE", 3)
    monkeypatch.setattr(background, "CHUNK", 2)


def manager(name: str = "importer") -> User:
    staff = people.make_staff(name, "Community Manager")
    for perm in ("events.export_event", "events.import_event"):
        assign_perm(perm, staff)
    return staff


def make_events(count: int, host: User | None = None) -> list[Event]:
    host = host or people.alice()
    return [make_event(host, f"Event {number}") for number in range(count)]


def file_of(events: list[Event], title: str = "Renamed {}") -> str:
    return "id,title\n" + "".join(f"{event.pk},{title.format(event.pk)}\n" for event in events)


def page_of(answer: Any) -> str:
    """The address of the transfer's page that a form led to."""
    assert answer.status_code == 302, answer.content.decode()
    address = urlsplit(answer["Location"]).path
    assert re.fullmatch(rf"{EVENTS}(import|export)/[0-9a-f-]{{36}}/", address), address
    return address


def run_jobs() -> int:
    """The jobs of imports and exports that wait now, as the worker runs them."""
    jobs = waiting("tables.run")
    forget("tables.run")
    for job in jobs:
        app.tasks[job.task_name](**job.args)
    return len(jobs)


def status_of(client: Client, page: str) -> str:
    state = client.get(page, headers=POLL).json()
    return str(state["status"])


def previewed(client: Client, text: str | bytes) -> str:
    page = page_of(upload_import(client, text))
    run_jobs()
    return page


def press(client: Client, page: str, action: str) -> Any:
    return client.post(page, {"action": action}, follow=True)


def kept_files() -> set[str]:
    try:
        return set(default_storage.listdir("tables")[1])
    except FileNotFoundError:
        return set()


# --- Import: preview, confirm, result -------------------------------------------------------------------------------


def test_a_long_file_is_previewed_confirmed_and_applied_in_the_background() -> None:
    events, staff = make_events(5), manager()
    client = console(staff)
    text = file_of(events[:4]) + f"{events[4].pk},Event 4\n"
    page = page_of(upload_import(client, text))
    assert "Waiting for the worker" in client.get(page).content.decode()
    assert run_jobs() == 1
    shown = client.get(page).content.decode()
    assert "Nothing has been changed yet" in shown
    assert re.search(r"<dt>Changed</dt><dd>4</dd>", shown)
    assert re.search(r"<dt>Unchanged</dt><dd>1</dd>", shown)
    assert not Event.objects.filter(title__startswith="Renamed").exists()
    press(client, page, "confirm")
    assert status_of(client, page) == Status.APPLYING
    assert run_jobs() == 1
    done = client.get(page).content.decode()
    assert "4 rows changed." in done
    assert Event.objects.filter(title__startswith="Renamed").count() == 4
    version = Event.objects.get(pk=events[0].pk).history.latest()
    assert version.history_user == staff
    entry = Entry.objects.get(verb=Action.IMPORTED)
    assert entry.detail == {"table": "events.event", "rows": 4, "filters": ""}
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


def test_errors_are_shown_by_line_and_column_and_fetched_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "SHOWN", 2)
    events = make_events(5)
    client = console(manager())
    lines = ["id,title,capacity", *(f"{event.pk},,{number}" for number, event in enumerate(events))]
    page = previewed(client, "\n".join(lines))
    shown = client.get(page).content.decode()
    assert "nothing was changed: 5 lines have errors" in shown
    assert re.search(r"<strong>Line 2, title:</strong>\s*This field cannot be blank", shown)
    assert "Line 4" not in shown
    assert "These are the first" in shown
    assert "Confirm import" not in shown
    rows = b"".join(client.get(f"{page}file/").streaming_content).decode("utf-8-sig")
    assert [row[0] for row in csv.reader(io.StringIO(rows))][1:] == ["2", "3", "4", "5", "6"]
    assert press(client, page, "confirm").status_code == 200
    assert status_of(client, page) == Status.FAILED
    assert run_jobs() == 0


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
        ("id,title\n" + "1,x\n" * 5, "Lines 2 and 3 are both for number 1"),
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
    monkeypatch.setattr(import_export, "MAX_IMPORTED_ROWS", 6)
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
    run_jobs()
    assert status_of(client, page) == Status.DONE
    assert Event.objects.filter(title__startswith="Renamed").count() == 5


def test_imports_read_the_first_sheet_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_export, "MAX_IMPORTED_ROWS", 6)
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
    run_jobs()
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

    store = services.store
    monkeypatch.setattr(services, "store", stored)
    page_of(upload_import(client, file_of(make_events(4))))
    assert depths[0] == depths[1]


# --- Progress, cancel, confirm --------------------------------------------------------------------------------------


def test_progress_is_reported_chunk_by_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    client = console(manager())
    page = page_of(upload_import(client, file_of(make_events(5))))
    seen = []

    def looked(transfer: Transfer, rows_done: int, **options: Any) -> None:
        services.note_progress(transfer, rows_done, **options)
        state = client.get(page, headers=POLL).json()
        seen.append((state["status"], state["done"], state["total"], state["sentence"]))

    monkeypatch.setattr(background.services, "note_progress", _once(looked))
    run_jobs()
    assert seen == [
        ("running", 0, 5, "0 of 5 rows"),
        ("running", 2, 5, "2 of 5 rows"),
        ("running", 4, 5, "4 of 5 rows"),
        ("running", 5, 5, "5 of 5 rows"),
    ]


def _once(look: Any) -> Any:
    """`look` in place of what it calls itself."""
    real, names = services.note_progress, {"busy": False}

    def called(*args: Any, **options: Any) -> None:
        if names["busy"]:
            real(*args, **options)
            return
        names["busy"] = True
        try:
            look(*args, **options)
        finally:
            names["busy"] = False

    return called


@pytest.mark.parametrize("at", ["queued", "running", "ready"])
def test_cancelling_stops_it_at_any_time(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = console(manager())
    page = page_of(upload_import(client, file_of(make_events(6))))
    if at == "running":
        monkeypatch.setattr(background.services, "note_progress", _once(_pressing(client, page)))
        run_jobs()
    elif at == "ready":
        run_jobs()
        press(client, page, "cancel")
    else:
        press(client, page, "cancel")
        run_jobs()
    assert status_of(client, page) == Status.CANCELLED
    assert "Cancelled. Nothing was changed." in client.get(page).content.decode()
    assert Transfer.objects.get().rows_done < 6 or at == "ready"
    press(client, page, "confirm")
    assert status_of(client, page) == Status.CANCELLED
    assert run_jobs() == 0
    assert not Event.objects.filter(title__startswith="Renamed").exists()


def _pressing(client: Client, page: str) -> Any:
    def noted(transfer: Transfer, rows_done: int, **options: Any) -> None:
        if rows_done == 2:
            press(client, page, "cancel")
        services.note_progress(transfer, rows_done, **options)

    return noted


def test_cancelling_while_rows_are_changed_changes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    client = console(manager())
    page = previewed(client, file_of(make_events(6)))
    press(client, page, "confirm")
    real, reached = services.note_applied, []

    def noted(transfer: Transfer, rows_done: int) -> None:
        reached.append(rows_done)
        if rows_done == 4:
            assert Event.objects.filter(title__startswith="Renamed").exists()
            assert "4 of 6" not in client.get(page, headers=POLL).json()["sentence"]
            Transfer.objects.filter(pk=transfer.pk).update(status=Status.CANCELLED)
        real(transfer, rows_done)

    monkeypatch.setattr(background.services, "note_applied", noted)
    run_jobs()
    assert reached == [2, 4]
    assert not Event.objects.filter(title__startswith="Renamed").exists()
    assert not Entry.objects.filter(verb=Action.IMPORTED).exists()


def test_decisions_are_made_after_the_last_chunk_so_that_messages_wait_from_then_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events, client = make_events(5), console(manager())
    page = previewed(client, file_of(events))
    press(client, page, "confirm")
    applied = []
    monkeypatch.setattr(services, "note_applied", lambda _transfer, rows: applied.append(timezone.now()))
    run_jobs()
    decisions = Decision.objects.filter(verb="event.edited")
    assert {decision.made_at > applied[-1] for decision in decisions} == {True}
    jobs = ProcrastinateJob.objects.filter(task_name="decisions.tell_people")
    assert len(decisions) == len(jobs) == len(events)
    assert all(job.scheduled_at >= applied[-1] + HOLD for job in jobs)


@pytest.mark.django_db(transaction=True)
def test_an_import_does_not_wait_without_end_for_a_row_that_is_being_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_services, "LOCKED_WITHIN", timedelta(milliseconds=50))
    events, client = make_events(4), console(manager())
    page = previewed(client, file_of(events))
    press(client, page, "confirm")
    with connection.copy().cursor() as other:
        other.execute(
            "SET statement_timeout = 0; BEGIN; SELECT FROM events_event WHERE id = %s FOR UPDATE", [events[2].pk]
        )
        run_jobs()
        other.connection.close()
    assert "Another change to one of these rows is still running." in client.get(page).text
    assert not Event.objects.filter(title__startswith="Renamed").exists()


def test_confirming_twice_applies_once() -> None:
    client = console(manager())
    page = previewed(client, file_of(make_events(4)))
    press(client, page, "confirm")
    again = press(client, page, "confirm")
    assert again.status_code == 200
    assert len(waiting("tables.run")) == 1
    run_jobs()
    press(client, page, "confirm")
    assert run_jobs() == 0
    assert Entry.objects.filter(verb=Action.IMPORTED).count() == 1


@pytest.mark.django_db(transaction=True)
def test_confirming_from_many_windows_at_once_applies_once() -> None:
    client = console(manager())
    page = previewed(client, file_of(make_events(4)))
    client.get(page)

    def confirm() -> int:
        window = Client()
        window.cookies = client.cookies
        return int(window.post(page, {"action": "confirm"}).status_code)

    assert at_once([confirm] * 4) == [302] * 4
    assert len(waiting("tables.run")) == 1
    key = str(Transfer.objects.get().pk)
    # The job of a worker that was taken for dead may run beside another.
    at_once([lambda: background.carry_out(key)] * 2)
    assert status_of(client, page) == Status.DONE
    assert Entry.objects.filter(verb=Action.IMPORTED).count() == 1
    assert {event.history.count() for event in Event.objects.all()} == {2}


# --- What has changed meanwhile -------------------------------------------------------------------------------------


def test_a_row_that_was_changed_since_the_preview_refuses_the_whole_file() -> None:
    events = make_events(5)
    client = console(manager())
    page = previewed(client, file_of(events))
    Event.objects.filter(pk=events[3].pk).update(title="Put right meanwhile")
    press(client, page, "confirm")
    run_jobs()
    assert "the row on line 5 has changed since the preview" in client.get(page).content.decode()
    assert not Event.objects.filter(title__startswith="Renamed").exists()
    assert not Entry.objects.filter(verb=Action.IMPORTED).exists()


def test_a_row_that_is_gone_since_the_preview_refuses_the_whole_file() -> None:
    events = make_events(5)
    client = console(manager())
    page = previewed(client, file_of(events))
    Event.objects.filter(pk=events[4].pk).delete()
    press(client, page, "confirm")
    run_jobs()
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
    run_jobs()
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


# --- Workers that die -----------------------------------------------------------------------------------------------


def test_a_step_whose_worker_died_is_begun_again_and_fails_at_last() -> None:
    client = console(manager())
    page = page_of(upload_import(client, file_of(make_events(4))))
    transfer = Transfer.objects.get()
    for _number in range(services.MAX_ATTEMPTS):
        services.begin(str(transfer.pk))  # and no word of it any more
    assert status_of(client, page) == Status.RUNNING
    run_jobs()
    assert "The worker stopped in the middle of it several times." in client.get(page).content.decode()


def test_a_step_that_was_begun_by_a_dead_worker_is_done_by_the_next() -> None:
    client = console(manager())
    page = page_of(upload_import(client, file_of(make_events(4))))
    transfer = services.begin(str(Transfer.objects.get().pk))
    services.note_progress(transfer, 2, rows_total=4)
    run_jobs()
    assert status_of(client, page) == Status.READY
    assert Transfer.objects.get().rows_changed == 4


@pytest.mark.django_db(transaction=True)
def test_transfers_of_a_killed_worker_are_finished_by_another() -> None:
    client = console(manager())
    page = page_of(upload_import(client, file_of(make_events(4))))
    services.begin(str(Transfer.objects.get().pk))
    abandon_jobs()
    retry_stalled.defer(timestamp=0)  # type: ignore[call-arg]  # by its parameters
    run_worker()
    assert status_of(client, page) == Status.READY
    press(client, page, "confirm")
    run_worker()
    assert status_of(client, page) == Status.DONE
    assert Event.objects.filter(title__startswith="Renamed").count() == 4
    assert waiting("tables.run") == []


def test_stalled_transfers_are_marked_failed() -> None:
    client = console(manager())
    page = page_of(upload_import(client, file_of(make_events(4))))
    long_ago = timezone.now() - services.SILENT - timedelta(seconds=1)
    services.begin(str(Transfer.objects.get().pk))
    Transfer.objects.update(progress_at=long_ago)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s", cursor.fetchone())
        app.tasks["tables.purge"](timestamp=0)
        assert status_of(client, page) == Status.RUNNING, "its worker lives"
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '5 minutes'")
    app.tasks["tables.purge"](timestamp=0)
    assert "The worker stopped in the middle of it. Nothing was changed." in client.get(page).content.decode()


def test_queued_transfers_without_a_job_are_marked_failed() -> None:
    client = console(manager())
    page = page_of(upload_import(client, file_of(make_events(4))))
    Transfer.objects.update(expires_at=timezone.now() + timedelta(hours=23))
    app.tasks["tables.purge"](timestamp=0)
    assert status_of(client, page) == Status.QUEUED, "its job waits"
    forget("tables.run")
    app.tasks["tables.purge"](timestamp=0)
    assert status_of(client, page) == Status.FAILED


@pytest.mark.parametrize("over", ["cancelled", "done"])
def test_files_that_storage_could_not_delete_are_deleted_by_the_next_purge(
    over: str, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    before = kept_files()
    client = console(manager())
    page = previewed(client, file_of(make_events(4)))
    with monkeypatch.context() as away, django_capture_on_commit_callbacks(execute=True):
        away.setattr(os, "remove", _no_storage)
        press(client, page, "cancel" if over == "cancelled" else "confirm")
        run_jobs()
    assert len(kept_files() - before) == 3
    app.tasks["tables.purge"](timestamp=0)
    assert len(kept_files() - before) == (0 if over == "cancelled" else 2)
    assert status_of(client, page) == over
    assert Transfer.objects.get().leftovers == []


def _no_storage(*_args: Any) -> None:
    raise PermissionError


def test_an_error_of_ours_is_a_failure_with_a_sentence_and_no_content_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    content = "Renamed"

    def broken(*_args: Any) -> None:
        raise RuntimeError(content)

    client = console(manager())
    page = page_of(upload_import(client, file_of(make_events(4))))
    monkeypatch.setattr(background, "_previewed", broken)
    run_jobs()
    assert "Something went wrong. Nothing was changed." in client.get(page).content.decode()
    assert "RuntimeError" in caplog.text
    assert content not in caplog.text


# --- Later ----------------------------------------------------------------------------------------------------------


def test_expired_transfers_are_purged_with_their_files() -> None:
    before = kept_files()
    client = console(manager())
    page = previewed(client, file_of(make_events(4)))
    assert len(kept_files() - before) == 3
    Transfer.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
    app.tasks["tables.purge"](timestamp=0)
    assert client.get(page).status_code == 200
    Transfer.objects.update(expires_at=timezone.now())
    app.tasks["tables.purge"](timestamp=0)
    assert client.get(page).status_code == 404
    assert kept_files() == before
    assert not Transfer.objects.exists()


# --- Export ---------------------------------------------------------------------------------------------------------


def exported(client: Client, kind: str = CSV, query: str = "") -> str:
    return page_of(client.post(f"{EVENTS}export/{query}", {"format": kind}))


def content_of(client: Client, page: str) -> bytes:
    answer = client.get(f"{page}file/")
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_a_long_export_is_made_in_the_background_and_fetched(kind: str) -> None:
    make_events(5)
    make_event(people.bob(), "=Formula", in_hours=99)
    staff = manager()
    client = console(staff)
    page = exported(client, kind)
    assert client.get(f"{page}file/").status_code == 404
    run_jobs()
    assert "The file is there: 6 rows." in client.get(page).content.decode()
    content = content_of(client, page)
    if kind == CSV:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    else:
        rows = [list(row) for row in openpyxl.load_workbook(io.BytesIO(content)).active.values]
    assert [row[1] for row in rows] == ["title", "'=Formula", *(f"Event {number}" for number in (4, 3, 2, 1, 0))]
    entry = Entry.objects.get(verb=Action.EXPORTED)
    assert (entry.actor, entry.detail) == (staff, {"table": "events.event", "rows": 6, "filters": ""})
    assert Entry.objects.filter(verb=Action.VIEWED, target_type="tables.transfer").count() == 1


@pytest.mark.parametrize("table", ["stories/story", "chat/message"])
def test_each_table_that_is_exported_hands_out_its_file(table: str) -> None:
    alice, bob = people.alice(), people.bob()
    for number in range(4):
        make_story(alice, f"Sunset {number}")
        make_message(alice, bob, f"Hello {number}")
    client = console(people.admin())
    page = urlsplit(client.post(f"/admin/{table}/export/", {"format": CSV})["Location"]).path
    run_jobs()
    assert content_of(client, page).decode().count("alice") == 4


def test_an_export_in_the_background_is_the_one_of_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    make_events(4)
    client = console(manager())
    page = exported(client)
    run_jobs()
    long = content_of(client, page)
    monkeypatch.setattr(import_export, "EXPORTED_AT_ONCE", 10)
    assert client.post(f"{EVENTS}export/", {"format": CSV}).content == long


def test_an_export_keeps_filters_and_scope_as_they_are_when_it_runs() -> None:
    make_events(4)
    make_event(people.bob(), "Bygone", in_hours=-99)
    staff = people.make_staff("helper")
    granted = [*Event.objects.all()]
    for event in granted:
        assign_perm("view_event", staff, event)
    assign_perm("events.export_event", staff)
    client = console(staff)
    page = exported(client, query="?when=upcoming")
    remove_perm("view_event", staff, granted[0])
    run_jobs()
    rows = list(csv.DictReader(io.StringIO(content_of(client, page).decode("utf-8-sig"))))
    assert len(rows) == 3
    assert "Bygone" not in {row["title"] for row in rows}


def test_an_export_is_fetched_by_its_owner_alone_and_only_while_they_may() -> None:
    make_events(4)
    staff = manager()
    client = console(staff)
    page = exported(client)
    run_jobs()
    assert console(people.admin()).get(f"{page}file/").status_code == 404
    assert console(people.support()).get(f"{page}file/").status_code == 403
    assert client.get(f"{page}file/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    remove_perm("events.export_event", staff)
    assert client.get(f"{page}file/").status_code == 403


def test_an_export_is_cancelled() -> None:
    make_events(5)
    client = console(manager())
    page = exported(client)
    before = kept_files()
    press(client, page, "cancel")
    run_jobs()
    assert "Cancelled. No file was made." in client.get(page).content.decode()
    assert kept_files() == before
    assert not Entry.objects.filter(verb=Action.EXPORTED).exists()


# --- Amounts --------------------------------------------------------------------------------------------------------


def fill(count: int) -> range:
    ids, host, date = reserve_ids(Event, count), people.alice(), timezone.now() + timedelta(days=9)
    columns = ("id", "host_id", "title", "date", "ends_at", "location")
    rows = ((pk, host.pk, f"Event {pk}", date, date + timedelta(hours=1), "Zoom") for pk in ids)
    copy_rows(Event, columns, rows)
    return ids


def test_ten_thousand_rows_are_imported_and_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "CHUNK", 200)
    ids = fill(10_000)
    client = console(manager())
    text = "id,title\n" + "".join(f"{pk},Renamed {pk}\n" for pk in ids)
    page = page_of(upload_import(client, text))
    run_jobs()
    press(client, page, "confirm")
    run_jobs()
    out = exported(client)
    run_jobs()
    assert status_of(client, page) == Status.DONE
    assert Event.objects.filter(title__startswith="Renamed").count() == 10_000
    assert content_of(client, out).count(b"\n") == 10_001


def test_queries_grow_with_chunks_and_not_with_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    def queries(rows: int, chunk: int) -> list[int]:
        monkeypatch.setattr(background, "CHUNK", chunk)
        ids = [event.pk for event in Event.objects.order_by("pk")[:rows]]
        text = "id,title,capacity\n" + "".join(f"{pk},{chunk} {rows},9\n" for pk in ids)
        page, counts = page_of(upload_import(client, text)), []
        for step in ("preview", "apply"):
            if step == "apply":
                press(client, page, "confirm")
            with CaptureQueriesContext(
                connection,
            ) as caught:
                run_jobs()
            counts.append(len(caught))
        assert status_of(client, page) == Status.DONE
        return counts

    staff = people.make_staff("helper")
    assign_perm("events.import_event", staff)
    for event in make_events(40):
        assign_perm("change_event", staff, event)
    client = console(staff)
    short, long = queries(10, 10), queries(40, 40)
    assert long == short
    assert max(short) < 60


def test_guests_hear_of_each_event_that_is_moved() -> None:
    events = make_events(4)
    bob = people.bob()
    for event in events[:2]:
        Participation.objects.create(event=event, user=bob, status="going")
    client = console(manager())
    page = previewed(client, "id,location\n" + "".join(f"{event.pk},Town hall\n" for event in events))
    press(client, page, "confirm")
    run_jobs()
    assert bob.notifications.filter(kind="event_changed").count() == 2


def test_seats_are_not_fewer_than_those_who_are_going() -> None:
    events = make_events(4)
    for guest in (people.bob(), people.carol()):
        Participation.objects.create(event=events[2], user=guest, status="going")
    client = console(manager())
    page = previewed(client, "id,capacity\n" + "".join(f"{event.pk},1\n" for event in events))
    shown = client.get(page).content.decode()
    assert re.search(r"<strong>Line 4, capacity:</strong>\s*More people are going already.", shown)
    assert "1 line has an error" in shown
