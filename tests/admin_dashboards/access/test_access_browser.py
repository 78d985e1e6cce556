"""The access desk's pages in a browser: the board by keyboard, page sizes by choosing, no script left out."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from playwright.sync_api import Page, Route, expect

from apps.access import may
from apps.users.models import User
from apps.users.staff.accounts import groups_of
from apps.users.staff.object_grants import grant_on_row
from tests import people
from tests.accessibility import barriers
from tests.authenticator import enrol
from tests.browser import sign_in
from tests.console import console
from tests.factories import make_story
from tests.tab import REAL_PAUSES

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_product_s_path_by_typing_and_ticking(page: Page) -> None:
    people.access()
    people.make_staff("nora")
    complaints = sign_in(page, "access")
    page.goto("/admin/access/")
    page.get_by_role("navigation").get_by_role("link", name="Groups", exact=True).click()
    page.get_by_role("link", name="Add group").click()
    page.get_by_label("Name").fill("Junior Moderators")
    page.evaluate(REAL_PAUSES)  # a preview while it is saved would find the name taken
    search = page.get_by_label("Search permissions")
    search.fill("Story")
    expect(page.get_by_label("Can change event")).to_be_hidden()
    page.get_by_label("Can delete story").check()
    search.fill("Event")
    expect(page.get_by_label("Can delete story")).to_be_hidden()
    # By keyboard alone: the event permissions are the next to reach from the box.
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
    granted = Group.objects.get(name="Junior Moderators").permissions.values_list("codename", flat=True)
    assert set(granted) == {"delete_story", "change_event"}
    page.get_by_role("navigation").get_by_role("link", name="Users", exact=True).click()
    page.get_by_role("link", name="nora", exact=True).click()
    page.wait_for_url("**/change/")
    page.evaluate(REAL_PAUSES)
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


# --- The preview stands beside the form, and covers nothing -----------------------------------------------------------

NOTE_HIDDEN = """
    () => {
        window.found = [];
        // Before a key acts, when all that the one before set off has been drawn.
        addEventListener("keydown", () => found.push(hidden()), true);
    }
"""
HIDDEN = """
    window.hidden = () => {
        const at = document.activeElement;
        if (at === document.body || at.closest(".preview, footer, #nav-sidebar, header")) return "";
        const box = at.getBoundingClientRect();
        const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
        const seen = top && (at.contains(top) || top.contains(at) || top.closest("label")?.contains(at));
        return seen ? "" : `${at.tagName} ${at.name} ${at.value} under ${top?.className}`;
    }
