"""What opens, widens and switches on every page, by mouse and by keys, under a policy that evaluates no script."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests import people
from tests.browser import sign_in
from tests.factories import make_document, make_story

pytestmark = pytest.mark.django_db(transaction=True)


def test_menus_of_every_page_work(page: Page) -> None:
    alice = people.alice()
    make_document(alice)
    make_story(alice, "Look")
    people.admin()
    sign_in(page, "admin")
    page.goto("/admin/users/user/")
    root = page.locator("html")
    # The user's menu, and in it the theme, which the next page keeps.
    menu = page.locator("#nav-sidebar")
    menu.get_by_role("button").filter(has_text="unfold_more").click()
    dark = menu.get_by_text("dark_mode")
    expect(dark).to_be_visible()
    dark.click()
    expect(root).to_have_class("dark")
    page.reload()
    expect(root).to_have_class("dark")
    page.keyboard.press("Control+e")
    expect(root).to_have_class("light")
    # The sidebar is shut and opened by a key.
    page.keyboard.press("[")
    expect(menu).to_be_hidden()
    page.keyboard.press("[")
    expect(menu).to_be_visible()
    # The bar of actions is as wide as the list.
    page.goto("/admin/stories/story/")
    page.locator("input.action-select").first.check()
    bar = page.locator("#changelist-actions")
    expect(bar).to_be_visible()
    bar_box, list_box = bar.bounding_box(), page.locator("#changelist [x-resize]").bounding_box()
    assert bar_box is not None
    assert list_box is not None
    assert abs(bar_box["width"] - list_box["width"]) <= 8
    # On a phone the menu opens over the page.
    page.set_viewport_size({"width": 390, "height": 768})
    page.goto("/admin/users/user/")
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="Menu").first.click()
    expect(menu).to_be_visible()
    # So do the filters.
    page.goto("/admin/users/user/")
    filters = page.locator("#changelist-filter")
    expect(filters).to_be_hidden()
    page.locator(".filter-open-button").click()
    expect(filters).to_be_visible()
    page.keyboard.press("Escape")
    expect(filters).to_be_hidden()
