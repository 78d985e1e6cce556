"""The audit log in a browser: reached, searched and paged by keyboard alone, in both schemes and on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from apps.audit.actions import Action
from apps.audit.models import Entry
from tests import people
from tests.accessibility import barriers
from tests.browser import sign_in
from tests.client import api
from tests.factories import make_event

pytestmark = pytest.mark.django_db(transaction=True)


def test_audit_log_is_reached_searched_and_paged_by_keyboard(page: Page) -> None:
    people.admin()
    alice = people.alice()
    event = make_event(alice, "Launch party")
    assert api(alice).patch(f"/events/{event.pk}", {"capacity": 50}).status_code == 200
    Entry.objects.bulk_create(Entry(actor=alice, verb=Action.EXPORTED, reason=f"n{n}") for n in range(12))
    complaints = sign_in(page, "admin")
    page.goto("/admin/access/")
    page.keyboard.press("l")
    page.wait_for_url("**/admin/access/audit/")
    page.keyboard.press("/")
    expect(page.get_by_label("Actor")).to_be_focused()
    page.keyboard.type("alice")
    page.keyboard.press("Enter")
    page.wait_for_url("**actor=alice**")
    lines = page.locator(".audit-lines > li")
    expect(lines).to_have_count(10)
    page.keyboard.press("n")
    page.wait_for_url("**before=**")
    changed = lines.filter(has_text="alice changed Event")
    changed.get_by_text("1 field changed").focus()
    page.keyboard.press("Enter")
    expect(changed.locator("ins")).to_have_text("50")
    assert barriers(page) == []
    changed.get_by_role("link", name="All of request").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**?request=*")
    expect(lines).to_have_count(1)
    assert complaints == []


def test_invalid_filters_stay_filled_in_beside_their_errors(page: Page) -> None:
    people.access()
    sign_in(page, "access")
    page.goto("/admin/access/audit/?actor=nobody-here&since=yesterday&reason=fraud")
    expect(page.get_by_label("Actor")).to_have_value("nobody-here")
    expect(page.get_by_label("From")).to_have_value("yesterday")
    expect(page.get_by_label("Text in the reason")).to_have_value("fraud")
    expect(page.get_by_label("Actor")).to_have_accessible_description("No user has this name. Check the spelling.")
    expect(page.get_by_label("From")).to_have_accessible_description("Enter a time such as 2026-01-31 14:05.")
    assert barriers(page) == []
