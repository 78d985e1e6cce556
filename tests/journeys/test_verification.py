"""Two officers at the compliance desk at once: by keyboard, without a page load, and never over each other."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from apps.infra import valkey
from apps.users.models import Document, ReviewRule, User
from tests import people
from tests.browser import open_desk, press, sign_in
from tests.drawn import pdf
from tests.factories import make_document, make_documents

pytestmark = pytest.mark.django_db(transaction=True)

DESK = "/admin/compliance/"


def on(page: Page, document: Document) -> None:
    expect(page.locator("[data-part-heading]")).to_have_text(f"Identity document {document.pk} of {document.owner}")
    page.wait_for_load_state()


def decided(document: Document) -> tuple[str, str]:
    document.refresh_from_db()
    return document.status, document.reason


def test_a_queue_is_worked_by_two_gestures_a_document_and_no_page_load(page: Page) -> None:
    people.compliance()
    first, second, third = make_documents(3)
    open_desk(page, DESK, "compliance")
    press(page, "n")
    on(page, first)
    loads: list[str] = []
    page.on("load", lambda _: loads.append(page.url))
    press(page, "a")
    on(page, second)
    press(page, "2")
    expect(page.locator("#message-notification")).to_contain_text("Your document has expired.")
    expect(page.locator("#message-subject")).to_have_text("Your document was not accepted")
    press(page, "r")
    on(page, third)
    assert loads == []
    assert decided(first) == ("approved", "")
    assert decided(second) == ("rejected", "expired")

    # Nothing has left yet, and the last one comes back.
    press(page, "u")
    on(page, second)
    assert decided(second) == ("pending", "")
    press(page, "r")
    expect(page.locator("[data-news]")).to_contain_text("Choose a rejection reason")


def test_two_officers_at_once(page: Page, other_page: Page) -> None:
    for name in ("vera", "omar"):
        people.make_staff(name, "Compliance Officer")
    first, second = make_documents(2)
    vera, omar = page, other_page
    open_desk(vera, DESK, "vera")
    open_desk(omar, DESK, "omar")
    press(vera, "n")
    on(vera, first)
    press(omar, "n")
    on(omar, second)

    # Omar looks at what Vera holds: both see it, and he can only look.
    omar.goto(f"{DESK}{first.pk}/")
    expect(omar.locator(".desk-why-not")).to_contain_text("Claimed by vera")
    expect(vera.locator(".desk-others")).to_have_text("Also viewing: omar")
    # He takes it over with a reason; she hears of it at once and can send nothing any more.
    vera.locator("[name=comment]").fill("Half a thought")
    press(omar, "c")
    omar.keyboard.type("she is at lunch")
    press(omar, "Enter")
    expect(omar.get_by_role("button", name="Approve")).to_be_visible()
    expect(vera.locator("[data-news]")).to_contain_text("omar has taken this over.")
    expect(vera.get_by_role("button", name="Approve")).to_be_disabled()
    expect(vera.locator("[name=comment]")).to_have_value("Half a thought")
    # What he decides appears on the page that she left open.
    press(omar, "a")
    expect(vera.locator("[data-news]")).to_contain_text("Approved by omar")


def test_a_stale_page_overwrites_nothing_even_where_nothing_is_live(
    page: Page, other_page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As after a Valkey that does not answer.
    monkeypatch.setattr(valkey._server(settings.REDIS_URL).breaker, "open_until", float("inf"))
    officer = people.make_staff("vera", "Compliance Officer")
    people.make_staff("omar", "Compliance Officer")
    document = make_documents(1)[0]
    vera, omar = page, other_page
    sign_in(vera, "vera")
    sign_in(omar, "omar")
    vera.goto(f"{DESK}{document.pk}/")
    # Nothing reaches her page any more.
    vera.route("**/state/", lambda route: route.abort())
    omar.goto(f"{DESK}{document.pk}/")
    expect(omar.locator(".desk-others")).to_have_text("")
    press(omar, "c")
    omar.keyboard.type("she is at lunch")
    press(omar, "Enter")
    expect(omar.get_by_role("button", name="Approve")).to_be_visible()
    press(omar, "1")
    press(omar, "r")
    expect(omar.locator("dl.desk-figures")).to_be_visible()
    press(vera, "a")
    expect(vera.locator("[data-news]")).to_contain_text("Rejected by omar")
    assert decided(document) == ("rejected", "unreadable")
    assert document.decided_by != officer


def test_evidence_facts_and_decision_stand_on_one_small_screen(page: Page) -> None:
    people.compliance()
    person = people.make_user("acme", verified=False)
    ReviewRule.objects.create()
    document = make_document(person, pdf(3), "application/pdf")
    make_document(people.alice(), pdf(3), "application/pdf")
    page.emulate_media(color_scheme="dark")
    open_desk(page, DESK, "compliance")
    expect(page.locator("html")).to_have_class(re.compile(r"\bdark\b"))  # as the machine wants it
    press(page, "n")
    on(page, document)
    for part in (
        page.locator("[data-viewer-page] img").first,
        page.get_by_text("Possible duplicate"),
        page.get_by_text("Needs two approvals."),
        page.get_by_role("button", name="Approve"),
        page.get_by_role("button", name="Reject", exact=False).last,
        page.locator("#message-notification"),
        page.get_by_text("application/pdf"),
    ):
        expect(part).to_be_in_viewport()
    assert page.evaluate("scrollY") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1366

    # The viewer, by keyboard.
    place = page.locator("[data-viewer-place]")
    expect(place).to_have_text("Page 1 of 3")
    press(page, "]")
    expect(place).to_have_text("Page 2 of 3")
    image = page.locator("[data-viewer-page]:not([hidden]) img")
    expect(image).to_have_js_property("complete", value=True)
    before: Any = image.bounding_box()
    press(page, "+")
    after: Any = image.bounding_box()
    assert after["width"] > before["width"]
    press(page, ".")
    expect(image).to_have_attribute("style", re.compile("90deg"))
    press(page, "0")
    press(page, "p")
    other = page.locator("[data-viewer-other] img")
    expect(other).to_be_visible()
    # No rest on the keyboard: every key of the page stands on its sheet.
    press(page, "?")
    expect(page.locator("#desk-keys")).to_contain_text("Compare with the next image")
    press(page, "Escape")

    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".desk-last")).to_contain_text("First approval recorded for")
    assert not User.objects.get(pk=person.pk).identity_verified
