"""Reports in the console: read, followed to the content, resolved by a form."""

from typing import Any

import pytest
from django.test import Client
from guardian.shortcuts import assign_perm

from apps.events.services import delete_event, update_event
from apps.moderation.models import Report
from apps.moderation.reporting import report as tell
from apps.stories.models import Story
from tests import people
from tests.console import console, fields, links
from tests.factories import make_event, make_message, make_report, make_story

pytestmark = pytest.mark.django_db
REPORTS = "/admin/moderation/report/"


@pytest.fixture
def story() -> Story:
    return make_story(people.alice(), "Tasteless")


@pytest.fixture
def report(story: Story) -> Report:
    return make_report(people.bob(), "story", story, story.author, note="Look at the corner")


def resolve(client: Client, report: Report, outcome: str, comment: str = "") -> Any:
    return client.post(f"{REPORTS}{report.pk}/change/", {"outcome": outcome, "comment": comment})


def test_a_report_shows_the_thing_and_leads_to_it(story: Story, report: Report) -> None:
    page = console(people.community()).get(f"{REPORTS}{report.pk}/change/")
    text = page.content.decode()
    for shown in ("Tasteless", "Look at the corner", "Spam", "alice", "bob"):
        assert shown in text
    assert f"/admin/stories/story/{story.pk}/change/" in links(page)


def test_reports_hide_targets_from_viewers_without_access(story: Story, report: Report) -> None:
    clerk = people.make_staff("clerk")
    assign_perm("moderation.view_report", clerk)
    page = console(clerk).get(f"{REPORTS}{report.pk}/change/")
    assert "Tasteless" not in page.content.decode()
    assert not any("/admin/stories/" in link for link in links(page))


def test_reports_show_the_text_as_reported_after_edits() -> None:
    host = people.alice()
    event = make_event(host, "Rude party")
    made = tell(people.bob(), kind="event", target_id=event.pk, reason="spam")
    update_event(host, event.pk, title="Polite party")
    page = console(people.community()).get(f"{REPORTS}{made.pk}/change/").content.decode()
    assert "Polite party" in page
    assert "As reported · Title:</span> Rude party" in page


def test_the_text_of_a_reported_message_stays_masked() -> None:
    message = make_message(people.alice(), people.bob(), "Dreadful words")
    receiver = message.room.memberships.exclude(user=message.sender).get().user
    report = make_report(receiver, "message", message, message.sender)
    page = console(people.community()).get(f"{REPORTS}{report.pk}/change/").content.decode()
    assert "Dreadful" not in page
    assert "•••" in page
    assert "Show for 10 minutes" in page


def test_removing_by_a_report_takes_the_thing_down_and_closes_it(story: Story, report: Report) -> None:
    community = people.community()
    assert resolve(console(community), report, "removed", "Against the rules").status_code == 302
    report.refresh_from_db()
    assert (report.status, report.outcome, report.closed_by) == ("closed", "removed", community)
    assert not Story.objects.active().exists()


def test_keeping_closes_the_report_alone(report: Report) -> None:
    assert resolve(console(people.community()), report, "kept").status_code == 302
    report.refresh_from_db()
    assert report.outcome == "kept"
    assert Story.objects.active().exists()


def test_resolved_reports_are_not_resolved_again(report: Report) -> None:
    first, second = people.community(), people.make_staff("second", "Community Manager")
    resolve(console(first), report, "kept")
    answer = resolve(console(second), report, "removed")
    assert answer.status_code == 409
    assert f"Kept by {first.username} at" in answer.content.decode()
    report.refresh_from_db()
    assert (report.outcome, report.closed_by) == ("kept", first)
    assert Story.objects.active().exists()


def test_resolved_reports_are_read_only(report: Report) -> None:
    client = console(people.community())
    resolve(client, report, "kept")
    page = client.get(f"{REPORTS}{report.pk}/change/")
    assert "outcome" not in fields(page)
    assert "Kept" in page.content.decode()


def test_the_resolver_of_a_report_is_a_link_for_permitted_viewers(report: Report) -> None:
    client = console(people.community())
    resolve(client, report, "kept")
    page = client.get(f"{REPORTS}{report.pk}/change/")
    assert "Closed by" in page.content.decode()
    assert not [link for link in links(page) if link.startswith("/admin/") and client.get(link).status_code == 403]


