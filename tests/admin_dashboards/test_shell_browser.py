"""The palette, the counts, the session's end, unsaved forms and cards, as they go in a browser."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Dialog, Page, expect

from apps.users.models import Session
from tests import people
from tests.accessibility import barriers
from tests.browser import sign_in
from tests.factories import make_document, make_event, make_report, make_story

pytestmark = pytest.mark.django_db(transaction=True)


def come_back(page: Page) -> None:
    """As if the tab had been hidden: the page asks the server at once."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def left(seconds: int) -> None:
    """The console's sessions have so long left if nobody uses them."""
    now = timezone.now()
    Session.objects.filter(door=Session.EntryPoint.CONSOLE).update(
        last_seen_at=now - timedelta(minutes=58), expires_at=now + timedelta(seconds=seconds)
    )


def test_the_palette_is_worked_by_keys_alone(page: Page) -> None:
    document = make_document(people.alice())
    people.compliance()
    complaints = sign_in(page, "compliance")
    page.goto("/admin/users/document/")
    search = page.get_by_placeholder("Owner or ID")
    search.focus()
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Search and commands")
    box = palette.get_by_role("combobox")
    expect(box).to_be_focused()
    page.keyboard.type("alice")
    options = palette.get_by_role("option")
    expect(options.first).to_contain_text("alice")
    expect(options.first).to_have_attribute("aria-selected", "true")
    assert barriers(page) == []
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    expect(box).to_have_attribute("aria-activedescendant", options.nth(1).get_attribute("id") or "")
    # Escape empties it, then closes it; the focus is where it was, and nothing is kept.
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    expect(search).to_be_focused()
    assert page.evaluate("localStorage.getItem('commandHistory')") is None
    page.keyboard.press("Control+k")
    expect(box).to_be_focused()
    page.keyboard.type(f"document {document.pk}")
    expect(options.first).to_contain_text(f"Document #{document.pk}")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/admin/compliance/{document.pk}/")
    assert complaints == []


def test_the_palette_says_when_nothing_is_found_and_when_one_is_signed_out(page: Page) -> None:
    people.compliance()
    sign_in(page, "compliance")
    page.get_by_role("button", name="Search and commands").click()
    palette = page.get_by_role("dialog", name="Search and commands")
    page.keyboard.type("no such thing")
    expect(palette.get_by_role("status")).to_have_text("No results")
    page.keyboard.press("Enter")
    expect(palette).to_be_visible()
    Session.objects.update(expires_at=timezone.now())
    page.keyboard.type(" at all")
    expect(palette.get_by_role("status")).to_contain_text("You are signed out.")


def test_the_counts_in_the_menu_follow_without_a_reload(page: Page) -> None:
    make_document(people.alice())
    people.compliance()
    sign_in(page, "compliance")
    entry = page.get_by_role("navigation", name="Menu").get_by_role("link", name="Verification 1 open")
    expect(entry).to_be_visible()
    document = make_document(people.bob())
    document.__class__.objects.filter(pk=document.pk).update(created_at=timezone.now() - timedelta(days=40))
    page.clock.install()
    come_back(page)
    expect(page.get_by_role("link", name="Verification 2 open, 1 overdue")).to_be_visible()
    assert barriers(page) == []


def test_a_session_that_is_about_to_end_is_renewed_by_a_key(page: Page) -> None:
    support = people.support()
    sign_in(page, "support")
    page.goto("/admin/preferences/")
    zone = page.get_by_label("Time zone")
    zone.fill("Europe/B")
    bar = page.get_by_role("button", name="Stay signed in")
    expect(bar).to_be_hidden()
    left(100)
    come_back(page)
    expect(page.get_by_text("You will be signed out in 1:")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="You will be signed out soon for inactivity")).to_have_count(1)
    expect(zone).to_be_focused()
    assert barriers(page) == []
    bar.focus()
    page.route("**/stay/", lambda route: route.abort(), times=1)
    page.keyboard.press("Enter")
    expect(page.locator("[data-session-text]")).to_contain_text("Not sent: no connection. Try again.")
    page.keyboard.press("Enter")
    expect(bar).to_be_hidden()
    expect(zone).to_have_value("Europe/B")
    assert Session.objects.get(user=support).expires_at > timezone.now() + timedelta(minutes=55)


