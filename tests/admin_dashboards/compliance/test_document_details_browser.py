"""The details of a document in a browser: typed by keys, with the viewer and the decision's form left as they are."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from apps.users.models import Document, DocumentDetails
from apps.users.verification.details import record_details
from tests import people
from tests.accessibility import barriers
from tests.browser import LISTENS, press, sign_in
from tests.console import COMPLIANCE_DESK
from tests.factories import make_document

pytestmark = pytest.mark.django_db(transaction=True)


def open_document(page: Page, document: Document) -> None:
    sign_in(page, "compliance")
    page.goto(f"{COMPLIANCE_DESK}{document.pk}/")
    page.wait_for_function(LISTENS)


WIDTH = """
    (image) => new Promise((drawn) =>
        requestAnimationFrame(() => requestAnimationFrame(() => drawn(image.style.width))))
"""


def width(page: Page) -> str:
    """That of the image once it is drawn for the room that the decision leaves it, one frame after that changes."""
    return str(page.eval_on_selector(".viewer-sheet:not([hidden]) img", WIDTH))


def test_details_are_saved_by_keys_and_nothing_else_on_the_page_is_lost(page: Page) -> None:
    people.compliance()
    document = make_document(people.newton(), legal_name="Maya Lund")
    open_document(page, document)
    press(page, "t")
    page.keyboard.type("Your name has changed.")
    page.keyboard.press("Escape")
    press(page, "5", "+", "+", "f")
    page.get_by_placeholder("Internal note").fill("Ask Omar.")
    message = page.locator("#message-notification")
    # With the reason that was chosen last, the message takes a line more, and leaves the image less room.
    expect(message).to_contain_text("The name on the document is not the name of your account.")
    expect(message).to_contain_text("Your name has changed.")
    zoomed = width(page)
    press(page, "Escape", "f")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("Maya Underhill")
    page.keyboard.press("Enter")
    panel = page.locator(".details")
    expect(panel).to_contain_text("Differs")
    expect(panel).to_contain_text("Suggested reason: Name differs")
    expect(page.locator("[data-part-heading]")).to_be_focused()
    expect(page.locator(".desk-decision [name=comment]")).to_have_value("Your name has changed.")
    expect(page.get_by_label("Name differs")).to_be_checked()
    expect(page.get_by_placeholder("Internal note")).to_have_value("Ask Omar.")
    expect(page.locator("#message-notification")).to_contain_text("Your name has changed.")
    assert width(page) == zoomed
    assert DocumentDetails.objects.get().name == "Maya Underhill"
    # The decision was typed before the details were saved, and is taken all the same.
    press(page, "r")
    expect(page.locator("dl.desk-figures")).to_be_visible()
    document.refresh_from_db()
    assert (document.status, document.comment) == ("rejected", "Your name has changed.")


def test_details_that_are_not_saved_stay_while_a_note_is_added(page: Page) -> None:
    officer = people.compliance()
    document = make_document(people.newton(), legal_name="Maya Lund")
    record_details(officer, document.pk, version=0, number="X1")
    open_document(page, document)
    page.get_by_label("Document number").fill("X2")
    page.get_by_label("All corners visible").check()
    page.get_by_placeholder("Internal note").fill("Looks fine.")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator(".desk-timeline")).to_contain_text("Looks fine.")
    expect(page.get_by_label("Document number")).to_have_value("X2")
    expect(page.get_by_label("All corners visible")).to_be_checked()
    # Saved elsewhere meanwhile: said, and what is typed stays.
    record_details(officer, document.pk, version=1, number="X3")
    page.get_by_label("Document number").press("Enter")
    expect(page.locator("[data-news]")).to_contain_text("compliance saved details meanwhile")
    expect(page.get_by_label("Document number")).to_have_value("X2")
    expect(page.locator(".details")).to_contain_text("Saved: X3")
    assert DocumentDetails.objects.get().number == "X3"
    page.get_by_label("Document number").press("Enter")
    expect(page.locator(".details")).not_to_contain_text("Saved: X3")
    assert DocumentDetails.objects.get().number == "X2"


def test_a_date_that_is_not_taken_is_said_at_its_field(page: Page) -> None:
    people.compliance()
    document = make_document(people.newton())
    open_document(page, document)
    page.get_by_label("Name", exact=True).fill("Maya Lund")
    page.get_by_label("Valid until").fill("0931-05-16")
    page.get_by_role("button", name="Save details").click()
    expect(page.get_by_label("Valid until")).to_have_attribute("aria-invalid", "true")
    expect(page.locator(".details-error")).to_contain_text("Enter a year from 1900 to 2200.")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Maya Lund")


def test_the_details_panel_is_accessible(page: Page) -> None:
    officer = people.compliance()
    # As long as can be: at 390 px the checklist then lies below the decision, which would cover part of it.
    document = make_document(people.newton(), legal_name="Maya-Lund" * 16)
    flagged = {"name": "A" * 150, "number": "9" * 64, "born": "2015-01-01", "valid_until": "2020-01-01"}
    record_details(officer, document.pk, version=0, **flagged)
    record_details(officer, make_document(people.alice()).pk, version=0, **flagged)
    open_document(page, document)
    expect(page.locator(".details-flags li")).to_have_count(3)
    assert barriers(page) == []
    page.goto(f"/admin/users/document/{document.pk}/change/")
    expect(page.locator(".details")).to_contain_text("Under 18")
    assert barriers(page) == []
