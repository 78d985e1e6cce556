"""Forms of the console in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests import people
from tests.browser import sign_in
from tests.factories import make_document, make_event

pytestmark = pytest.mark.django_db(transaction=True)


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
