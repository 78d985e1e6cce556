"""The command palette in a browser."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.users.models import Session
from tests import people
from tests.accessibility import barriers
from tests.browser import sign_in
from tests.factories import make_document

pytestmark = pytest.mark.django_db(transaction=True)


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
    page.goto("/admin/compliance/")
    page.get_by_role("button", name="Search and commands").click()
    palette = page.get_by_role("dialog", name="Search and commands")
    page.keyboard.type("no such thing")
    expect(palette.get_by_role("status")).to_have_text("No results")
    page.keyboard.press("Enter")
    expect(palette).to_be_visible()
    Session.objects.update(expires_at=timezone.now())
    page.keyboard.type(" at all")
    expect(palette.get_by_role("status")).to_contain_text("You are signed out.")
