"""What opens on the pages of the desks, such as tools, dialogs and rejected forms, is accessible."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from apps.moderation.models import Case
from apps.moderation.reporting import report
from apps.review.claims import assign
from apps.review.message_templates import save_template
from apps.review.models import Notice
from apps.review.notes import add_note
from apps.users.models import Document, ReviewRule
from tests import people
from tests.accessibility import barriers
from tests.browser import press, sign_in
from tests.drawn import pdf
from tests.factories import make_document, make_event, make_message, make_story

pytestmark = pytest.mark.django_db(transaction=True)


class Looks:
    """Gathers what axe finds on what is open."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []

    def at(self, name: str) -> None:
        self.faults += [f"{name}, {fault}" for fault in barriers(self.page)]


def test_opened_parts_of_documents_are_accessible(page: Page) -> None:
    officer, other = people.compliance(), people.make_staff("vera", "Compliance Officer")
    ReviewRule.objects.create()
    document = make_document(people.make_user("acme", verified=False), pdf(2), "application/pdf")
    copy = make_document(people.alice(), pdf(2), "application/pdf")
    save_template(officer, "documents", "users.review_document", title="Back", texts={"en": "The back, please."})
    add_note(other, document, text="@compliance have a look")
    sign_in(page, "compliance")
    looks = Looks(page)
    page.goto(f"/admin/compliance/{document.pk}/")
    for key, shown in (("h", "Assign to"), ("s", "Snooze for"), ("e", "Reason for escalating")):
        press(page, key)
        expect(page.get_by_text(shown).first).to_be_visible()
        looks.at(shown)
        press(page, "Escape")
    page.get_by_text("Show email").click()
    press(page, "1")
    looks.at("email")
    press(page, "?")
    looks.at("keys")
    press(page, "Escape", "p")
    expect(page.locator("[data-viewer-other] img")).to_be_visible()
    looks.at("compared")
    page.get_by_role("button", name="Reject").click()
    expect(page.locator("[data-item]")).to_be_visible()
    page.goto(f"/admin/compliance/{copy.pk}/")
    press(page, "r")
    expect(page.locator("[data-news]")).to_contain_text("Choose a rejection reason")
    looks.at("rejected form")
    press(page, "2", "r")
    expect(page.locator(".desk-last")).to_contain_text(f"document {copy.pk} of alice")
    page.wait_for_url("**/admin/compliance/")
    page.goto(f"/admin/compliance/{copy.pk}/")
    press(page, "v")
    expect(page.get_by_label("Reason for the change (staff only)")).to_be_visible()
    looks.at("change decision")
    assign(other, Document, make_document(people.carol()).pk, to=officer)
    assert Notice.objects.filter(staff=officer).count() == 2
    page.goto("/admin/notices/")
    looks.at("notices")
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.get_by_text("All notifications are marked as read.")).to_be_visible()
    page.goto("/admin/compliance/templates/")
    page.get_by_text("Edit").click()
    page.get_by_role("button", name="Save").first.click()
    looks.at("templates")
    # One press deletes nothing: it asks.
    page.locator("summary", has_text="Delete").click()
    looks.at("delete template")
    page.get_by_role("button", name="Delete template").click()
    expect(page.get_by_text("Template deleted.")).to_be_visible()
    page.goto("/admin/preferences/")
    page.get_by_text("Change keys").click()
    looks.at("keys of one's own")
    assert looks.faults == []


def test_opened_parts_of_cases_are_accessible(page: Page) -> None:
    people.community()
    alice, bob = people.alice(), people.bob()
    story = report(bob, kind="story", target_id=make_story(alice, "Look").pk, reason="violence").case
    event = report(bob, kind="event", target_id=make_event(alice, "Rude party").pk, reason="harassment").case
    message = report(bob, kind="message", target_id=make_message(alice, bob, "Send money").pk, reason="fraud").case
    assert isinstance(story, Case)
    assert isinstance(event, Case)
    assert isinstance(message, Case)
    sign_in(page, "community")
    looks = Looks(page)
    page.goto(f"/admin/moderation/{story.pk}/")
    press(page, "i")
    drawer = page.locator("#desk-drawer")
    expect(drawer).to_contain_text("Reports made")
    looks.at("author")
    page.keyboard.press("Escape")
    expect(drawer).not_to_be_visible()
    expect(page.locator("a[data-drawer]")).to_be_focused()
    press(page, "1", "2")
    expect(page.locator(".case-said").get_by_text("Selected actions only")).to_be_visible()
    looks.at("actions")
    page.goto(f"/admin/moderation/{event.pk}/")
    press(page, "3")
    expect(page.get_by_label("Title")).to_be_visible()
    looks.at("edit")
    page.goto(f"/admin/moderation/{message.pk}/")
    press(page, "v")
    looks.at("reveal")
    page.goto(f"/admin/moderation/{story.pk}/author/")
    looks.at("author's page")
    page.goto("/admin/moderation/?tab=open&due=day&sort=newest")
    expect(page.locator("[data-row]")).to_have_count(3)
    looks.at("filtered")
    page.get_by_text("Save this filter").click()
    looks.at("save a filter")
    assert looks.faults == []
