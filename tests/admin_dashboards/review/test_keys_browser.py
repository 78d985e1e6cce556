"""Keys at the desks: nothing unseen is decided, and each viewer has keys of their own, or none."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.users.accounts.access_log import views_of
from apps.users.models import Document, ReviewRule
from tests import people
from tests.accessibility import barriers
from tests.browser import LISTENS, open_desk, press, sign_in
from tests.console import COMPLIANCE_DESK
from tests.drawn import pdf
from tests.factories import make_document, make_documents

pytestmark = pytest.mark.django_db(transaction=True)

UNFOLD = "['shortcutsOpen', 'sidebarOpen'].map((name) => Alpine.$data(document.body)[name])"
"""Whether Unfold's own sheet of keys and its menu are open."""


def on(page: Page, document: Document) -> None:
    expect(page.locator("[data-part-heading]")).to_have_text(f"Identity document {document.pk} of {document.owner}")


def open_item(page: Page, document: Document) -> None:
    """Open it at once, as from a link; `test_a_held_key_decides_one_document` goes to it from the desk."""
    sign_in(page, "compliance")
    page.goto(f"{COMPLIANCE_DESK}{document.pk}/")
    on(page, document)


def decided() -> list[int]:
    return list(Document.objects.exclude(status="pending").order_by("id").values_list("id", flat=True))


def test_a_held_key_decides_one_document(page: Page) -> None:
    people.compliance()
    first, second, *_others = make_documents(5)
    open_desk(page, COMPLIANCE_DESK, "compliance")
    press(page, "n")
    on(page, first)
    page.wait_for_function(LISTENS)
    page.keyboard.down("a")  # and from now on it repeats
    for _ in range(10):
        page.keyboard.down("a")
    on(page, second)
    page.wait_for_function(LISTENS)
    for _ in range(10):
        page.keyboard.down("a")
    page.keyboard.up("a")
    on(page, second)
    assert decided() == [first.pk]


def test_decision_keys_wait_until_the_document_is_shown(page: Page) -> None:
    people.compliance()
    first, second = make_documents(2)
    sign_in(page, "compliance")
    waiting: list[Route] = []
    page.route("**/picture/**", lambda route: waiting.append(route), times=1)  # noqa: PLW0108  # Playwright marks it
    with page.expect_request("**/picture/**"):
        page.goto(f"{COMPLIANCE_DESK}{first.pk}/", wait_until="domcontentloaded")
    approve = page.get_by_role("button", name="Approve")
    expect(approve).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("a")
    approve.dispatch_event("click")
    expect(page.locator("[data-news]")).to_contain_text("Still loading: decide once it is shown.")
    assert decided() == []
    # Its address has expired, and another one is asked for: still nothing is shown.
    again: list[Route] = []
    page.route("**/page/1/", lambda route: again.append(route), times=1)  # noqa: PLW0108  # Playwright marks it
    with page.expect_request("**/page/1/"):
        waiting[0].abort()
    page.wait_for_timeout(200)  # twice the pause after which keys are heard
    expect(approve).to_have_attribute("aria-disabled", "true")
    expect(page.locator(".viewer-missing").first).to_be_hidden()
    again[0].continue_()
    expect(approve).not_to_have_attribute("aria-disabled", "true")
    press(page, "a")
    on(page, second)
    assert decided() == [first.pk]


def test_a_key_pressed_while_a_decision_is_on_its_way_does_nothing(page: Page) -> None:
    people.compliance()
    first, second, _third = make_documents(3)
    open_item(page, first)
    waiting: list[Route] = []
    page.route("**/decide/**", lambda route: waiting.append(route), times=1)  # noqa: PLW0108  # Playwright marks it
    with page.expect_request("**/decide/**"):
        press(page, "a")
    expect(page.locator("#desk-work")).to_have_attribute("aria-busy", "true")
    for key in ("a", "r", "n", "e"):
        page.keyboard.press(key)
    waiting[0].continue_()
    on(page, second)
    page.wait_for_function(LISTENS)
    assert decided() == [first.pk]
    on(page, second)


def test_the_next_picture_is_there_with_the_next_item(page: Page) -> None:
    people.compliance()
    first, second = make_documents(2)
    open_item(page, first)
    expect(page.locator("[data-item][data-fetched]")).to_have_count(1)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    press(page, "a")
    on(page, second)
    picture = page.locator("[data-viewer-page] img").first
    expect(picture).to_have_js_property("complete", value=True)
    assert picture.evaluate("one => one.src.startsWith('blob:') && one.naturalWidth > 0")
    assert page.url.endswith(f"{COMPLIANCE_DESK}{second.pk}/")
    assert [url for url in asked if "/picture/" in url] == []
    assert len([url for url in asked if "/decide/" in url or url.endswith(f"{COMPLIANCE_DESK}{second.pk}/")]) == 1, (
        "one trip"
    )
    # The owner reads of it once it is shown; it is fetched once, however often the item before is drawn.
    looks = Entry.objects.filter(verb=Action.VIEWED, subject=second.owner).order_by("id")
    assert ["ahead" in entry.detail for entry in looks] == [True, True, False]
    assert [entry.pk for entry in views_of(second.owner)] == [looks[2].pk]
    third = make_document(people.make_user("person2", verified=False))
    for text in ("One", "Two"):
        page.get_by_placeholder("Internal note").fill(text)
        page.get_by_role("button", name="Add note").click()
        expect(page.locator("[data-timeline]")).to_contain_text(text)
        expect(page.locator("[data-item][data-fetched]")).to_have_count(1)
    assert len([url for url in asked if f"/document/{third.pk}/picture/" in url]) == 1


