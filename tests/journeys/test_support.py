"""A user is on the phone: "Why can't I see it?" From the sign-in to the answer in three gestures, counted."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.users.models import Block, User
from tests import people
from tests.accessibility import barriers
from tests.browser import sign_in
from tests.factories import make_connection, make_message, make_notification, make_story

pytestmark = pytest.mark.django_db(transaction=True)
# Whatever one does with keyboard or pointer that sets something off, on all pages of the visit.
COUNTING = """
    const note = (name) => sessionStorage.setItem("actions", (sessionStorage.getItem("actions") || "") + name + " ");
    addEventListener("paste", () => note("paste"), true);
    addEventListener("click", (event) => event.detail && note("click"), true);
    addEventListener("keydown", (event) => event.key === "Enter" && note("enter"), true);
"""


def test_support_finds_an_answer_from_a_name(page: Page) -> None:
    people.support()
    alice, bob = people.alice(), people.bob()
    make_connection(bob, alice)
    save_as(bob, Block(blocker=bob, blocked=alice), action=Action.BLOCKED)
    page.add_init_script(COUNTING)
    page.goto("/admin/login/?next=/admin/support/")
    page.fill("#id_username", "support")
    page.fill("#id_password", people.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Find a user or their content")).to_be_visible()

    page.evaluate("sessionStorage.clear()")
    # One: paste the name. The box has the focus already.
    page.keyboard.insert_text("alice@example.com")
    page.keyboard.press("Enter")
    # Two: pick the object.
    page.get_by_role("link", name="from bob").click()
    # Three: read.
    expect(page.get_by_role("heading", name="alice does not see connection request")).to_be_visible()
    expect(page.get_by_text("bob blocked alice")).to_be_visible()
    assert page.evaluate("sessionStorage.actions").split() == ["enter", "click"]

    # The page of the person, and what they are shown, by keys.
    page.keyboard.press("q")
    expect(page.get_by_role("heading", name="alice", exact=True)).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Someone else's content")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="from bob")).to_be_focused()
    page.keyboard.press("a")
    page.get_by_label("Reason").fill("she calls about a request")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text("This is what alice sees.")).to_be_visible()
    for width in (390, 1366):
        page.set_viewport_size({"width": width, "height": 768})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"


def test_every_page_is_open_to_all_with_everything_unfolded(page: Page) -> None:
    people.support()
    alice, bob = people.alice(), people.bob()
    User.objects.update(phone="+44 20 5550001")
    connection = make_connection(bob, alice)
    make_message(bob, alice)
    make_notification(alice)
    story = make_story(bob, "Sunset")
    save_as(bob, Block(blocker=bob, blocked=alice), action=Action.BLOCKED)
    sign_in(page, "support")
    home = f"/admin/support/{alice.pk}/"
    for address in (
        "/admin/support/?q=5550001",
        "/admin/support/?q=12345",
        home,
        f"{home}pick/?q=bob",
        f"{home}pick/?q=none",
        f"{home}why/connection/{connection.pk}/",
        f"{home}why/story/{story.pk}/?at=2001-01-01",
        f"{home}as_seen/",
    ):
        page.goto(address)
        page.evaluate(OPEN_ALL)
        assert barriers(page) == [], address
    page.get_by_label("Reason").fill("x")
    page.evaluate("document.querySelector('#reason').form.noValidate = true")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="at least 10 characters")).to_be_visible()
    assert barriers(page) == []
    page.get_by_label("Reason").fill("she calls about a request")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator(".support-answer-panel").first).to_be_visible()
    page.wait_for_load_state()  # the script that listens to keys comes with the page
    page.keyboard.press("+")
    expect(page.locator(".support-answer-panel:not([open])")).to_have_count(0)
    assert barriers(page) == []


def test_explained_rows_are_scrolled_to_and_answers_open_by_keys(page: Page) -> None:
    people.support()
    alice = people.alice()
    for number in range(30):
        asked = make_connection(people.make_user(f"other{number}"), alice)
    oldest = asked.pk - 29
    sign_in(page, "support")
    page.goto(f"/admin/support/{alice.pk}/why/connection/{oldest}/")
    page.get_by_role("link", name="See what the app shows them").click()
    page.get_by_label("Reason").fill("she calls about a request")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("#asked")).to_contain_text("other0")
    expect(page.locator("#asked")).to_be_in_viewport()
    closed, opened = page.locator("details:not([open]) > summary code"), page.locator("details[open] > summary code")
    page.keyboard.press("-")
    expect(opened).to_have_count(0)
    expect(page.get_by_role("status").get_by_text("All answers are closed.")).to_be_attached()
    page.keyboard.press("+")
    expect(closed).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Close all answers")
