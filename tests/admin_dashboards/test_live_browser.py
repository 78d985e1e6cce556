"""Polling pages in a browser: the counts in the menu, and the warning before the session ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.users.models import Session
from tests import people
from tests.accessibility import barriers
from tests.browser import sign_in
from tests.factories import make_document

pytestmark = pytest.mark.django_db(transaction=True)


def come_back(page: Page) -> None:
    """As if the tab had been hidden: the page asks the server at once."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def left(seconds: int) -> None:
    """The console's sessions have so long left unless they are used."""
    now = timezone.now()
    Session.objects.filter(door=Session.EntryPoint.CONSOLE).update(
        last_seen_at=now - timedelta(minutes=58), expires_at=now + timedelta(seconds=seconds)
    )


def test_the_counts_in_the_menu_follow_without_a_reload(page: Page) -> None:
    make_document(people.alice())
    people.compliance()
    sign_in(page, "compliance")
    page.goto("/admin/")
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
    # Before the page loads: Chromium may let a request pass that follows at once.
    page.route("**/stay/", lambda route: route.abort(), times=1)
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
    page.keyboard.press("Enter")
    expect(page.locator("[data-session-text]")).to_contain_text("Not sent: no connection. Try again.")
    page.keyboard.press("Enter")
    expect(bar).to_be_hidden()
    expect(zone).to_have_value("Europe/B")
    assert Session.objects.get(user=support).expires_at > timezone.now() + timedelta(minutes=55)


def test_tabs_agree_about_the_session(page: Page) -> None:
    people.support()
    sign_in(page, "support")
    page.goto("/admin/support/")
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
