"""Signed out or out of date while writing, as it goes in a browser: what was typed comes back, to its writer alone."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.review.models import Note
from apps.users.models import Session, User
from apps.users.verification.upload import send_document
from tests import people
from tests.accessibility import barriers
from tests.browser import sign_in
from tests.drawn import png, upload
from tests.factories import make_event

pytestmark = pytest.mark.django_db(transaction=True)
NOTE = "Internal note (staff only; @name notifies a colleague)"


def end(user: User) -> None:
    Session.objects.filter(user=user, door=Session.EntryPoint.CONSOLE).update(expires_at=timezone.now())


def give_password(page: Page, username: str) -> None:
    page.fill("#id_username", username)
    page.fill("#id_password", people.PASSWORD)
    page.keyboard.press("Enter")


def change_token(page: Page) -> None:
    """As a sign-in in another tab does."""
    (cookie,) = [each for each in page.context.cookies() if each["name"] == settings.CSRF_COOKIE_NAME]
    page.context.add_cookies([cookie | {"value": "y" * 32}])  # type: ignore[list-item]


def test_an_open_desk_says_so_and_what_was_typed_comes_back(page: Page) -> None:
    vera = people.make_staff("vera", "Compliance Officer")
    document = send_document(people.newton(), upload(png()), doc_type="identity")
    sign_in(page, "vera")
    page.goto(f"/admin/compliance/{document.pk}/?tab=waiting")
    note = page.get_by_label(NOTE)
    note.fill("Odd stamp")
    evidence, details = page.get_by_label("Evidence"), page.get_by_label("Details", exact=True)
    expect(evidence).to_be_visible()
    end(vera)
    said = page.get_by_text("You are signed out.")
    expect(said).to_be_visible()
    for private in (evidence, details, page.locator("[data-timeline]"), page.locator("[data-part-heading]")):
        expect(private).to_be_hidden()
    assert barriers(page) == []
    note.fill("Odd stamp on page 1")
    said.get_by_role("link", name="Sign in again").click()
    expect(page.get_by_text("Not saved:")).to_contain_text(NOTE)
    expect(page.locator("main")).not_to_contain_text("newton")
    assert barriers(page) == []
    give_password(page, "vera")
    page.wait_for_url(f"**/admin/compliance/{document.pk}/?tab=waiting")
    expect(note).to_have_value("Odd stamp on page 1")
    expect(page.get_by_text("It is not saved yet.")).to_be_visible()

    # Signed in again elsewhere: this page's token counts no more. What is typed stays, and goes with the next press.
    change_token(page)
    page.get_by_role("button", name="Add note").click()
    expect(page.get_by_text("It is up to date now: press again.")).to_be_visible()
    expect(note).to_have_value("Odd stamp on page 1")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator("[data-timeline]")).to_contain_text("Odd stamp on page 1")
    assert Note.objects.get().text == "Odd stamp on page 1"


def test_lost_form_input_is_restored_to_its_writer_alone(page: Page) -> None:
    community, other = people.community(), people.make_staff("carla", "Community Manager")
    event = make_event(people.alice(), "Party")
    sign_in(page, "community")
    change = f"/admin/events/event/{event.pk}/change/"

    def lose(text: str) -> None:
        page.goto(change)
        page.get_by_label("Description").fill(text)
        end(community)
        page.get_by_role("button", name="Save", exact=True).click()
        page.wait_for_url("**/admin/login/**")
        expect(page.get_by_text("nothing of it was saved")).to_be_visible()

    lose("Bring cake")
    give_password(page, "community")
    page.wait_for_url(f"**{change}")
    expect(page.get_by_label("Description")).to_have_value("Bring cake")
    assert barriers(page) == []

    # Out of date: the page that says so leads back, and the text is there.
    change_token(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="This form is out of date")).to_be_visible()
    assert barriers(page) == []
    page.get_by_role("link", name="Open the form again").click()
    expect(page.get_by_label("Description")).to_have_value("Bring cake")

    # Another user at the same screen sees nothing of it, nor does its writer after them.
    lose("Bring cake and wine")
    give_password(page, other.username)
    page.wait_for_url(f"**{change}")
    expect(page.get_by_label("Description")).not_to_have_value("Bring cake and wine")
    page.wait_for_function("sessionStorage.getItem('infloo-draft') === null")

    # Nor is anything kept after the sign-out, or of a form that was taken.
    page.get_by_label("Description").fill("Bring wine")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/admin/events/event/")
    assert page.evaluate("sessionStorage.getItem('infloo-draft')") is None
