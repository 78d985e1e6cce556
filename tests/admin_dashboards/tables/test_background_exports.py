"""Exports in the background, and imports and exports of real amounts."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from urllib.parse import urlsplit

import openpyxl
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from guardian.shortcuts import assign_perm, remove_perm

from admin_dashboards.tables import background, limits
from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.events.models import Event, Participation
from demo.bulk import copy_rows, reserve_ids
from tests import people
from tests.admin_dashboards.tables.transfers import (
    CSV,
    XLSX,
    Status,
    kept_files,
    make_events,
    manager,
    page_of,
    press,
    previewed,
    run_transfers,
    status_of,
)
from tests.console import EVENTS, console, upload_import
from tests.factories import make_event, make_message, make_story

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("small_chunks")]


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
    run_transfers()
    assert "The file is there: 6 rows." in client.get(page).content.decode()
    content = content_of(client, page)
    if kind == CSV:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    else:
        rows = [list(row) for row in openpyxl.load_workbook(io.BytesIO(content)).active.values]
    assert [row[1] for row in rows] == ["title", "'=Formula", *(f"Event {number}" for number in (4, 3, 2, 1, 0))]
    entry = Entry.objects.get(verb=Action.EXPORTED)
    assert (entry.actor, entry.details) == (staff, {"table": "events.event", "rows": 6, "filters": ""})
    assert Entry.objects.filter(verb=Action.VIEWED, target_type="tables.transfer").count() == 1


@pytest.mark.parametrize("table", ["stories/story", "chat/message"])
def test_each_table_that_is_exported_hands_out_its_file(table: str) -> None:
    alice, bob = people.alice(), people.bob()
    for number in range(4):
        make_story(alice, f"Sunset {number}")
        make_message(alice, bob, f"Hello {number}")
    client = console(people.admin())
    page = urlsplit(client.post(f"/admin/{table}/export/", {"format": CSV})["Location"]).path
    run_transfers()
    assert content_of(client, page).decode().count("alice") == 4


def test_an_export_in_the_background_is_the_one_of_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    make_events(4)
    client = console(manager())
    page = exported(client)
    run_transfers()
    long = content_of(client, page)
    monkeypatch.setattr(limits, "EXPORTED_AT_ONCE", 10)
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
    run_transfers()
    rows = list(csv.DictReader(io.StringIO(content_of(client, page).decode("utf-8-sig"))))
    assert len(rows) == 3
    assert "Bygone" not in {row["title"] for row in rows}


def test_an_export_is_fetched_by_its_owner_alone_and_only_while_they_may() -> None:
    make_events(4)
    staff = manager()
    client = console(staff)
    page = exported(client)
    run_transfers()
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
    run_transfers()
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


def test_thousands_of_rows_are_imported_and_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "CHUNK", 200)
    ids = fill(2000)
    client = console(manager())
    text = "id,title\n" + "".join(f"{pk},Renamed {pk}\n" for pk in ids)
    page = page_of(upload_import(client, text))
    run_transfers()
    press(client, page, "confirm")
    run_transfers()
    out = exported(client)
    run_transfers()
    assert status_of(client, page) == Status.DONE
    assert Event.objects.filter(title__startswith="Renamed").count() == 2000
    assert content_of(client, out).count(b"\n") == 2001


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
                run_transfers()
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
    run_transfers()
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
