"""Imports and exports whose worker dies, and what is purged after them."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app

from admin_dashboards.tables import background
from apps.events.models import Event
from apps.tables import cleanup, services
from apps.tables.models import Transfer
from ops.jobs import retry_stalled
from tests.admin_dashboards.tables.transfers import (
    Status,
    file_of,
    kept_files,
    make_events,
    manager,
    page_of,
    press,
    previewed,
    run_transfers,
    status_of,
)
from tests.console import console, upload_import
from tests.jobs import abandon_jobs, forget, run_worker, waiting

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("small_chunks")]


# --- Workers that die -----------------------------------------------------------------------------------------------


def test_a_step_whose_worker_died_is_begun_again_and_fails_at_last() -> None:
    client = console(manager())
    page = page_of(upload_import(client, file_of(make_events(4))))
    transfer = Transfer.objects.get()
    for _number in range(services.MAX_ATTEMPTS):
        services.begin(str(transfer.pk))  # and never heard of again
    assert status_of(client, page) == Status.RUNNING
    run_transfers()
    assert "The worker stopped in the middle of it several times." in client.get(page).content.decode()


def test_a_step_that_was_begun_by_a_dead_worker_is_done_by_the_next() -> None:
    client = console(manager())
    page = page_of(upload_import(client, file_of(make_events(4))))
    transfer = services.begin(str(Transfer.objects.get().pk))
    services.note_progress(transfer, 2, rows_total=4)
    run_transfers()
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
    long_ago = timezone.now() - cleanup.SILENT - timedelta(seconds=1)
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
        run_transfers()
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
    run_transfers()
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