"""


def test_controls_of_the_board_are_24_pixels_large_and_never_hidden_by_the_preview_when_focused(page: Page) -> None:
    people.access()
    sign_in(page, "access")
    for width, height in ((1366, 768), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.goto("/admin/auth/group/add/")
        panel = page.locator(".preview")
        assert panel.bounding_box()["height"] <= 56  # type: ignore[index]
        boxes = page.eval_on_selector_all(
            ".board label, .board input[type=search]",
            "all => all.map(each => each.getBoundingClientRect()).map(box => [box.width, box.height])",
        )
        assert len(boxes) > 40
        assert [box for box in boxes if min(box) < 24] == []
        page.evaluate(HIDDEN)
        page.evaluate(NOTE_HIDDEN)
        for unfolded in (False, True):
            if unfolded:
                page.get_by_role("button", name="Details").click()
                expect(panel.get_by_text("Check the form:").last).to_be_visible()
            page.get_by_label("Name").focus()
            for key in ["Tab"] * 60 + ["Shift+Tab"] * 40:
                page.keyboard.press(key)
            found = page.evaluate("[...found.splice(0), hidden()]")
            assert len(found) > 100
            assert [place for place in found if place] == [], (width, unfolded)


def test_the_preview_is_a_column_beside_the_form_where_there_is_room(page: Page) -> None:
    people.access()
    sign_in(page, "access")
    page.set_viewport_size({"width": 1920, "height": 1000})
    page.goto("/admin/auth/group/add/")
    page.get_by_label("Name").fill("Juniors")
    page.get_by_label("Can delete story").check()
    expect(page.get_by_text("No members yet, no one is affected.")).to_be_visible()
    panel: dict[str, float] = page.locator(".preview").bounding_box()
    form: dict[str, float] = page.locator("#group_form").bounding_box()
    footer: dict[str, float] = page.locator("#main > footer").bounding_box()
    assert panel["x"] >= form["x"] + form["width"]
    assert panel["y"] + panel["height"] <= footer["y"]
    assert page.get_by_role("button", name="Details").is_hidden()


# --- Parts that htmx fetches ------------------------------------------------------------------------------------------


def test_parts_that_fail_say_so_and_are_fetched_again_and_late_ones_are_ended(page: Page) -> None:
    people.access()
    nora = people.make_staff("nora", "Community Manager")
    story, other = make_story(people.alice()), make_story(people.bob())
    sign_in(page, "access")
    page.goto(f"/admin/users/staff/{nora.pk}/change/")
    counts, matches = page.locator("#preview-counts"), page.locator("#find-matches")
    find = page.get_by_role("searchbox", name="Object")
    page.context.set_offline(True)
    page.get_by_label("Community Manager").uncheck()
    expect(counts).to_have_text("Preview not available. Try again.")
    find.fill("alice")
    expect(matches).to_have_text("Search is not available right now. Try again.")
    page.context.set_offline(False)
    page.get_by_role("button", name="Details").click()
    expect(counts).to_contain_text("1 person affected")
    find.fill(f"{story.pk}")
    expect(page.get_by_role("link", name=f"#{story.pk}, alice")).to_be_visible()
    find.fill("")
    expect(matches).to_have_text("")

    # A search ends the one before that is still on its way.
    pending: list[Route] = []

    def keep_waiting(route: Route) -> None:
        pending.append(route)

    page.route("**/grant/?*q=alice*", keep_waiting)
    with page.expect_request("**/grant/?*q=alice*"):
        find.fill("alice")
    with page.expect_event("requestfailed", lambda request: "q=alice" in request.url):
        find.fill("bob")
    expect(matches).to_contain_text(f"#{other.pk}, bob")
    assert len(pending) == 1


def test_parts_of_signed_out_users_are_never_a_sign_in_page(page: Page) -> None:
    people.access()
    nora = people.make_staff("nora", "Community Manager")
    login = page.request.get("/admin/login/").text()
    for is_login_page in (False, True):
        sign_in(page, "access")
        page.goto(f"/admin/users/staff/{nora.pk}/change/")
        if is_login_page:
            for address in ("**/change/", "**/grant/**"):
                page.route(address, lambda route: route.fulfill(body=login, content_type="text/html"))
        else:
            page.context.clear_cookies()
        page.get_by_label("Community Manager").uncheck()
        expect(page.locator("#preview-counts")).to_have_text("Preview not available. Try again.")
        page.get_by_role("searchbox", name="Object").fill("alice")
        expect(page.locator("#find-matches")).to_have_text("Search is not available right now. Try again.")


# --- By keyboard alone -----------------------------------------------------------------------------------------------


def reach(page: Page, selector: str) -> None:
    """Press Tab until what fits `selector` has the focus."""
    for _step in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"No way to {selector} by Tab")


def test_a_role_and_a_member_until_a_time_are_made_by_keyboard_alone(page: Page) -> None:
    people.access()
    nora = people.make_staff("nora")
    sign_in(page, "access")
    page.goto("/admin/auth/group/add/")
    reach(page, "#id_name")
    page.keyboard.type("Juniors")
    reach(page, ".board-search")
    page.keyboard.type("delete story")
    reach(page, ".board-permission input")
    page.keyboard.press("Space")
    expect(page.get_by_text("No one is affected", exact=True)).to_be_visible()
    reach(page, "[data-preview-fold]")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No members yet, no one is affected.")).to_be_visible()
    reach(page, "footer button[name=_save]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/auth/group/")
    juniors = Group.objects.get(name="Juniors")

    page.goto(f"/admin/users/staff/{nora.pk}/change/")
    reach(page, f"input[name=groups][value='{juniors.pk}']")
    page.keyboard.press("Space")
    reach(page, f"input[name=groups_until_{juniors.pk}]")
    page.keyboard.type("05032100")
    page.keyboard.press("Tab")  # a year may have more digits
    page.keyboard.type("0500PM")
    expect(page.get_by_text("1 person affected")).to_be_visible()
    page.locator(f"input[name=groups_until_{juniors.pk}]").press("Enter")
    page.wait_for_url("**/admin/users/staff/")
    [end] = groups_of(nora).values()
    assert (end and end.isoformat()) == "2100-05-03T17:00:00+00:00"


def test_an_object_is_granted_by_keyboard_alone_without_its_number(page: Page) -> None:
    people.access()
    nora = people.make_staff("nora")
    story = make_story(people.alice(), "Sunset at the lake")
    make_story(people.bob(), "Sunset in town")
    sign_in(page, "access")
    page.goto(f"/admin/users/staff/{nora.pk}/change/")
    reach(page, ".access-find input[name=q]")
    page.keyboard.type("alice")
    expect(page.get_by_role("link", name=f"#{story.pk}, alice")).to_be_visible()
    reach(page, f"a[href*='/story/{story.pk}/permissions/']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/permissions/**")
    expect(page.get_by_label("Staff member or group")).to_have_value("nora")
    reach(page, "input[name=perm][value='stories.delete_story']")
    page.keyboard.press("Space")
    expect(page.get_by_text("1 person affected")).to_be_visible()
    page.locator("input[name=perm][value='stories.delete_story']").press("Enter")
    expect(page.get_by_text("Granted to nora.")).to_be_visible()
    assert may(User.objects.get(pk=nora.pk), "stories.delete_story", story)


def test_sessions_resets_and_explanations_take_the_keyboard_alone(page: Page) -> None:
    people.access()
    nora = people.make_staff("nora", "Community Manager")
    console(nora).get("/admin/")
    enrol(nora)
    sign_in(page, "access")
    page.goto("/admin/access/")
    reach(page, "[aria-label='End this session of nora']")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Session of nora ended.")).to_be_visible()
    assert page.url.endswith("/admin/access/")
    reach(page, "summary[data-key=r]")
    page.keyboard.press("Enter")
    reach(page, "form[action$='/reset/'] input[name=person]")
    page.keyboard.type("ghost")
    reach(page, "form[action$='/reset/'] input[name=reason]")
    page.keyboard.type("lost the phone")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No user has this user name. Check the spelling.")).to_be_visible()
    expect(page.locator("form[action$='/reset/'] input[name=person]")).to_be_focused()
    expect(page.locator("form[action$='/reset/'] input[name=reason]")).to_have_value("lost the phone")
    page.keyboard.press("Control+A")
    page.keyboard.type("nora")
    page.keyboard.press("Enter")
    expect(page.get_by_text("MFA reset of nora requested.")).to_be_visible()
    reach(page, ".access-question input[name=person]")
    page.keyboard.type("nora")
    reach(page, ".access-question select")
    page.keyboard.type("Can delete story")
    reach(page, ".access-question button")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Through the group “Community Manager”")).to_be_visible()


def test_opened_parts_of_the_access_pages_are_accessible(page: Page) -> None:
    manager = people.access()
    nora, alice = people.make_staff("nora", "Community Manager"), people.alice()
    story = make_story(alice, "Sunset at the lake")
    console(nora).get("/admin/")
    grant_on_row(people.admin(), nora, "stories.view_story", story, reason="helps out")
    page.goto("/admin/login/")
    page.fill("#id_username", "access")
    page.fill("#id_password", "wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    faults = [f"sign-in, {fault}" for fault in barriers(page)]
    sign_in(page, manager.username)

    def check(name: str) -> None:
        faults.extend(f"{name}, {fault}" for fault in barriers(page))

    page.goto("/admin/access/")
    page.get_by_text("Request reset").click()
    page.locator("form[action$='/reset/'] input[name=person]").fill("ghost")
    page.locator("form[action$='/reset/'] input[name=reason]").fill("lost the phone")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No user has this user name.")).to_be_visible()
    check("desk, rejected")
    page.goto("/admin/access/?q=nora")
    check("desk, filtered")
    page.goto("/admin/access/explain/?person=nora&perm=stories.delete_story")
    check("explain")
    page.goto(f"/admin/users/staff/{nora.pk}/change/")
    page.get_by_label("Community Manager").uncheck()
    page.get_by_role("button", name="Details").click()
    expect(page.get_by_text("One person is affected.")).to_be_visible()
    # By their owner: what stories say is for those who may view them.
    page.locator(".access-find input").fill("alice")
    expect(page.get_by_role("link", name=f"#{story.pk}, alice")).to_be_visible()
    check("staff, preview unfolded, matches")
    page.goto(f"/admin/users/staff/{nora.pk}/grant/?q=ghost")
    check("search")
    page.goto(f"/admin/stories/story/{story.pk}/permissions/?holder=user:{nora.pk}")
    page.get_by_label("Until").fill("2001-01-01T10:00")
    page.get_by_label("Can delete story").check()
    expect(page.get_by_text("This would be refused:").first).to_be_visible()
    page.get_by_role("button", name="Grant", exact=True).click()
    expect(page.get_by_text("Choose an end in the future.")).to_be_visible()
    check("permissions, rejected")
    for address in (
        "/admin/users/session/?state=live",
        f"/admin/users/staff/{nora.pk}/history/",
        "/admin/users/document/",
    ):
        page.goto(address)
        check(address)
    assert faults == []
