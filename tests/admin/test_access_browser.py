"""The access desk's pages in a browser: the board by keyboard, page sizes by choosing, no script left out."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from playwright.sync_api import Page, expect

from tests import people

pytestmark = pytest.mark.django_db(transaction=True)


def sign_in(page: Page, username: str) -> list[str]:
    """Sign in; what the browser complains about from then on is in the list."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto("/admin/login/")
    page.fill("#id_username", username)
    page.fill("#id_password", people.PASSWORD)
    page.keyboard.press("Enter")
    # Whoever has one desk lands there, others on the overview.
    page.wait_for_url(lambda address: "/login/" not in address)
    return complaints


def test_the_product_s_path_by_typing_and_ticking(page: Page) -> None:
    people.access()
    people.make_staff("nora")
    complaints = sign_in(page, "access")
    page.get_by_role("navigation").get_by_role("link", name="Groups", exact=True).click()
    page.get_by_role("link", name="Add group").click()
    page.get_by_label("Name").fill("Junior Moderators")
    search = page.get_by_label("Search permissions")
    search.fill("Story")
    expect(page.get_by_label("Can change event")).to_be_hidden()
    page.get_by_label("Can delete story").check()
    search.fill("Event")
    expect(page.get_by_label("Can delete story")).to_be_hidden()
    # By keyboard alone: the event permissions are the next thing to reach from the box.
    search.press("Tab")
    for _step in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('label')?.textContent.trim()") == "Can change event":
            page.keyboard.press("Space")
            break
    expect(page.get_by_text("2 ticked")).to_be_visible()
    search.fill("no such thing")
    expect(page.get_by_text("No permissions found.")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/admin/auth/group/")
    held = Group.objects.get(name="Junior Moderators").permissions.values_list("codename", flat=True)
    assert set(held) == {"delete_story", "change_event"}
    page.get_by_role("navigation").get_by_role("link", name="Users", exact=True).click()
    page.get_by_role("link", name="nora", exact=True).click()
    page.get_by_label("Junior Moderators").check()
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/admin/users/staff/")
    assert Group.objects.get(name="Junior Moderators").user_set.get().username == "nora"
    assert complaints == []


def test_a_page_size_is_chosen_and_stays(page: Page) -> None:
    for number in range(30):
        people.make_user(f"person{number:02}")
    people.compliance()
    sign_in(page, "compliance")
    page.goto("/admin/users/user/?role__exact=influencer")
    expect(page.locator("#result_list tr.data-row")).to_have_count(10)
    page.get_by_label("Rows per page").select_option("25")
    expect(page.locator("#result_list tr.data-row")).to_have_count(25)
    assert "role__exact=influencer" in page.url
    page.goto("/admin/users/user/")
    expect(page.locator("#result_list tr.data-row")).to_have_count(25)