def test_reports_offer_permitted_outcomes_alone(report: Report) -> None:
    event = make_event(people.carol())
    of_event = make_report(people.newton(), "event", event, event.host)
    of_person = make_report(people.make_user("dora"), "user", event.host, event.host)
    editor = people.make_staff("editor")
    for perm in ("moderation.settle_report", "moderation.view_report", "events.change_event", "stories.delete_story"):
        assign_perm(perm, editor)
    client = console(editor)

    def offered(report: Report) -> set[str]:
        page = client.get(f"{REPORTS}{report.pk}/change/").content.decode()
        return {value for value in Report.Outcome.values if f'value="{value}"' in page}

    assert offered(report) == {"kept", "removed", "warned"}
    assert offered(of_event) == {"kept", "edited", "warned"}
    assert offered(of_person) == {"kept", "warned"}
    assert resolve(client, of_event, "removed").status_code == 422
    of_event.refresh_from_db()
    assert of_event.status == "open"


def test_viewing_reports_does_not_permit_resolving_them(report: Report) -> None:
    clerk = people.make_staff("clerk")
    assign_perm("moderation.view_report", clerk)
    client = console(clerk)
    assert "outcome" not in fields(client.get(f"{REPORTS}{report.pk}/change/"))
    assert resolve(client, report, "kept").status_code == 403
    report.refresh_from_db()
    assert report.status == "open"


def test_a_grant_on_one_report_resolves_that_one_alone(report: Report) -> None:
    event = make_event(people.carol())
    other = make_report(people.newton(), "event", event, event.host)
    helper = people.make_staff("helper")
    assign_perm("settle_report", helper, report)
    client = console(helper)
    assert resolve(client, other, "kept").status_code == 404
    assert resolve(client, report, "kept").status_code == 302


def test_reports_are_neither_added_nor_deleted(report: Report) -> None:
    for staff in (people.community(), people.admin()):
        client = console(staff)
        assert client.post(f"{REPORTS}add/", {"kind": "story"}).status_code == 403
        assert client.get(f"{REPORTS}{report.pk}/delete/").status_code == 403
        assert client.post(f"{REPORTS}{report.pk}/delete/", {"post": "yes"}).status_code == 403
        chosen = {"action": "delete_selected", "_selected_action": [report.pk], "post": "yes"}
        assert client.post(REPORTS, chosen).status_code == 403
    assert Report.objects.exists()


@pytest.mark.parametrize("who", ["compliance", "access", "support"])
def test_other_desks_are_refused_at_every_address(report: Report, who: str) -> None:
    client = console(getattr(people, who)())
    for address in (REPORTS, f"{REPORTS}{report.pk}/change/", f"{REPORTS}{report.pk}/history/"):
        assert client.get(address).status_code == 403
    assert resolve(client, report, "kept").status_code == 403


def test_reports_are_narrowed_down(report: Report) -> None:
    event = make_event(people.carol())
    make_report(people.newton(), "event", event, event.host, reason="fraud")
    client = console(people.community())
    resolve(client, report, "kept")
    for narrowed, kept in (
        ({"status__exact": "closed"}, "story"),
        ({"status__exact": "open"}, "event"),
        ({"kind__exact": "event"}, "event"),
        ({"reason__exact": "spam"}, "story"),
        ({"q": "alice"}, "story"),
        ({"q": "newton"}, "event"),
    ):
        found = [link for link in links(client.get(REPORTS, narrowed)) if link.endswith("/change/")]
        kinds = {kind for kind in ("story", "event") if any(f"/{kind}/" in link for link in found)}
        assert kinds == {kept}, narrowed


def test_a_page_of_reports_takes_the_same_queries_however_full_it_is(
    report: Report, django_assert_num_queries: Any
) -> None:
    client = console(people.community())
    client.get(REPORTS)
    for number in range(3):
        with django_assert_num_queries(10):
            client.get(REPORTS)
        event = make_event(people.make_user(f"host{number}"))
        make_report(report.reporter, "event", event, event.host)


def test_words_of_an_event_that_is_gone_are_not_to_be_edited() -> None:
    event = make_event(people.alice())
    made = tell(people.bob(), kind="event", target_id=event.pk, reason="spam")
    delete_event(event.host, event.pk)
    client, case = console(people.community()), made.case
    assert case is not None
    table, desk = f"{REPORTS}{made.pk}/change/", f"/admin/moderation/{case.pk}/"
    for page in (table, desk):
        assert 'value="edited"' not in client.get(page).content.decode()
    assert resolve(client, made, "edited").status_code == 409
    case.refresh_from_db()
    sent = {"version": case.version, "outcome": ["edited"], "title": "Tea", "was_title": event.title}
    answer = client.post(f"{desk}decide/", sent)
    assert answer.status_code == 409
    assert "nothing left to edit" in answer.content.decode()
    case.refresh_from_db()
    assert (case.status, case.outcomes) == ("open", [])
    assert resolve(client, made, "warned").status_code == 302
