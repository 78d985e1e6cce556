"""Change lists in a browser, on a phone and on a small screen."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests import people
from tests.accessibility import barriers
from tests.browser import sign_in
from tests.factories import make_document, make_event, make_report, make_story

pytestmark = pytest.mark.django_db(transaction=True)


def test_rows_are_cards_on_a_phone_and_work_as_before(page: Page) -> None:
    alice = people.alice()
    story = make_story(alice)
    make_report(people.bob(), "story", story, alice)
    people.community()
    sign_in(page, "community")
    page.set_viewport_size({"width": 390, "height": 768})
    page.goto("/admin/moderation/report/")
    author = page.locator("#result_list td[data-label='Reported user']")
    label = author.evaluate("cell => getComputedStyle(cell, '::before').content")
    assert label == '"Reported user"'
    boxes = [cell.bounding_box() for cell in page.locator("#result_list [data-label]").all()]
    assert all(box and box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    assert len({box["y"] for box in boxes if box}) == len(boxes)
    opener = page.get_by_role("button", name="Details of")
    opener.focus()
    page.keyboard.press("Enter")
    expect(opener).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_text("Other reports in the same case")).to_be_visible()
    assert barriers(page) == []
    page.goto("/admin/stories/story/")
    tick = page.get_by_role("checkbox").nth(1)
    box = tick.bounding_box()
    assert box
    assert box["x"] > 320, "in the corner of the card, which its texts leave free"
    tick.check()
    expect(page.get_by_text("1 of 1 selected")).to_be_visible()
    assert barriers(page) == []


def test_pages_are_turned_by_keyboard_alone(page: Page) -> None:
    for number in range(25):
        make_story(people.make_user(f"author{number:02}"), hours_old=number)
    people.admin()
    errors = sign_in(page, "admin")
    for width in (1366, 390):
        page.set_viewport_size({"width": width, "height": 768})
        page.goto("/admin/stories/story/")
        shown = page.locator("#result_list .data-row a[href*='/users/user/']")
        expect(shown.first).to_have_text("author00")
        page.keyboard.press("n")
        expect(shown.first).to_have_text("author10")
        if width == 1366:  # barriers are looked for at both widths
            assert barriers(page) == []
        wider = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, width
        page.keyboard.press("p")
        expect(shown.first).to_have_text("author00")
        page.get_by_role("link", name="Last").focus()
        page.keyboard.press("Enter")
        expect(shown.last).to_have_text("author24")
        expect(page.get_by_role("link", name="Next")).to_have_count(0)
        page.get_by_role("link", name="First").focus()
        page.keyboard.press("Enter")
        expect(shown.first).to_have_text("author00")
    page.locator("#searchbar").focus()
    page.keyboard.type("n")
    expect(shown.first).to_have_text("author00")
    assert errors == []


def test_a_day_is_jumped_to_by_keyboard(page: Page) -> None:
    for number in range(25):
        make_story(people.make_user(f"author{number:02}"), hours_old=24 * number)
    people.admin()
    sign_in(page, "admin")
    page.goto("/admin/stories/story/")
    day = page.get_by_label("Jump to date")
    day.fill((timezone.now() - timedelta(days=12)).date().isoformat())
    day.press("Enter")
    page.wait_for_url("**/story/?day=*")
    shown = page.locator("#result_list .data-row a[href*='/users/user/']")
    expect(shown.first).to_have_text("author12")


def test_no_column_is_cut_off_at_1366(page: Page) -> None:
    alice = people.make_user("amara.lindqvist")
    make_report(people.make_user("clearfield_skincare"), "story", make_story(alice), alice, reason="harassment")
    make_document(alice)
    make_event(alice)
    people.admin()
    sign_in(page, "admin")
    for table in ("moderation/report", "users/document", "users/user", "stories/story", "events/event"):
        page.goto(f"/admin/{table}/")
        assert page.locator("#result_list .data-row").count(), table
        wider = page.locator(".result-cards").evaluate("box => box.scrollWidth - box.clientWidth")
        assert wider == 0, table
