"""Long imports and exports in a browser: progress, cancelling and confirming by keyboard, files that are too large."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from playwright.sync_api import Page, expect

from admin_dashboards.tables import background, limits
from apps.events.models import Event
from apps.tables import services
from apps.tables.models import Transfer
from apps.users.models import Session, User
from tests import people
from tests.accessibility import barriers
from tests.browser import sign_in
from tests.factories import make_event

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("small_chunks")]
IMPORT = "/admin/events/event/import/"


@contextmanager
def worker() -> Iterator[None]:
    """Does the present step beside the page."""

    def work() -> None:
        try:
            background.carry_out(str(Transfer.objects.latest("created_at").pk))
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join(60)
    assert not thread.is_alive()


def press(page: Page, name: str) -> None:
    """Reach a button by Tab alone, and press it."""
    for _step in range(80):
        page.keyboard.press("Tab")
        if (
            page.evaluate("document.activeElement.tagName + document.activeElement.textContent.trim()")
            == f"BUTTON{name}"
        ):
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"{name} is not reached by Tab.")


def send(page: Page, content: str, *, by_tab: bool = False) -> None:
    page.goto(IMPORT)
    page.locator("input[type=file]").set_input_files(
        {"name": "events.csv", "mimeType": "text/csv", "buffer": content.encode()}
    )
    if by_tab:
        press(page, "Preview")
    else:
        page.get_by_role("button", name="Preview").press("Enter")
    page.wait_for_url(f"**{IMPORT}*-*/**")


def file_of_events() -> str:
    host = people.alice()
    return "id,title\n" + "".join(f"{make_event(host).pk},Renamed {number}\n" for number in range(8))


def test_progress_is_seen_and_cancelled_by_keyboard(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    people.admin()
    content = file_of_events()
    half, go_on, real = threading.Event(), threading.Event(), services.note_progress

    def noted(transfer: Transfer, rows_done: int, **options: Any) -> None:
        real(transfer, rows_done, **options)
        if rows_done == 4:
            half.set()
            assert go_on.wait(60)

    monkeypatch.setattr(background.services, "note_progress", noted)
    complaints = sign_in(page, "admin")
    send(page, content)
    expect(page.get_by_text("Waiting for the worker", exact=False).last).to_be_visible()
    with worker():
        assert half.wait(60)
        expect(page.locator("#transfer-rows span")).to_have_text("4 of 8 rows")
        bar = page.get_by_role("progressbar", name="Rows done")
        assert bar.evaluate("bar => [bar.value, bar.max]") == [4, 8]
        assert barriers(page) == []
        press(page, "Cancel import")
        expect(page.get_by_role("heading", name="Cancelled. Nothing was changed.")).to_be_focused()
        go_on.set()
    assert not Event.objects.filter(title__startswith="Renamed").exists()
    assert complaints == []


COUNT_POLLS = """() => {
    const panel = document.querySelector("[data-follow]");
    const count = (name) => { panel.dataset[name] = Number(panel.dataset[name] || 0) + 1; };
    const counted = new WeakSet();
    panel.addEventListener("htmx:beforeSend", (event) => { counted.add(event.detail.xhr); count("sent"); });
    panel.addEventListener("htmx:afterRequest", (event) => { if (counted.has(event.detail.xhr)) count("answered"); });
}"""


def seconds_to_poll(page: Page) -> int:
    """Let seconds pass until the page polls, and wait for the answer; returns how many."""
    panel = page.locator("[data-follow]")
    before = panel.get_attribute("data-sent")
    for seconds in range(1, 60):
        page.clock.run_for(1000)
        if (sent := panel.get_attribute("data-sent")) != before:
            expect(panel).to_have_attribute("data-answered", str(sent))
            return seconds
    raise AssertionError("The page does not poll.")


def test_a_page_that_the_server_does_not_answer_says_so_and_polls_less_often(page: Page) -> None:
    people.admin()
    content = file_of_events()
    sign_in(page, "admin")
    page.clock.install()
    send(page, content)
    page.clock.pause_at(timezone.now() + timedelta(minutes=1))
    page.evaluate(COUNT_POLLS)
    lost = page.get_by_text("No connection. This goes on in the background; the page tries again.")
    seconds_to_poll(page)
    expect(lost).to_be_hidden()
    address = page.url
    page.route(address, lambda route: route.fulfill(status=503))
    seconds_to_poll(page)
    expect(lost).to_be_visible()
    waits = [seconds_to_poll(page) for _poll in range(3)]
    assert waits == sorted(waits)
    assert waits[0] >= 2
    assert waits[2] >= 8
    page.unroute(address)
    seconds_to_poll(page)
    expect(lost).to_be_hidden()
    assert seconds_to_poll(page) <= 2


def test_a_page_that_may_no_longer_be_read_says_why(page: Page) -> None:
    staff = User.objects.filter(pk=people.admin().pk)
    content = file_of_events()
    sign_in(page, "admin")
    send(page, content)
    Transfer.objects.all().delete()
    expect(page.get_by_text("There is no such import or export here any more").first).to_be_visible()
    send(page, content)
    staff.update(is_superuser=False)
    expect(page.get_by_text("You need the permission").first).to_be_visible()
    staff.update(is_superuser=True)
    send(page, content)
    Session.objects.all().delete()
    page.wait_for_url("**/login/**")


def test_a_preview_appears_by_itself_and_is_confirmed_by_keyboard(page: Page) -> None:
    people.admin()
    content = file_of_events()
    complaints = sign_in(page, "admin")
    send(page, content, by_tab=True)
    with worker():
        expect(page.get_by_role("heading", name="Nothing has been changed yet")).to_be_focused()
    assert barriers(page) == []
    press(page, "Confirm import")
    expect(page.get_by_role("heading", name="The rows are being changed")).to_be_visible()
    with worker():
        expect(page.get_by_role("heading", name="8 rows changed.")).to_be_focused()
    assert barriers(page) == []
    page.goto("/admin/events/event/export/")
    assert barriers(page) == []
    page.get_by_role("combobox", name="Format").select_option("csv")
    press(page, "Export")
    expect(page.get_by_role("heading", name="The file is being made")).to_be_visible()
    with worker():
        expect(page.get_by_role("heading", name="The file is there: 8 rows.")).to_be_focused()
    assert barriers(page) == []
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.path().read_text("utf-8-sig").count("Renamed") == 8
    send(page, content.replace("Renamed", "x" * 300))
    with worker():
        expect(page.get_by_role("heading", name="8 lines have errors")).to_be_focused()
    assert barriers(page) == []
    assert complaints == []


def test_a_file_that_is_too_large_is_named_before_it_is_sent(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_IMPORTED_BYTES", 1024 * 1024)
    people.admin()
    sign_in(page, "admin")
    page.goto(IMPORT)
    file = page.locator("input[type=file]")
    file.set_input_files({"name": "big.csv", "mimeType": "text/csv", "buffer": b"x" * (1024 * 1024 + 1)})
    expect(page.get_by_role("alert").get_by_text("This file is over 1 MB.")).to_be_visible()
    assert barriers(page) == []
    page.get_by_role("button", name="Preview").click()
    assert page.url.endswith(IMPORT)
    assert file.evaluate("input => input.validity.valid") is False
    file.set_input_files({"name": "small.csv", "mimeType": "text/csv", "buffer": b"id,title\n"})
    assert file.evaluate("input => input.validity.valid") is True
