"""Somebody is on the phone: "Why can't I see it?" From the sign-in to the answer in three gestures, counted."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from apps.audit.history import save_as
from apps.users.models import Block
from tests import people
from tests.things import make_connection

pytestmark = pytest.mark.django_db(transaction=True)
# Whatever one does with keyboard or pointer that sets something off, on all pages of the visit.
COUNTING = """
    const note = (deed) => sessionStorage.setItem("deeds", (sessionStorage.getItem("deeds") || "") + deed + " ");
    addEventListener("paste", () => note("paste"), true);
    addEventListener("click", (event) => event.detail && note("click"), true);
    addEventListener("keydown", (event) => event.key === "Enter" && note("enter"), true);
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_from_a_name_to_the_answer(page: Page, scheme: str) -> None:
    people.support()
    alice, bob = people.alice(), people.bob()
    make_connection(bob, alice)
    save_as(bob, Block(blocker=bob, blocked=alice), reason="blocked")
    page.add_init_script(COUNTING)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto("/admin/login/?next=/admin/support/")
    page.fill("#id_username", "support")
    page.fill("#id_password", people.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Find a user or their content")).to_be_visible()
    assert serious(page) == []

    page.evaluate("sessionStorage.clear()")
    # One: paste the name. The box has the focus already.
    page.keyboard.insert_text("alice@example.com")
    page.keyboard.press("Enter")
    # Two: pick the thing.
    page.get_by_role("link", name="from bob").click()
    # Three: read.
    expect(page.get_by_role("heading", name="alice does not see connection request")).to_be_visible()
    expect(page.get_by_text("bob blocked alice")).to_be_visible()
    assert page.evaluate("sessionStorage.deeds").split() == ["enter", "click"]
    assert serious(page) == []

    # The page of the person, and what they are shown, by keys.
    page.keyboard.press("q")
    expect(page.get_by_role("heading", name="alice", exact=True)).to_be_visible()
    assert serious(page) == []
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Someone else's content")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="from bob")).to_be_focused()
    page.keyboard.press("a")
    page.get_by_label("Reason").fill("she calls about a request")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text("This is what alice sees.")).to_be_visible()
    assert serious(page) == []
    for width in (390, 1366):
        page.set_viewport_size({"width": width, "height": 768})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def serious(page: Page) -> list[str]:
    """What axe finds that keeps somebody out."""
    page.wait_for_load_state()
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found if each["impact"] in ("serious", "critical")]