def test_tabs_agree_about_the_session(page: Page) -> None:
    people.support()
    sign_in(page, "support")
    other = page.context.new_page()
    other.goto("/admin/preferences/")
    left(100)
    for tab in (page, other):
        come_back(tab)
        expect(tab.get_by_role("button", name="Stay signed in")).to_be_visible()
    other.get_by_role("button", name="Stay signed in").click()
    for tab in (page, other):
        expect(tab.get_by_role("button", name="Stay signed in")).to_be_hidden()


def test_the_page_warns_before_the_session_ends_and_keeps_input(page: Page) -> None:
    people.support()
    sign_in(page, "support")
    page.clock.install()
    page.goto("/admin/preferences/")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    left(90)
    page.clock.run_for(31_000)
    expect(page.get_by_role("button", name="Stay signed in")).to_be_visible()
    Session.objects.update(expires_at=timezone.now())
    page.clock.run_for(6_000)
    link = page.get_by_role("link", name="Sign in again")
    expect(link).to_be_visible()
    expect(page.get_by_role("button", name="Stay signed in")).to_be_hidden()
    assert barriers(page) == []
    link.click()
    page.fill("#id_username", "support")
    page.fill("#id_password", people.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/preferences/")
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin")


def test_a_form_asks_before_it_is_left_unsaved_and_not_when_it_is_saved(page: Page) -> None:
    event = make_event(people.alice(), "Party")
    people.community()
    sign_in(page, "community")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    change = f"/admin/events/event/{event.pk}/change/"
    page.goto(change)
    page.get_by_label("Title").fill("Party at eight")
    page.get_by_role("navigation", name="Menu").get_by_role("link", name="Stories").click()
    expect(page.get_by_label("Title")).to_have_value("Party at eight")
    assert asked == ["beforeunload"]
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/admin/events/event/")
    assert asked == ["beforeunload"]


def test_the_reason_is_there_with_a_rejection_alone(page: Page) -> None:
    document = make_document(people.alice())
    people.compliance()
    sign_in(page, "compliance")
    page.goto(f"/admin/users/document/{document.pk}/change/")
    status, reason = page.get_by_label("Status"), page.locator("#id_reason")
    expect(status).to_be_visible()
    expect(reason).to_be_hidden()
    status.select_option("rejected")
    expect(reason).to_be_visible()
    reason.select_option("unreadable")
    # One that is chosen already stays visible, so that it is not sent unseen.
    status.select_option("approved")
    expect(reason).to_be_visible()
    reason.select_option("")
    expect(reason).to_be_hidden()
    page.get_by_label("Admin Comment").fill("Welcome")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/admin/users/document/")
    document.refresh_from_db()
    assert (document.status, document.reason) == ("approved", "")


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


def test_no_column_is_cut_off_at_1366(page: Page) -> None:
    alice = people.make_user("amara.lindqvist")
    make_report(people.make_user("clearfield_skincare"), "story", make_story(alice), alice, reason="harassment")
    people.admin()
    sign_in(page, "admin")
    for table in ("moderation/report", "users/document", "users/user", "stories/story", "events/event"):
        page.goto(f"/admin/{table}/")
        if page.locator("#result_list").count():
            wider = page.locator(".result-cards").evaluate("box => box.scrollWidth - box.clientWidth")
            assert wider == 0, table


def test_the_dashboard_is_accessible(page: Page) -> None:
    make_document(people.alice())
    people.admin()
    complaints = sign_in(page, "admin")
    expect(page.get_by_role("heading", name="Decisions by officer")).to_be_visible()
    assert barriers(page) == []
    assert complaints == []