def test_single_keys_are_turned_off_or_changed(page: Page) -> None:
    people.compliance()
    first, second, _third = make_documents(3)
    sign_in(page, "compliance")
    page.goto("/admin/preferences/")
    page.get_by_label("Use single-key shortcuts").uncheck()
    page.get_by_role("button", name="Save").click()
    # Nor do the table's own keys act, and nothing is unveiled.
    page.goto("/admin/users/document/")
    page.wait_for_load_state()
    for key in ("?", "/", "["):
        page.keyboard.press(key)
    page.keyboard.down("v")
    assert page.evaluate(UNFOLD) == [False, True]
    expect(page.get_by_placeholder("Owner or ID")).not_to_be_focused()
    expect(page.locator("body.is-lifted")).to_have_count(0)
    page.keyboard.up("v")
    page.goto(f"{COMPLIANCE_DESK}{first.pk}/")
    page.wait_for_function(LISTENS)
    for key in ("a", "r", "n", "?", "q", "["):
        page.keyboard.press(key)
    on(page, first)
    assert page.evaluate(UNFOLD) == [False, True]
    expect(page.locator("#desk-work kbd")).to_have_count(0)
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(page.get_by_text("Single-key shortcuts are off.")).to_be_visible()
    page.get_by_role("link", name="Turn off or change keys").click()

    page.get_by_label("Use single-key shortcuts").check()
    page.get_by_text("Change keys").click()
    page.get_by_label("Approve, keep or uphold").fill("r")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("“r” already stands for “Approve, keep or uphold”.")).to_be_visible()
    page.get_by_label("Approve, keep or uphold").fill("z")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Preferences saved.")).to_be_visible()
    page.goto(f"{COMPLIANCE_DESK}{first.pk}/")
    press(page, "a")
    on(page, first)
    expect(page.get_by_role("button", name="Approve").locator("kbd")).to_have_text("z")
    # Each key acts once: the desk's, not the menu's and the framework's besides.
    press(page, "[", "?")
    assert page.evaluate(UNFOLD) == [False, True]
    expect(page.locator("[data-shortcut=a]")).to_contain_text("z")
    press(page, "Escape", "z")
    on(page, second)
    assert decided() == [first.pk]


def test_keys_stop_waiting_after_a_timeout(page: Page) -> None:
    people.compliance()
    first, second = make_documents(2)
    sign_in(page, "compliance")
    page.clock.install()
    page.route("**/picture/**", lambda route: None)
    page.route("**/action/", lambda route: route.abort(), times=1)
    page.goto(f"{COMPLIANCE_DESK}{first.pk}/", wait_until="domcontentloaded")
    approve, news = page.get_by_role("button", name="Approve"), page.locator("[data-news]")
    # Not claimed, though it can be decided: that is said, and tried again.
    expect(news).to_contain_text("Not claimed: no connection to the console.")
    page.clock.run_for(5_100)
    expect(page.locator("[data-item][data-claimed='1']")).to_have_count(1)
    expect(news).to_be_hidden()
    without = page.get_by_role("button", name="Decide without it")
    expect(approve).to_have_attribute("aria-disabled", "true")
    page.clock.run_for(10_000)
    expect(page.get_by_text("Image not loaded.")).to_be_visible()
    assert barriers(page) == []
    without.click()
    expect(without).to_have_count(0)
    # An answer that does not come, and one that is none.
    page.route("**/decide/", lambda route: None, times=1)
    with page.expect_request("**/decide/"):
        press(page, "a")
    page.clock.run_for(20_100)
    expect(news).to_contain_text("No answer within 20 seconds. Reload the page, then check what was decided.")
    page.route("**/decide/", lambda route: route.fulfill(status=500, body="Server Error"), times=1)
    press(page, "a")
    expect(news).to_contain_text("The console failed. Reload the page, then check what was decided.")
    page.unroute("**/picture/**")
    press(page, "a")
    on(page, second)
    assert decided() == [first.pk]


