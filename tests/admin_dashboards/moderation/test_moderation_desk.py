"""The moderation desk: one case after the other, with all that is needed to decide it, and appeals."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from guardian.shortcuts import assign_perm

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.chat.models import Message
from apps.events.models import Event
from apps.events.services import delete_event, update_event
from apps.moderation.appeals import appeal
from apps.moderation.cases import resolve_case
from apps.moderation.models import Appeal, Case, Report, Strike
from apps.moderation.reporting import report
from apps.notifications.models import Notification
from apps.review.claims import claim
from apps.review.decisions.models import Decision
from apps.review.models import Reveal
from apps.stories.models import Story
from apps.users.accounts.profiles import set_image
from apps.users.models import User
from tests import people
from tests.console import case_page, console, fields, links
from tests.drawn import png, upload
from tests.factories import make_case, make_connection, make_event, make_message, make_story
from tests.jobs import run_jobs

pytestmark = pytest.mark.django_db
DESK = "/admin/moderation/"
UNDO_WINDOW = timedelta(seconds=10)


def text(response: Any) -> str:
    return str(response.content.decode())


@pytest.fixture
def community() -> User:
    return people.community()


@pytest.fixture
def client(community: User) -> Client:
    return console(community)


def decide(client: Client, case: Case, **posted: Any) -> Any:
    """Open a case, which claims it, and decide it."""
    client.get(case_page(case))
    case.refresh_from_db()
    return client.post(case_page(case, "decide/"), {"version": case.version} | posted)


# --- The queue --------------------------------------------------------------------------------------------------------


def test_moderation_desk_comes_first_in_the_menu_of_community_managers_alone(client: Client) -> None:
    found = [link for link in links(client.get("/admin/")) if link.startswith("/admin/")]
    assert DESK in found
    assert found.index(DESK) < found.index("/admin/stories/story/") < found.index("/admin/moderation/report/")
    assert "/admin/moderation/appeals/" not in found
    for other in (people.compliance(), people.access(), people.support()):
        assert DESK not in links(console(other).get("/admin/"))


def test_cases_stand_by_weight_the_late_ones_in_front(client: Client) -> None:
    author, reporter = people.alice(), people.bob()
    cases = {
        reason: make_case(reporter, "event", make_event(author), reason) for reason in ("spam", "fraud", "violence")
    }
    Case.objects.filter(pk=cases["spam"].pk).update(opened_at=timezone.now() - timedelta(hours=30))
    shown = [link for link in links(client.get(DESK)) if link in {case_page(case) for case in cases.values()}]
    assert shown == [case_page(cases["spam"]), case_page(cases["violence"]), case_page(cases["fraud"])]
    assert client.get(f"{DESK}next/")["Location"] == case_page(cases["spam"])


def test_a_case_is_found_by_its_number_its_thing_s_and_its_author_decided_or_not(client: Client) -> None:
    alice, bob = people.alice(), people.bob()
    opened = make_case(bob, "event", make_event(alice))
    resolved = make_case(alice, "event", make_event(bob))
    resolve_case(people.admin(), resolved.pk, outcomes=["kept"])
    for term, found in {
        "ali": {opened},
        "BOB": {resolved},
        str(resolved.target_id): {resolved},
        f" # {resolved.target_id} ": {resolved},
        f"№{resolved.target_id}": {resolved},
        f"Case {resolved.target_id}": {resolved},
        "nobody": set(),
        "9" * 30: set(),
    }.items():
        led = {link.partition("?")[0] for link in links(client.get(DESK, {"q": term}))}
        shown = led & {case_page(opened), case_page(resolved)}
        assert shown == {case_page(case) for case in found}, term
    assert "No results for “nobody”" in text(client.get(DESK, {"q": "nobody"}))
    assert case_page(resolved) not in text(client.get(DESK, {"q": "bob", "tab": "waiting"}))
    assert "Kept by admin" in text(client.get(DESK, {"tab": "decided"}))


def test_the_reports_table_and_the_index_of_the_app_stay_where_they_were(client: Client) -> None:
    made = make_case(people.bob(), "event", make_event(people.alice())).reports.get()
    assert client.get("/admin/moderation/report/").status_code == 200
    assert client.get(f"/admin/moderation/report/{made.pk}/change/").status_code == 200
    assert console(people.compliance()).get("/admin/moderation/report/").status_code == 403


# --- One case ---------------------------------------------------------------------------------------------------------


def test_a_case_shows_the_thing_its_author_and_what_its_weight_is_made_of(client: Client) -> None:
    author, reporter = people.alice(), people.bob()
    boss = people.admin()
    resolve_case(boss, make_case(reporter, "event", make_event(author)).pk, outcomes=["warned"])
    story = make_story(author, "Look at my knife")
    case = make_case(reporter, "story", story, "violence", "There is a knife")
    page = text(client.get(case_page(case)))
    for shown in (
        "Look at my knife",
        f"/admin/stories/story/{story.pk}/file/",
        'class="veil is-blurred is-grey"',
        "Active strikes: 1 point. Recommended: a warning.",
        "Violence (severity 50) by bob, 1 of 1 upheld, ×1.2 = 60",
        "There is a knife",
        "One other case",
        "priority 60",
    ):
        assert shown in page.replace("&#x27;", "'"), shown


def test_reported_and_current_texts_are_shown_side_by_side(client: Client) -> None:
    host = people.alice()
    event = make_event(host, "Rude party")
    case = make_case(people.bob(), "event", event)
    update_event(host, event.pk, title="Polite party")
    page = text(client.get(case_page(case)))
    assert '<span class="case-was">Rude party</span>' in page
    assert "Polite party" in page
    delete_event(host, event.pk)
    page = text(client.get(case_page(case)))
    assert "Rude party" in page
    assert "Deleted by its owner" in page


def test_the_picture_of_a_reported_person_is_shown_through_the_case_alone(client: Client) -> None:
    author = people.alice()
    set_image(author, upload(png()))
    case = make_case(people.bob(), "user", author)
    assert case_page(case, "picture/") in text(client.get(case_page(case)))
    answer = client.get(case_page(case, "picture/"))
    assert (answer.status_code, answer["Content-Type"][:6]) == (200, "image/")
    other = make_case(User.objects.get(username="bob"), "event", make_event(author))
    assert client.get(case_page(other, "picture/")).status_code == 404
    assert console(people.support()).get(case_page(case, "picture/")).status_code == 403


# --- Conversations ----------------------------------------------------------------------------------------------------


@pytest.fixture
def talk() -> tuple[Case, list[Message]]:
    alice, bob = people.alice(), people.bob()
    make_connection(alice, bob, status="accepted", responded_at=timezone.now())
    said = [make_message((alice, bob)[n % 2], (bob, alice)[n % 2], f"secret line {n}") for n in range(14)]
    return make_case(bob, "message", said[6], "harassment"), said


def test_a_picture_fetched_ahead_is_looked_at_once_its_case_is_shown(client: Client) -> None:
    alice, ahead = people.alice(), {"X-Ahead": "1"}
    set_image(alice, upload(png(), "me.png"))
    story = make_story(alice)
    for kind, target, picture, label in (
        ("story", story, f"/admin/stories/story/{story.pk}/file/", "stories.story"),
        ("user", alice, "", "moderation.case"),
    ):
        case = make_case(people.make_user(f"{kind}.reporter"), kind, target)
        client.get(case_page(case), headers=ahead)
        client.get(picture or case_page(case, "picture/"), headers=ahead)
        for _time in range(2):
            client.get(case_page(case))
        entries = Entry.objects.filter(verb=Action.VIEWED, target_type=label).order_by("id")
        assert ["ahead" in entry.detail for entry in entries] == [True, False]


def test_reported_messages_are_masked_until_revealed_with_a_reason(
    client: Client, talk: tuple[Case, list[Message]]
) -> None:
    case, said = talk
    assert "secret line" not in text(client.get(case_page(case)))
    assert client.post(case_page(case, "reveal/"), {"reason": " "}).status_code == 422
    short = text(client.post(case_page(case, "reveal/"), {"reason": "too short"}))
    assert short.count('value="too short"') == 1, "given back, and in no other form"
    long = text(client.post(case_page(case, "note/"), {"text": "y" * 2001}))
    assert long.count("y" * 2001) == 1
    assert not Reveal.objects.exists()
    answer = client.post(case_page(case, "reveal/"), {"reason": "reported for harassment"}, headers={"X-Part": "1"})
    assert answer.status_code == 302
    page = text(client.get(case_page(case)))
    assert [f"secret line {n}<" in page for n in range(14)] == [False] + [True] * 11 + [False] * 2
    assert Reveal.objects.count() == 11, "one for each author"
    assert set(Reveal.objects.values_list("subject__username", flat=True)) == {"alice", "bob"}
    other = console(people.make_staff("other", "Community Manager"))
    assert "secret line" not in text(other.get(case_page(case)))
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert "secret line" not in text(client.get(case_page(case)))
    assert said[6].pk == case.target_id


def test_no_page_of_the_desk_gives_a_masked_text_away(client: Client, talk: tuple[Case, list[Message]]) -> None:
    case, _said = talk
    for address in (
        DESK,
        f"{DESK}?tab=mine",
        case_page(case),
        case_page(case, "state/"),
        case_page(case, "preview/?outcome=warned"),
        f"/admin/moderation/report/{case.reports.get().pk}/change/",
        f"/admin/moderation/report/{case.reports.get().pk}/history/",
    ):
        assert "secret line" not in text(client.get(address)), address
    decide(client, case, outcome="removed")
    assert "secret line" not in text(client.get(case_page(case)))
    assert "secret line" not in text(client.get(f"{DESK}?tab=decided"))


# --- Deciding ---------------------------------------------------------------------------------------------------------


def test_deciding_a_case_takes_two_steps_and_opens_the_next(client: Client) -> None:
    author, reporter = people.alice(), people.bob()
    cases = [make_case(reporter, "story", make_story(author), "violence") for _number in range(3)]
    address, gestures = client.get(f"{DESK}next/")["Location"], 0
    for outcome in ("kept", "removed", "removed"):
        page = client.get(address, headers={"X-Part": "1"})
        version = text(page).split('name="version" value="')[1].split('"')[0]
        answer = client.post(f"{address}decide/", {"version": version, "outcome": outcome}, headers={"X-Part": "1"})
        gestures += 1
        address = answer.headers.get("HX-Push-Url") or answer["Location"]
    assert address == DESK
    assert gestures == len(cases)
    assert {case.status for case in Case.objects.all()} == {"closed"}
    assert Story.objects.active().count() == 1


def test_several_outcomes_with_the_words_that_were_shown(client: Client) -> None:
    author, reporter = people.alice(), people.bob()
    case = make_case(reporter, "story", make_story(author))
    client.get(case_page(case))
    chosen = {"outcome": ["warned", "suspended"], "days": "3", "text": "Be kind."}
    shown = text(client.get(case_page(case, "preview/"), chosen))
    answer = decide(client, case, outcome=["removed", "warned", "suspended"], days="3", text="Be kind.", reason="spam")
    assert answer.status_code == 302
    author.refresh_from_db()
    assert author.suspended_until is not None
    assert timedelta(days=2, hours=23) < author.suspended_until - timezone.now() <= timedelta(days=3)
    assert Case.objects.get().outcomes == ["suspended", "removed", "warned"]
    run_jobs(later=UNDO_WINDOW)
    sent = Notification.objects.exclude(text__startswith="Your account is suspended")
    for note in sent:
        assert note.text in shown, note.text
    assert Notification.objects.filter(recipient=author).count() == 3
    assert Notification.objects.filter(recipient=reporter).count() == 1


def test_an_event_s_words_are_put_right_in_the_case(client: Client) -> None:
    host = people.alice()
    event = make_event(host, "Rude party")
    case = make_case(people.bob(), "event", event)
    assert {"title", "description", "was_title"} <= set(fields(client.get(case_page(case))))
    words = {
        "was_title": "Rude party",
        "was_description": event.description,
        "title": "Party",
        "description": event.description,
    }
    update_event(host, event.pk, title="Ruder party")
    answer = decide(client, case, outcome="edited", **words)
    assert (answer.status_code, "The host has changed the text" in text(answer)) == (409, True)
    assert 'value="Party"' in text(answer), "what was typed stays"
    assert decide(client, case, outcome="edited", **words | {"was_title": "Ruder party"}).status_code == 302
    assert Event.objects.get().title == "Party"
    assert Event.history.latest().history_user.username == "community"


def test_outcomes_without_permission_are_not_offered(client: Client) -> None:
    author, reporter = people.alice(), people.bob()
    editor = people.make_staff("editor")
    for perm in ("moderation.settle_report", "events.view_event", "events.change_event"):
        assign_perm(perm, editor)
    client = console(editor)
    event, person = make_case(reporter, "event", make_event(author)), make_case(reporter, "user", author)
    for case in (event, person):
        page = text(client.get(case_page(case)))
        assert 'data-key="a"' in page
        assert 'data-key="r"' not in page
        assert ("Assign it to: community." in page) == (case == event)
    User.objects.filter(username="community").update(is_active=False)
    assert "No other colleague holds it; ask an access manager." in text(client.get(case_page(event)))
    assert str(event.pk) not in client.get(f"{DESK}next/")["Location"], "offered to those who can decide it either way"
    assert decide(client, event, outcome="removed").status_code == 403
    assert decide(client, person, outcome="removed").status_code == 422


@pytest.mark.parametrize(
    "posted", [{}, {"outcome": "burnt"}, {"outcome": "edited"}, {"outcome": "kept", "version": "x"}]
)
def test_invalid_decisions_leave_the_case_open_and_keep_the_input(client: Client, posted: dict[str, Any]) -> None:
    case = make_case(people.bob(), "story", make_story(people.alice()))
    answer = decide(client, case, text="Kept as typed", **posted)
    assert answer.status_code in (409, 422)
    assert "Kept as typed" in text(answer) or "outcome" not in posted
    case.refresh_from_db()
    assert case.status == "open"


def test_a_second_decision_names_the_first_officer_and_changes_nothing(client: Client) -> None:
    case = make_case(people.bob(), "story", make_story(people.alice()))
    assert client.post(case_page(case, "action/"), {"action": "claim"}).status_code == 302
    other = console(people.make_staff("other", "Community Manager"))
    assert "Claimed by community until" in text(other.get(case_page(case)))
    assert other.post(case_page(case, "decide/"), {"version": 1, "outcome": "removed"}).status_code == 409
    decide(client, case, outcome="kept")
    late = other.post(case_page(case, "decide/"), {"version": 1, "outcome": "removed"})
    assert late.status_code == 409
    assert "Kept by community" in text(late)
    assert Case.objects.get().outcomes == ["kept"]


def test_case_decisions_are_undone_at_once_or_later(client: Client, community: User) -> None:
    author = people.alice()
    case = make_case(people.bob(), "story", make_story(author))
    decide(client, case, outcome="removed")
    decision = Decision.objects.get()
    assert f'name="decision" value="{decision.pk}"' in text(client.get(DESK))
    client.post(f"{DESK}undo/", {"decision": decision.pk})
    run_jobs(later=UNDO_WINDOW)
    assert not Notification.objects.exists()
    decide(client, case, outcome="removed")
    run_jobs(later=UNDO_WINDOW)
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        page = text(console(people.make_staff("other", "Community Manager")).get(case_page(case)))
        again = Decision.objects.latest("id")
        assert f'name="decision" value="{again.pk}"' in page
        console(community).post(f"{DESK}undo/", {"decision": again.pk, "reason": "it was art"})
    case.refresh_from_db()
    assert (case.status, Story.objects.active().exists()) == ("open", True)


# --- Many at once -----------------------------------------------------------------------------------------------------


def test_bulk_actions_are_previewed_applied_and_undone(client: Client) -> None:
    author, reporter = people.alice(), people.bob()
    stories = [make_story(author, f"Story {n}") for n in range(3)]
    cases = [make_case(reporter, "story", story) for story in stories]
    person = make_case(reporter, "user", author)
    claimed = make_case(reporter, "story", make_story(author))
    claim(people.make_staff("other", "Community Manager"), Case, claimed.pk)
    chosen = {"action": "removed", "item": [case.pk for case in (*cases, person, claimed)]}
    preview = text(client.post(f"{DESK}bulk/", chosen))
    assert "A person is not removed" in preview
    assert "Claimed by other." in preview
    assert "Message to alice: Our team has removed your story." in preview
    assert Case.objects.open().count() == 5, "a preview does nothing"
    assert not Decision.objects.exists()
    versions = {f"version_{case.pk}": 1 for case in cases}
    batch = preview.split('name="batch" value="')[1].split('"')[0]
    confirmed = chosen | versions | {"confirmed": "1", "batch": batch, "text": "Three of a kind."}
    done = text(client.post(f"{DESK}bulk/", confirmed))
    assert "3 items decided" in done

    assert set(Decision.objects.values_list("batch", "text")) == {
        (Decision.objects.latest("id").batch, "Three of a kind.")
    }
    assert Case.objects.open().count() == 2
    make_case(people.carol(), "user", people.make_user("dora"))
    Story.objects.filter(pk=stories[0].pk).update(removed_at=None, removed_by=None)
    report(people.make_user("erin"), kind="story", target_id=stories[0].pk, reason="spam")
    undone = text(client.post(f"{DESK}undo/", {"batch": batch}))
    assert "2 decisions undone." in undone
    assert "Reported again since" in undone
    assert Story.objects.active().count() == 4


# --- Appeals ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def appealed(community: User) -> Appeal:
    author = people.alice()
    case = make_case(people.bob(), "story", make_story(author, "Nude with guitar"), "nudity")
    resolve_case(community, case.pk, outcomes=["removed"], text="No nudity.")
    run_jobs(later=UNDO_WINDOW)
    return appeal(author, Decision.objects.get().pk, text="It is a painting.")


def test_appeals_are_ruled_on_by_another_officer_with_a_text(client: Client, appealed: Appeal) -> None:
    address = f"{DESK}appeals/{appealed.pk}/"
    assert "You decided this case." in text(client.get(address))
    for action in ("claim", "take_over", "snooze", "escalate"):
        answer = client.post(f"{address}action/", {"action": action, "reason": "I know it", "hours": "1"})
        assert (answer.status_code, "You decided this case." in text(answer)) == (403, True), action
    assert Appeal.objects.get().claimed_by is None
    answer = client.post(f"{address}decide/", {"version": 1, "ruling": "uphold", "text": "No."})
    assert answer.status_code == 403
    assert f"{DESK}appeals/" in text(client.get(DESK))
    assert client.get(f"{DESK}appeals/next/")["Location"] == f"{DESK}appeals/"
    other = console(people.make_staff("other", "Community Manager"))
    assert other.get(f"{DESK}appeals/next/")["Location"] == address
    page = text(other.get(address))
    for shown in ("It is a painting.", "Nude with guitar", "Removed", "No nudity.", "veil"):
        assert shown in page
    assert other.post(f"{address}decide/", {"version": 1, "ruling": "overturn", "text": " "}).status_code == 422
    assert other.post(f"{address}decide/", {"version": 1, "text": "Why?"}).status_code == 422
    answer = other.post(f"{address}decide/", {"version": 1, "ruling": "overturn", "text": "It is art."})
    assert answer["Location"] == f"{DESK}appeals/"
    appealed.refresh_from_db()
    assert (appealed.status, Story.objects.active().exists(), Strike.objects.in_force().exists()) == (
        "overturned",
        True,
        False,
    )
    assert Report.objects.get().outcome == "kept"


def test_an_upheld_appeal_is_opened_again_from_its_page(appealed: Appeal) -> None:
    address = f"{DESK}appeals/{appealed.pk}/"
    other = console(people.make_staff("other", "Community Manager"))
    other.get(address)
    other.post(f"{address}decide/", {"version": 1, "ruling": "uphold", "text": "It is not."})
    decision = Decision.objects.latest("id")
    assert f'name="decision" value="{decision.pk}"' in text(other.get(address))
    other.post(f"{DESK}appeals/undo/", {"decision": decision.pk})
    appealed.refresh_from_db()
    assert appealed.status == "open"
