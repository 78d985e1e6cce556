"""A moderator's morning, by keyboard: from the desk through the queue, with a colleague at the same cases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from apps.events.models import Event
from apps.infra import valkey
from apps.moderation.appeals import appeal
from apps.moderation.cases import resolve_case
from apps.moderation.models import Appeal, Case
from apps.moderation.reporting import report
from apps.notifications.models import Kind, Notification
from apps.review.claims import claim
from apps.review.decisions.models import UNDO_WINDOW, Decision
from apps.review.models import Note
from apps.stories.models import Story
from tests import people
from tests.accessibility import serious_barriers
from tests.browser import open_desk, press, sign_in
from tests.console import MODERATION_DESK
from tests.factories import make_connection, make_event, make_message, make_story
from tests.jobs import run_jobs

pytestmark = pytest.mark.django_db(transaction=True)


def everything_reported() -> None:
    alice, bob = people.alice(), people.bob()
    make_connection(alice, bob, status="accepted", responded_at=timezone.now())
    targets = {
        "violence": ("story", make_story(alice, "Look at my knife")),
        "fraud": ("message", make_message(alice, bob, "Send me money")),
        "harassment": ("event", make_event(alice, "Rude party")),
        "spam": ("user", alice),
    }
    for reason, (kind, target) in targets.items():
        report(bob, kind=kind, target_id=target.pk, reason=reason)


def heading(page: Page) -> Any:
    return page.locator("[data-part-heading]")


def test_a_queue_is_worked_through_without_the_mouse(page: Page) -> None:
    people.community()
    everything_reported()
    open_desk(page, MODERATION_DESK, "community")
    loads: list[str] = []
    press(page, "n")
    expect(heading(page)).to_contain_text("Story")
    page.wait_for_load_state()
    page.on("load", lambda loaded: loads.append(loaded.url))
    picture = page.locator(".story-media")
    assert "blur" in picture.evaluate("one => getComputedStyle(one).filter")
    page.keyboard.down("v")
    expect(picture).to_have_css("filter", "none")
    page.keyboard.up("v")
    expect(picture).not_to_have_css("filter", "none")
    for clear in (picture.hover, page.locator("[data-veil]").focus):
        clear()
        expect(picture).to_have_css("filter", "none")
    page.mouse.move(0, 0)
    for shown in (picture, page.locator(".desk-details"), page.get_by_role("button", name="Remove")):
        expect(shown).to_be_in_viewport()
    # One gesture removes it and brings the next one, a conversation, without a page load.
    press(page, "r")
    expect(heading(page)).to_contain_text("Message")
    expect(page.locator(".desk-last")).to_contain_text("Sends in")
    assert "Send me money" not in page.content()
    press(page, "v")
    page.keyboard.type("reported as fraud")
    press(page, "Enter")
    expect(page.get_by_text("Send me money")).to_be_visible()
    # Two gestures where more than one key is needed; the words are shown before they are sent.
    press(page, "1")
    expect(page.locator(".case-said").get_by_text("asks you to keep to the rules").first).to_be_visible()
    assert serious_barriers(page) == []
    press(page, "d")
    expect(heading(page)).to_contain_text("Event")
    press(page, "3")
    press(page, "Tab")
    page.keyboard.type("Party")
    for shown in (page.get_by_role("button", name="Keep"), page.locator(".case-reports")):
        expect(shown).to_be_in_viewport()
    press(page, "Escape")
    press(page, "d")
    expect(heading(page)).to_contain_text("User alice")
    assert serious_barriers(page) == []
    for width in (390, 1366):
        page.set_viewport_size({"width": width, "height": 768})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert loads == [], "no page was loaded from one item to the next"
    press(page, "a")
    expect(page.get_by_text("Queue empty")).to_be_visible()
    page.wait_for_load_state()
    # Undone at once: no one is notified.
    press(page, "u")
    expect(heading(page)).to_contain_text("User alice")
    assert list(Case.objects.order_by("id").values_list("outcomes", flat=True)) == [
        ["removed"],
        ["warned"],
        ["edited"],
        [],
    ]


def test_cases_claimed_by_a_colleague_can_be_taken_over(page: Page) -> None:
    community = people.community()
    people.make_staff("other", "Community Manager")
    case_id = report(people.bob(), kind="story", target_id=make_story(people.alice()).pk, reason="spam").case_id

    def be_quicker(route: Route) -> None:
        claim(community, Case, case_id)
        route.continue_()

    sign_in(page, "other")
    page.route("**/action/", be_quicker, times=1)
    page.goto(f"/admin/moderation/{case_id}/")
    expect(page.locator(".desk-why-not")).to_contain_text("Claimed by community")
    press(page, "c")
    page.keyboard.type("They are at lunch")
    press(page, "Enter")
    expect(page.get_by_role("button", name="Remove")).to_be_enabled()


def test_input_stays_while_a_colleague_takes_the_case(page: Page) -> None:
    community = people.community()
    people.make_staff("other", "Community Manager")
    case_id = report(people.bob(), kind="story", target_id=make_story(people.alice()).pk, reason="spam").case_id
    claims: list[Route] = []
    sign_in(page, "other")
    page.route("**/action/", lambda route: claims.append(route), times=1)  # noqa: PLW0108  # Playwright marks it
    with page.expect_request("**/action/"):
        page.goto(f"/admin/moderation/{case_id}/")
    note = page.get_by_placeholder("Internal note (staff only; @name notifies a colleague)")
    note.fill("They did it before")
    claim(community, Case, case_id)
    claims[0].continue_()
    expect(page.locator("[data-news]")).to_contain_text("community")
    expect(page.get_by_role("button", name="Remove")).to_be_disabled()
    expect(note).to_have_value("They did it before")


def test_two_at_the_same_case_see_each_other_and_decide_it_once(page: Page, other_page: Page) -> None:
    people.community()
    people.make_staff("other", "Community Manager")
    story = make_story(people.alice())
    made = report(people.bob(), kind="story", target_id=story.pk, reason="spam")
    open_desk(page, MODERATION_DESK, "community")
    press(page, "n")
    expect(page.get_by_role("button", name="Remove")).to_be_enabled()
    theirs = other_page
    sign_in(theirs, "other")
    theirs.goto(f"/admin/moderation/{made.case_id}/")
    expect(theirs.get_by_text("Claimed by community until")).to_be_visible()
    expect(page.locator(".desk-others")).to_contain_text("other")
    # Taken over with a reason: the first sees it at once, and can decide no more.
    press(theirs, "c")
    theirs.keyboard.type("I know this author")
    press(theirs, "Enter")
    expect(theirs.get_by_role("button", name="Remove")).to_be_visible()
    expect(page.get_by_role("button", name="Remove")).to_be_disabled()
    expect(page.locator("[data-news]")).to_contain_text("other")
    press(theirs, "r")
    expect(theirs.get_by_text("Queue empty")).to_be_visible()
    page.reload()
    expect(page.locator(".desk-outcome")).to_contain_text("Removed by other")
    assert Story.objects.get().removed_by.username == "other"


def test_every_action_at_the_queue_has_a_key_and_many_are_decided_at_once(page: Page) -> None:
    people.community()
    other = people.make_staff("other", "Community Manager")
    alice, bob = people.alice(), people.bob()
    cases = [
        report(bob, kind="event", target_id=make_event(alice, f"Party {number}").pk, reason="spam").case
        for number in range(15)
    ]

    def on(case: Case) -> None:
        expect(heading(page)).to_have_text(f"Event {case.target_id} by alice")
        page.wait_for_load_state()

    open_desk(page, MODERATION_DESK, "community")
    press(page, "/")
    page.keyboard.type("ALI")
    press(page, "Enter")
    page.wait_for_url("**ALI**")
    expect(page.locator("[data-row]")).to_have_count(15)
    press(page, "j")
    press(page, "j")
    press(page, "k")
    press(page, "o")
    on(cases[14])  # the latest first
    press(page, "?")
    for action in ("Escalate", "Snooze", "Assign", "Write a note", "Keep", "Next item", "Previous item"):
        expect(page.locator("#desk-keys")).to_contain_text(action)
    press(page, "Escape")
    press(page, "m")
    page.keyboard.type("Known to us?")
    press(page, "Tab")
    press(page, "Enter")
    expect(page.locator("[data-timeline]")).to_contain_text("Known to us?")
    press(page, "e")
    page.keyboard.type("Beyond me")
    press(page, "Enter")
    on(cases[0])
    press(page, "h")
    page.keyboard.type("oth")
    press(page, "Tab")
    press(page, "Enter")
    on(cases[1])
    press(page, "s")
    press(page, "Tab")
    press(page, "Enter")
    on(cases[2])
    press(page, "n")
    on(cases[3])
    press(page, "k")
    on(cases[2])
    for case in cases:
        case.refresh_from_db()
    assert cases[14].escalated_at is not None
    assert [case.assigned_to for case in (cases[14], cases[0])] == [other, other]
    assert cases[1].snoozed_until > timezone.now() + timedelta(minutes=50)
    assert set(Note.objects.values_list("text", flat=True)) == {"Known to us?", "Beyond me"}

    # The other twelve at once: what will happen, how far it is, what came of each.
    press(page, "q")
    expect(page.locator("[data-row]")).to_have_count(15)  # back to what was searched for
    page.get_by_role("link", name="Queue", exact=True).click()
    expect(page.locator("[data-row]")).to_have_count(12)
    page.wait_for_load_state()
    press(page, "*")
    resolve_case(other, cases[6].pk, outcomes=["kept"])
    press(page, "w")
    expect(page.locator(".desk-lead")).to_contain_text("preview for 11 items. One skipped.")
    expect(page.locator("[data-bulk-line]").first).to_contain_text(
        "Message to alice: Our team has looked at your event"
    )
    assert serious_barriers(page) == []
    resolve_case(other, cases[5].pk, outcomes=["kept"])
    page.evaluate(
        """() => {
            const said = document.querySelector("[data-bulk-said]");
            window.said = [];
            new MutationObserver(() => window.said.push(said.textContent)).observe(said, { childList: true });
        }"""
    )
    press(page, "w")
    expect(page.locator(".desk-lead")).to_have_text("Done: 10 decided, 2 skipped.")
    assert page.evaluate("said[0]") == "10 of 11"
    skipped = page.locator("[data-bulk-line].is-skipped", has_text="Changed since")
    expect(skipped).to_contain_text(f"Event {cases[5].target_id}")
    expect(skipped).to_contain_text("Changed since the preview")
    # Ten seconds later all are notified; undoing it is notified, too.
    run_jobs(later=UNDO_WINDOW)
    assert Notification.objects.filter(recipient=alice, kind=Kind.WARNING).count() == 10
    press(page, "u")
    expect(page.locator(".desk-lead")).to_contain_text("10 decisions undone.")
    assert Notification.objects.filter(recipient=alice, kind=Kind.DECISION_UNDONE).count() == 10
    assert Decision.objects.filter(undone_by__username="community", told_at__isnull=False).count() == 10
    assert Case.objects.open().count() == 13


def test_choices_stay_while_the_host_edits_and_keep_their_edit(page: Page) -> None:
    people.community()
    event = make_event(people.alice(), "Rude party")
    case = report(people.bob(), kind="event", target_id=event.pk, reason="harassment").case
    sign_in(page, "community")
    page.goto(f"/admin/moderation/{case.pk}/")
    press(page, "3")
    form, preview = page.locator(".desk-decision"), page.locator("[data-preview-place]")
    form.get_by_label("Description").fill("Be kind.")
    form.get_by_label("Policy violated").select_option("spam")
    form.get_by_label("Suspended for").select_option("30")
    expect(preview).to_contain_text("Selected actions only")
    Event.objects.filter(pk=event.pk).update(title="Kind party")
    page.locator("#note-text").fill("Look at the title")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator("[data-timeline]")).to_contain_text("Look at the title")
    expect(form.get_by_label("Title")).to_have_value("Kind party")
    expect(form.get_by_label("Description")).to_have_value("Be kind.")
    expect(form.get_by_label("Policy violated")).to_have_value("spam")
    expect(form.get_by_label("Suspended for")).to_have_value("30")
    expect(preview).to_contain_text("Selected actions only")
    # What fails says so, where it stands.
    page.route("**/preview/**", lambda route: route.abort(), times=1)
    press(page, "1")
    expect(preview).to_have_text("Preview not available. Try again.")
    page.route("**/author/**", lambda route: route.fulfill(status=500, body="Server Error"), times=1)
    press(page, "i")
    expect(page.locator("[data-news]")).to_contain_text("The console failed.")
    # What was typed against another text is a conflict; only what was typed stays.
    Event.objects.filter(pk=event.pk).update(description="Bring cake.", title="Kindest party")
    press(page, "d")
    expect(page.locator("[data-news]")).to_contain_text("The host has changed the text")
    expect(form.get_by_label("Title")).to_have_value("Kindest party")
    expect(form.get_by_label("Description")).to_have_value("Be kind.")
    press(page, "d")
    expect(page.get_by_text("Queue empty")).to_be_visible()
    event.refresh_from_db()
    assert (event.title, event.description) == ("Kindest party", "Be kind.")


def test_an_appeal_is_ruled_on_by_another_and_nothing_is_overwritten_where_nothing_is_live(
    page: Page, other_page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As after a Valkey that does not answer.
    monkeypatch.setattr(valkey._server(settings.REDIS_URL).breaker, "open_until", float("inf"))
    decider = people.community()
    people.make_staff("other", "Community Manager")
    alice, bob = people.alice(), people.bob()
    removed = report(bob, kind="story", target_id=make_story(alice, "A knife").pk, reason="violence")
    resolve_case(decider, removed.case_id, outcomes=["removed"])
    run_jobs(later=UNDO_WINDOW)
    made = appeal(alice, Decision.objects.get().pk, text="It is a bread knife.")
    # Not by the officer who decided: neither given to them nor to be claimed.
    sign_in(page, "community")
    page.goto("/admin/moderation/appeals/")
    press(page, "n")
    expect(page.get_by_text("Queue empty")).to_be_visible()
    page.goto(f"/admin/moderation/appeals/{made.pk}/")
    expect(page.locator(".desk-why-not")).to_contain_text("You decided this case.")
    expect(page.get_by_role("button", name="Claim")).to_have_count(0)
    theirs = other_page
    sign_in(theirs, "other")
    theirs.goto("/admin/moderation/appeals/")
    press(theirs, "n")
    expect(heading(theirs)).to_contain_text("Appeal of alice")
    expect(theirs.get_by_text("It is a bread knife.")).to_be_visible()
    assert serious_barriers(theirs) == []
    press(theirs, "t")
    theirs.keyboard.type("So it is.")
    text = "Your appeal about your story was right; the decision is undone. So it is."
    expect(theirs.locator(".case-said")).to_contain_text(text)
    press(theirs, "Escape")
    press(theirs, "r")
    expect(theirs.get_by_text("Queue empty")).to_be_visible()
    assert Appeal.objects.get().status == "overturned"
    run_jobs(later=UNDO_WINDOW)
    assert Notification.objects.filter(recipient=alice).latest("id").text == text
    assert Story.objects.get().removed_at is None

    # Two at one case, and nothing reaches the first one's page any more.
    case = report(bob, kind="user", target_id=alice.pk, reason="spam").case
    page.goto(f"/admin/moderation/{case.pk}/")
    page.route("**/state/", lambda route: route.abort())
    theirs.goto(f"/admin/moderation/{case.pk}/")
    expect(theirs.get_by_text("Claimed by community until")).to_be_visible()
    expect(theirs.locator(".desk-others")).to_have_text("")
    press(theirs, "c")
    theirs.keyboard.type("They are at lunch")
    press(theirs, "Enter")
    expect(theirs.get_by_role("button", name="Keep")).to_be_visible()
    press(theirs, "1")
    press(theirs, "d")
    expect(theirs.get_by_text("Queue empty")).to_be_visible()
    press(page, "a")
    expect(page.locator("[data-news]")).to_contain_text("Author warned by other at")
    case.refresh_from_db()
    assert (case.outcomes, case.closed_by.username) == (["warned"], "other")


def test_an_event_s_words_are_put_right_in_the_table(page: Page) -> None:
    people.community()
    make_event(people.alice(), "Rude party")
    sign_in(page, "community")
    page.goto("/admin/events/event/")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1366
    page.get_by_role("link", name="Edit text of “Rude party”").click()
    assert serious_barriers(page) == []
    page.get_by_label("Title").fill("Party")
    press(page, "Enter")
    expect(page.get_by_text("“Party” saved")).to_be_visible()
    expect(page.locator(".field-title")).to_contain_text("Party")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".field-title")).to_contain_text("Rude party")
