"""Lines of the audit log are found by who, what, which object, whom it concerns, when, why and request."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from apps.audit.actions import Action
from apps.audit.context import coming_from
from apps.audit.log import CHANGES
from apps.audit.log_tables import log_tables
from apps.audit.models import Entry
from apps.events.models import Event
from apps.review.preferences import prefer
from apps.review.reveals import reveal
from apps.users.authentication.api_sessions import begin
from apps.users.authentication.sessions import end_session
from apps.users.models import Session, User
from apps.users.staff.accounts import change_staff
from apps.users.staff.object_grants import grant_on_row
from apps.users.verification.review import review_document
from apps.users.verification.upload import send_document
from tests import people
from tests.admin_dashboards.access.audit_log.log import EXPORT, LOG, approved, found, lines_of
from tests.client import api
from tests.console import console, links
from tests.drawn import png, upload
from tests.factories import make_event, make_story

pytestmark = pytest.mark.django_db


def test_the_approval_of_a_document_is_found_by_its_officer_object_and_owner(desk: Client) -> None:
    document = approved()
    said = f"compliance approved Document #{document.pk} of alice"
    assert any(line.startswith(said) for line in found(desk, actor="compliance"))
    assert any(line.startswith(said) for line in found(desk, type="users.document", id=document.pk))
    assert any(line.startswith(said) for line in found(desk, user="alice"))
    assert any(line.startswith(said) for line in found(desk, action="changed", type="users.document"))
    assert not any(line.startswith(said) for line in found(desk, actor="alice"))
    assert not any(line.startswith(said) for line in found(desk, type="users.document", id=document.pk + 1))
    page = desk.get(LOG, {"type": "users.document", "id": document.pk, "action": "changed"}).content.decode()
    assert "<del>Pending</del>" in page
    assert "<ins>Approved</ins>" in page


def test_document_views_are_found_by_action_and_owner(desk: Client) -> None:
    document = approved()
    officer = people.make_staff("second", "Compliance Officer")
    client = console(officer)
    assert client.get(f"/admin/users/document/{document.pk}/change/").status_code == 200
    before = Entry.objects.filter(verb=Action.VIEWED).count()
    page = client.get(f"/admin/users/document/{document.pk}/change/")
    picture = next(link for link in re.findall(r'src="([^"]+)"', page.content.decode()) if "/document/" in link)
    assert client.get(picture.replace("&amp;", "&")).status_code == 200
    assert Entry.objects.filter(verb=Action.VIEWED).count() > before
    for filters in ({"action": "viewed"}, {"user": "alice", "action": "viewed"}, {"actor": "second"}):
        lines = found(desk, **filters)
        assert any(line.startswith(f"second viewed Document #{document.pk} of alice") for line in lines), filters


def test_a_grant_is_found_by_whom_it_was_given_to(desk: Client, manager: User) -> None:
    zoe, story = people.make_staff("zoe"), make_story(people.alice())
    grant_on_row(manager, zoe, "stories.change_story", story, reason="Covers for Ann")
    [line] = found(desk, user="zoe", action="granted")
    assert line == (
        f"access granted · Story #{story.pk} of alice, “Can change story”, to zoe · user concerned: zoe"
        " · Covers for Ann"
    )
    assert found(desk, type="stories.story", id=story.pk, action="granted") == [line]
    assert found(desk, reason="covers FOR") == [line]
    assert found(desk, reason="covers for bob") == []


def test_joining_a_group_is_found_at_the_member(desk: Client, manager: User) -> None:
    zoe = people.make_staff("zoe")
    change_staff(manager, zoe.pk, groups=[Group.objects.get(name="Community Manager")], ends={})
    [line] = found(desk, user="zoe", actor="access", action="changed")
    assert line.startswith(f"access changed User #{zoe.pk}, zoe")
    page = desk.get(LOG, {"user": "zoe", "action": "changed"}).content.decode()
    assert "<ins>Community Manager</ins>" in page


def test_a_reveal_is_found_by_the_user_and_does_not_show_what_was_revealed(desk: Client) -> None:
    alice, officer = people.alice(), people.compliance()
    reveal(officer, alice, "email", subject=alice, reason="A question about the invoice")
    [line] = found(desk, action="revealed", user="alice")
    assert line.startswith(f"compliance revealed User #{alice.pk}, alice, field email")
    assert "A question about the invoice" in line
    assert "alice@example.com" not in desk.get(LOG).content.decode()


def test_an_ended_session_is_found_by_its_user(desk: Client, manager: User) -> None:
    bob = people.bob()
    begin(bob)
    session = Session.objects.get(user=bob)
    end_session(manager, session.pk, reason="Stolen phone")
    [line] = found(desk, user="bob", action="session_ended")
    assert line.startswith(f"access ended a session · Session #{session.pk} of bob")
    assert line.endswith("Stolen phone")


def test_a_change_by_the_api_is_found_with_its_request() -> None:
    alice, desk = people.alice(), console(people.admin())
    event = make_event(alice)
    answer = api(alice).patch(f"/events/{event.pk}", {"title": "Garden party"})
    assert answer.status_code == 200, answer.content
    request_id = answer["X-Request-ID"]
    assert found(desk, request=request_id) == [f"alice changed Event #{event.pk} of alice"]
    assert found(desk, request="no-such-request") == []


def test_a_request_id_gathers_all_lines_of_one_request(desk: Client, manager: User) -> None:
    document = send_document(people.alice(), upload(png()), doc_type="identity")
    officer = people.compliance()
    with coming_from("r-17", "203.0.113.9"):
        review_document(officer, document.pk, verdict="approved")
        begin(officer)
        grant_on_row(manager, officer, "stories.change_story", make_story(people.bob()))
    review_document(officer, send_document(people.carol(), upload(png()), doc_type="identity").pk, verdict="approved")
    lines = found(desk, request="r-17")
    versions = sum(
        source.model._default_manager.filter(request_id="r-17").count() for source in log_tables() if source.is_history
    )
    assert len(lines) == versions + Entry.objects.filter(request_id="r-17").count()
    assert any(f"approved Document #{document.pk}" in line for line in lines)
    assert any("granted" in line for line in lines)
    assert not any("carol" in line for line in lines)
    page = desk.get(LOG, {"user": "compliance", "action": "granted"})
    assert "?request=r-17" in links(page)
    assert "203.0.113.9" in page.content.decode()


def test_times_are_read_in_the_zone_of_the_viewer(desk: Client, manager: User) -> None:
    alice = people.alice()
    prefer(manager, time_zone="Asia/Tokyo")
    desk = console(manager)
    times = {name: f"2026-03-0{day}T{hour}:30:00+00:00" for name, day, hour in (("in", 2, "05"), ("out", 2, "07"))}
    for name, time in times.items():
        event = make_event(alice, name)
        history = Event.history.model
        record = history.objects.get(id=event.pk)
        record.pk, record._state.adding, record.history_date = None, True, time
        record.history_type, record.title = "~", f"{name}, changed"
        record.save()
    # 14 to 16 in Tokyo is 5 to 7 in UTC.
    response = desk.get(LOG, {"type": "events.event", "since": "2026-03-02T14:00", "until": "2026-03-02T16:00"})
    assert len(lines_of(response)) == 1
    page = response.content.decode()
    assert "Asia/Tokyo" in page
    assert "2026-03-02 14:30:00" in page


def test_every_action_can_be_chosen_and_has_an_answer(desk: Client) -> None:
    page = desk.get(LOG).content.decode()
    of_entries = [action for action in Action if "." not in action and action != Action.RECORDED]
    for action in (*of_entries, *CHANGES):
        assert f'<option value="{action}">' in page
        assert desk.get(LOG, {"action": action}).status_code == 200


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"actor": "no-such-user"}, "No user has this name. Check the spelling."),
        ({"actor": "x" * 5000}, "at most 150"),
        ({"action": "no-such"}, "Choose one of the list."),
        ({"type": "auth.permission"}, "Choose one of the list."),
        ({"type": "users.document", "id": "abc"}, "Enter a number such as 157."),
        ({"type": "users.document", "id": "9" * 25}, "Enter a number such as 157."),
        ({"id": "5"}, "Choose the type of the object"),
        ({"since": "yesterday"}, "Enter a time such as"),
        ({"since": "0000-01-01T00:00"}, "Enter a time such as"),
        ({"since": "9999-12-31T23:59"}, "Enter a time such as"),
        ({"until": "2026-13-45T99:99"}, "Enter a time such as"),
        ({"since": "2026-02-02T00:00", "until": "2026-02-01T00:00"}, "This is not after"),
        ({"reason": "fraud", "since": "2020-01-01T00:00"}, "at most 31 days"),
        ({"request": "x" * 65}, "at most 64"),
    ],
)
def test_invalid_audit_filters_are_explained_at_their_field_and_kept(
    desk: Client, manager: User, query: dict[str, str], said: str
) -> None:
    response = desk.get(LOG, query)
    page = response.content.decode()
    assert response.status_code == 422
    assert said in page
    assert 'aria-invalid="true"' in page
    for value in query.values():
        assert f'value="{value}"' in page or value in ("no-such", "auth.permission"), value
    manager.user_permissions.add(Permission.objects.get(codename="export_entry"))
    assert desk.post(f"{EXPORT}?{'&'.join('='.join(each) for each in query.items())}").status_code == 302


def test_no_input_breaks_the_page(desk: Client) -> None:
    largest = 2**63 - 1
    for query in (
        {"type": "users.document", "id": str(largest)},
        {"type": "auth.group", "id": str(largest)},
        {"actor": f"#{largest}"},
        {"user": f"#{largest}"},
        {"before": "1-audit.entry-1"},
        {"before": f"{'9' * 17}-audit.entry-{'9' * 17}"},
        {"after": f"1-auth.group-{'9' * 17}"},
        {"before": "-1-users.user-x", "after": "²-audit.entry-٣"},
        {"before": "1-no.such-1"},
        {"request": "' OR 1=1 --"},
        {"reason": "100%_\\"},
        {"actor": "   "},
        {"since": "2026-03-29T02:30", "until": "2026-10-25T02:30"},
    ):
        assert desk.get(LOG, query).status_code == 200, query
    assert desk.get(f"{LOG}?reason=%00").status_code == 400
    assert desk.get(f"{LOG}?since=1900-01-01T00:00&since=2026").status_code == 422
