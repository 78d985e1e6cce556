"""Progress, cancelling and confirming of imports in the background."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from admin_dashboards.tables import background
from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.events import services as event_services
from apps.events.models import Event
from apps.review.decisions.models import UNDO_WINDOW, Decision
from apps.tables import services
from apps.tables.models import Transfer
from tests.admin_dashboards.tables.transfers import (
    POLL,
    Status,
    file_of,
    make_events,
    manager,
    page_of,
    press,
    previewed,
    progress_of,
    run_transfers,
    status_of,
)
from tests.console import console, upload_import
from tests.jobs import waiting
from tests.races import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("small_chunks")]


# --- Progress, cancel, confirm --------------------------------------------------------------------------------------


def test_progress_is_reported_chunk_by_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    client = console(manager())
    page = page_of(upload_import(client, file_of(make_events(5))))
    seen = []

    def noted(transfer: Transfer, rows_done: int, **options: Any) -> None:
        services.note_progress(transfer, rows_done, **options)
        shown = progress_of(client.get(page, headers=POLL))
        seen.append((shown["status"], shown["done"], shown["total"], shown["sentence"]))

    monkeypatch.setattr(background.services, "note_progress", _once(noted))
    run_transfers()
    assert seen == [
        ("running", "0", "5", "0 of 5 rows"),
        ("running", "2", "5", "2 of 5 rows"),
        ("running", "4", "5", "4 of 5 rows"),
        ("running", "5", "5", "5 of 5 rows"),
    ]


def test_a_poll_is_answered_by_the_progress_alone_and_by_a_reload_once_it_is_over() -> None:
    client = console(manager())
    page = page_of(upload_import(client, file_of(make_events(4))))
    running = client.get(page, headers=POLL)
    assert running.text.strip().startswith("<h2")
    assert "<form" not in running.text
    run_transfers()
    over = client.get(page, headers=POLL)
    assert (over.status_code, over.headers["HX-Refresh"], over.content) == (204, "true", b"")
    assert 'hx-trigger="every' not in client.get(page).text


def _once(note: Any) -> Any:
    """`note` in place of `note_progress`, which it may call."""
    real, names = services.note_progress, {"busy": False}

    def called(*args: Any, **options: Any) -> None:
        if names["busy"]:
            real(*args, **options)
            return
        names["busy"] = True
        try:
            note(*args, **options)
        finally:
            names["busy"] = False

    return called


@pytest.mark.parametrize("at", ["queued", "running", "ready"])
def test_cancelling_stops_it_at_any_time(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = console(manager())
    page = page_of(upload_import(client, file_of(make_events(6))))
    if at == "running":
        monkeypatch.setattr(background.services, "note_progress", _once(_pressing(client, page)))
        run_transfers()
    elif at == "ready":
        run_transfers()
        press(client, page, "cancel")
    else:
        press(client, page, "cancel")
        run_transfers()
    assert status_of(client, page) == Status.CANCELLED
    assert "Cancelled. Nothing was changed." in client.get(page).content.decode()
    assert Transfer.objects.get().rows_done < 6 or at == "ready"
    press(client, page, "confirm")
    assert status_of(client, page) == Status.CANCELLED
    assert run_transfers() == 0
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
            assert "4 of 6" not in progress_of(client.get(page, headers=POLL))["sentence"]
            Transfer.objects.filter(pk=transfer.pk).update(status=Status.CANCELLED)
        real(transfer, rows_done)

    monkeypatch.setattr(background.services, "note_applied", noted)
    run_transfers()
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
    run_transfers()
    decisions = Decision.objects.filter(verb="event.edited")
    assert {decision.made_at > applied[-1] for decision in decisions} == {True}
    jobs = ProcrastinateJob.objects.filter(task_name="decisions.tell_people")
    assert len(decisions) == len(jobs) == len(events)
    assert all(job.scheduled_at >= applied[-1] + UNDO_WINDOW for job in jobs)


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
        run_transfers()
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
    run_transfers()
    press(client, page, "confirm")
    assert run_transfers() == 0
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