def test_an_open_palette_takes_all_keys_and_what_was_typed_before_one_left_comes_back(page: Page) -> None:
    people.compliance()
    first, second, _third = make_documents(3)
    sign_in(page, "compliance")
    page.goto(f"{COMPLIANCE_DESK}{first.pk}/")
    page.wait_for_function(LISTENS)
    opener = page.get_by_role("button", name="Search and commands")
    opener.click()
    palette = page.locator("[data-palette]")
    close = palette.get_by_role("button", name="Close")
    expect(page.locator("#search-input-command")).to_be_focused()
    close.focus()
    for key in ("a", "n", "q"):
        page.keyboard.press(key)
    close.click()
    expect(palette).to_be_hidden()  # one frame later; until then it takes the keys
    expect(opener).to_be_focused()
    page.locator("[data-part-heading]").focus()
    on(page, first)

    # A preview that does not come is not the one before.
    preview = page.locator("#message-notification")
    page.route("**/preview/", lambda route: route.abort(), times=1)
    press(page, "2")
    expect(preview).to_have_text("Preview not available. Try again.")
    page.locator("[name=comment]").fill("Send the new one")
    expect(preview).to_contain_text("Send the new one")
    news = page.locator("[data-news]")
    for way in ("n", "q"):
        press(page, "Escape", way)
        expect(page.locator("[data-part-heading]", has_text=first.owner.username)).to_have_count(0)
        page.goto(f"{COMPLIANCE_DESK}{first.pk}/")
        expect(news).to_contain_text("What you typed here before is filled in again.")
        expect(page.locator("[name=comment]")).to_have_value("Send the new one")
        expect(page.get_by_label("Expired")).to_be_checked()
        expect(preview).to_contain_text("Send the new one")
    press(page, "r")
    on(page, second)
    expect(page.locator("[name=comment]")).to_have_value("")
    # Undone, the text is there again; the reason is to be chosen anew, so that no single key rejects it once more.
    press(page, "u")
    on(page, first)
    expect(page.locator("[name=comment]")).to_have_value("Send the new one")
    expect(page.get_by_label("Expired")).not_to_be_checked()
    press(page, "2", "r")
    on(page, second)
    expect(page.locator("[name=comment]")).to_have_value("")
    # Said by a live region that was there before, and not each second again.
    expect(page.locator("[data-announced]")).to_have_text(f"Rejected: Identity document {first.pk} of person0")
    expect(page.locator("[role=status] [data-countdown]")).to_have_count(0)
    press(page, "a")
    # Pressed twice, one decision is undone: the other one has not been read.
    press(page, "u")
    page.keyboard.press("u")
    expect(page.locator("[data-announced]")).to_have_text(
        f"Decision on Identity document {second.pk} of person1 undone."
    )
    page.wait_for_function(LISTENS)
    on(page, second)
    expect(page.locator(".desk-last")).to_contain_text("Before that: Rejected")
    assert decided() == [first.pk]


def test_keys_of_an_open_item_leave_it_in_place_and_the_focus_where_it_was(page: Page) -> None:
    people.compliance()
    open_item(page, make_documents(1)[0])
    # Those of the decision do not scroll the evidence away.
    press(page, "2", "Escape", "t")
    expect(page.locator("[name=comment]")).to_be_focused()
    assert page.evaluate("scrollY") == 0
    press(page, "Escape")
    # Tools close and give the focus back.
    for key, tool in (("s", "Snooze"), ("e", "Escalate")):
        press(page, key)
        page.keyboard.press("Escape")
        expect(page.locator("summary", has_text=tool)).to_be_focused()
        expect(page.locator(".desk-tool[open]")).to_have_count(0)
    press(page, "e")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    expect(page.locator(".desk-tool[open]")).to_have_count(0)
    # The sheet of keys is whole.
    for width, height in ((1366, 768), (390, 844), (683, 384)):
        page.set_viewport_size({"width": width, "height": height})
        press(page, "?")
        sheet = page.locator("#desk-keys")
        box = sheet.bounding_box()
        assert box
        assert min(box["x"], box["y"]) >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
        assert sheet.evaluate("one => one.scrollTop") == 0
        for heading in ("Keyboard shortcuts", "Decide", "Move", "View"):
            expect(sheet.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        press(page, "Escape")


def test_the_bar_says_what_was_done_and_what_undo_would_undo(page: Page) -> None:
    people.compliance()
    ReviewRule.objects.create()
    first = make_document(people.make_user("acme", verified=False), pdf(1), "application/pdf")
    make_documents(1)
    sign_in(page, "compliance")
    page.goto(f"{COMPLIANCE_DESK}{first.pk}/")
    press(page, "a")
    bar = page.locator(".desk-last")
    expect(bar).to_contain_text(
        f"First approval recorded for Identity document {first.pk} of acme. Waiting for a second officer."
    )
    expect(bar).not_to_contain_text("Sen")
    expect(bar.get_by_role("button")).to_have_accessible_name(
        f"Undo “First approval recorded for Identity document {first.pk} of acme. Waiting for a second officer.”"
    )


def test_input_of_a_lost_claim_is_restored(page: Page) -> None:
    people.compliance()
    colleague = people.make_staff("vera", "Compliance Officer")
    document = make_documents(1)[0]
    open_item(page, document)
    expect(page.locator("[data-item][data-claimed='1']")).to_have_count(1)
    page.locator("[name=comment]").fill("Half a thought")
    Document.objects.filter(pk=document.pk).update(claimed_by=colleague)
    news = page.locator("[data-news]")
    expect(news).to_contain_text("vera has taken this over.")
    news.get_by_role("button", name="Reload").click()
    expect(page.locator("[data-draft]")).to_contain_text("What you typed before")
    expect(page.locator(".desk-why-not")).to_contain_text("Claimed by vera")
