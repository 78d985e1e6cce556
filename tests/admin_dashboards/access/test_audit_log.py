"""The audit log: what was really done is found by who, what, which object, whom it concerns, when, why and request."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.audit.actions import Action
from apps.audit.context import coming_from
from apps.audit.history import save_as
from apps.audit.log import CHANGES
from apps.audit.log_tables import log_tables
from apps.audit.models import Entry
from apps.audit.services import record_refusal
from apps.events.models import Event
from apps.moderation.reporting import resolve_report
from apps.review.models import SavedFilter
from apps.review.preferences import prefer
from apps.review.reveals import reveal
from apps.users.accounts.relationships import block
from apps.users.authentication.api_sessions import begin
from apps.users.authentication.sessions import end_session
from apps.users.models import Document, Session, User
from apps.users.staff.accounts import change_staff
from apps.users.staff.object_grants import grant_on_row
from apps.users.verification.review import review_document
from apps.users.verification.upload import send_document
from tests import people
from tests.client import api
from tests.console import console, links
from tests.drawn import png, upload
from tests.factories import make_connection, make_event, make_message, make_report, make_story

pytestmark = pytest.mark.django_db

LOG = "/admin/access/audit/"
EXPORT = f"{LOG}export/"


@pytest.fixture
def manager() -> User:
    return people.access()


@pytest.fixture
def desk(manager: User) -> Client:
    client = console(manager)
    client.get("/admin/jsi18n/")  # its session begins here
    return client


def found(client: Client, /, **filters: Any) -> list[str]:
    """The lines that a filter finds, as sentences, latest first."""
    response = client.get(LOG, {name: str(value) for name, value in filters.items()})
    assert response.status_code == 200, response.content
    return lines_of(response)


def lines_of(response: Any) -> list[str]:
    lines = re.findall(r'<li id="line-[^"]*">(.*?)</time>', response.content.decode(), re.DOTALL)
    sentences = (re.sub(r"<[^>]*>", "", line.partition("<time")[0]) for line in lines)
    return [" ".join(sentence.split()) for sentence in sentences]


def exported(client: Client, form: str = "csv", /, **filters: Any) -> list[dict[str, str]]:
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    response = client.post(f"{EXPORT}?{query}", {"format": form})
    assert response.status_code == 200
    content = b"".join(response.streaming_content)
    if form == "csv":
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    rows = list(openpyxl.load_workbook(io.BytesIO(content)).active.values)
    return [dict(zip(map(str, rows[0]), (str(cell or "") for cell in row), strict=True)) for row in rows[1:]]


def approved() -> Document:
    document = send_document(people.alice(), upload(png()), doc_type="identity")
    return review_document(people.compliance(), document.pk, verdict="approved")


# --- What is found ------------------------------------------------------------------------------------------------


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


def test_lines_stand_latest_first_over_all_tables() -> None:
    alice, desk = people.alice(), console(people.admin())
    event, story = make_event(alice), make_story(alice)
    make_message(alice, people.bob())
    begin(alice)
    lines = found(desk, actor="alice")
    assert lines[0].startswith("alice sent Message")
    made = [line for line in lines if line.startswith(("alice posted Story", "alice created Event"))]
    assert made == [
        f"alice posted Story #{story.pk} of alice",
        f"alice created Event #{event.pk} of alice",
    ]


# --- Who sees what ------------------------------------------------------------------------------------------------


def test_audit_log_opens_with_its_permission_alone(desk: Client) -> None:
    assert LOG in links(desk.get("/admin/access/"))
    for person in (people.support(), people.compliance(), people.community(), people.make_staff("nora")):
        client = console(person)
        assert client.get(LOG).status_code == 403
        assert client.post(EXPORT).status_code == 403
        assert not any("audit" in link for link in links(client.get("/admin/")))
    assert console(people.admin()).get(LOG).status_code == 200


def test_pages_lead_to_the_audit_log_of_what_they_show(manager: User) -> None:
    document = approved()
    address = f"/admin/users/document/{document.pk}/change/"
    here = f"{LOG}?type=users.document&amp;id={document.pk}"
    assert here.replace("&amp;", "&") in links(console(people.admin()).get(address))
    officer = console(people.make_staff("officer", "Compliance Officer"))
    assert not any("audit" in link for link in links(officer.get(address)))
    zoe = people.make_staff("zoe")
    assert f"{LOG}?actor=zoe" in links(console(manager).get(f"/admin/users/staff/{zoe.pk}/change/"))
    alice = User.objects.get(username="alice")
    assert f"{LOG}?user=alice" in links(console(User.objects.get(username="admin")).get(f"/admin/support/{alice.pk}/"))


def test_objects_are_named_to_all_and_linked_for_those_who_may_open_them(desk: Client) -> None:
    document = approved()
    address = f"/admin/users/document/{document.pk}/change/"
    query = {"type": "users.document", "id": document.pk}
    page = desk.get(LOG, query)
    assert address not in links(page)
    assert f"Document #{document.pk} of alice" in page.content.decode()
    assert address in links(console(people.admin()).get(LOG, query))


def test_private_acts_of_users_are_shown_only_to_permitted_viewers(desk: Client, manager: User) -> None:
    alice, bob = people.alice(), people.bob()
    story, message = make_story(bob), make_message(alice, bob)
    report = make_report(alice, "story", story, bob)
    block(alice, "bob")
    make_connection(alice, bob)
    resolve_report(people.community(), report.pk, outcome="kept")
    lines = found(desk, type="moderation.report") + found(desk, type="users.block") + found(desk, user="bob")
    lines += found(desk, type="connections.connection") + found(desk, type="chat.message")
    assert f"An end user made Report #{report.pk}" in lines
    assert f"An end user sent Message #{message.pk}" in lines
    assert not any("alice" in line for line in lines)
    assert any(line.startswith(f"community decided Report #{report.pk} of bob") for line in lines)
    assert found(desk, actor="alice") == []
    assert not any(line.startswith("An end user") for line in found(desk, user="alice"))
    manager.user_permissions.add(Permission.objects.get(codename="export_entry"))
    [row] = exported(console(manager), type="chat.message", id=message.pk)
    assert (row["actor"], row["object"], row["user_concerned"]) == ("An end user", f"Message #{message.pk}", "")
    said = f"alice made Report #{report.pk} of alice"
    assert said in found(console(people.admin()), actor="alice")
    both = people.make_staff("both", "Access Manager", "Community Manager")
    assert said in found(console(both), user="alice")


def test_texts_of_users_are_hidden_from_viewers_without_access_to_the_object(desk: Client) -> None:
    alice = people.alice()
    event = make_event(alice, "Secret plan")
    assert api(alice).patch(f"/events/{event.pk}", {"title": "Garden party"}).status_code == 200
    query = {"type": "events.event", "id": event.pk, "action": "changed"}
    page = desk.get(LOG, query).content.decode()
    assert "Secret plan" not in page
    assert "Garden party" not in page
    assert "not shown: you may not open this object" in page
    assert "<del>Secret plan</del>" in console(people.admin()).get(LOG, query).content.decode()


def test_mail_addresses_are_masked_in_what_changed(manager: User) -> None:
    alice = people.alice()
    alice.email = "alice.new@example.com"
    save_as(alice, alice, action=Action.ACCOUNT_CHANGED)
    page = console(people.admin()).get(LOG, {"user": "alice", "action": "changed"}).content.decode()
    assert "a•••@example.com" in page
    assert "alice.new@example.com" not in page
    page = console(manager).get(LOG, {"user": "alice", "action": "changed"}).content.decode()
    assert "a•••@example.com" not in page


def test_entries_about_deleted_objects_and_users_stay_readable(desk: Client) -> None:
    alice, staff = people.alice(), people.make_staff("leaver", "Community Manager")
    event = make_event(alice)
    reveal(people.compliance(), alice, "email", subject=alice, reason="A question about the invoice")
    Entry.objects.create(actor_id=999_999, verb=Action.VIEWED, target_type="no.such", target_id="x", subject_id=999_998)
    Event.objects.filter(pk=event.pk).delete()
    User.objects.filter(pk=staff.pk).delete()
    lines = found(desk)
    assert any(f"Event #{event.pk} of alice (deleted)" in line for line in lines)
    assert any(line.startswith("no. 999999, deleted since viewed no.such x") for line in lines)


# --- Refused attempts ---------------------------------------------------------------------------------------------


def test_a_refused_page_or_post_of_staff_is_recorded_once_a_minute(desk: Client) -> None:
    document, nora = approved(), people.make_staff("nora")
    client, address = console(nora), f"/admin/users/document/{document.pk}/change/"
    for _time in range(3):
        assert client.get(address).status_code == 403
    assert client.post(address, {"comment": "my secret"}).status_code == 403
    lines = found(desk, actor="nora", action="refused")
    assert [line.partition(",")[0] for line in lines] == [f"nora was denied · Document #{document.pk} of alice"] * 2
    assert f"POST {address}" in lines[0]
    assert f"GET {address}" in lines[1]
    assert "You need the permission “Can view document”" in lines[1]
    assert found(desk, type="users.document", id=document.pk, action="refused") == lines
    assert not Entry.objects.filter(detail__icontains="my secret").exists()


def test_a_script_cannot_flood_the_log(desk: Client) -> None:
    client = console(people.make_staff("nora"))
    for number in range(1, 41):
        assert client.get(f"/admin/users/document/{number}/change/").status_code == 403
    refused = Entry.objects.filter(verb=Action.REFUSED)
    assert refused.filter(detail__method="GET").count() == 30
    said = [line for line in found(desk, actor="nora", action="refused") if "further ones are not recorded" in line]
    assert len(said) == 1
    assert client.post("/admin/users/document/1/change/").status_code == 403
    assert refused.filter(detail__method="POST").count() == 1, "no change hides behind many pages"
    for number in range(2, 120):
        record_refusal(User.objects.get(username="nora"), method="POST", path=f"/{number}", sentence="no")
    assert refused.count() == 100 + 2


def test_cross_site_requests_are_not_recorded_as_refused_attempts(manager: User) -> None:
    alice, admin = people.alice(), people.admin()
    client = console(admin)
    address = f"/admin/users/user/{alice.pk}/change/"
    assert client.get(address, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert not Entry.objects.filter(verb=Action.REFUSED).exists()


# --- Pages --------------------------------------------------------------------------------------------------------


def _follow(client: Client, word: str, response: Any) -> Any:
    match = re.search(rf'href="([^"]+)"[^>]*>{word}</a>', response.content.decode())
    return client.get(LOG + match[1].replace("&amp;", "&")) if match else None


def test_pages_follow_each_other_by_lines_and_lose_none() -> None:
    alice, desk = people.alice(), console(people.admin())
    entries = [Entry(actor=alice, verb=Action.CLAIMED, reason=f"n{n}") for n in range(12)]
    Entry.objects.bulk_create(entries)
    for number in range(13):
        make_event(alice, f"Event {number}")
    response = desk.get(LOG, {"actor": "alice"})
    pages = [response]
    while (response := _follow(desk, "Earlier", response)) is not None:
        pages.append(response)
    seen = [line for page in pages for line in re.findall(r'<li id="(line-[^"]*)"', page.content.decode())]
    assert len(seen) == len(set(seen)) == 25
    assert [len(lines_of(page)) for page in pages] == [10, 10, 5]
    back = _follow(desk, "Later", pages[-1])
    assert lines_of(back) == lines_of(pages[1])
    first = _follow(desk, "Later", back)
    assert lines_of(first) == lines_of(pages[0])
    assert _follow(desk, "Later", first) is None


def test_a_page_takes_as_many_queries_however_many_lines_it_has(desk: Client) -> None:
    document, alice = approved(), User.objects.get(username="alice")

    def more(times: int) -> None:
        for number in range(times):
            event = make_event(alice, f"Event {number}")
            event.title = f"Changed {number}"
            event.save()
            make_story(alice)
            Entry.objects.create(
                actor=alice, verb=Action.VIEWED, target_type="users.document", target_id=str(document.pk), subject=alice
            )

    more(2)
    User.objects.filter(username="access").update(page_size=100)
    desk.get(LOG)

    def cost() -> tuple[int, int]:
        with CaptureQueriesContext(connection) as queries:
            response = desk.get(LOG)
        return len(lines_of(response)), len(queries)

    few, queries = cost()
    more(15)
    many, again = cost()
    assert many > few + 50
    assert again == queries
    assert queries <= 35


def test_filters_stand_in_the_address_and_can_be_saved(desk: Client, manager: User) -> None:
    page = desk.get(LOG, {"actor": "access", "action": "signed_in", "before": "x"})
    assert 'value="access"' in page.content.decode()
    assert '<option value="signed_in" selected>' in page.content.decode()
    sent = {
        "place": "admin:desk_access_audit",
        "query": "actor=access&action=signed_in&before=1-audit.entry-1",
        "name": "My sign-ins",
        "next": LOG,
        "shared": "on",
    }
    desk.post("/admin/filters/", sent)
    kept = SavedFilter.objects.get(owner=manager)
    assert (kept.query, kept.shared) == ("actor=access&action=signed_in", True)
    assert f"{LOG}?actor=access&action=signed_in" in links(desk.get(LOG))
    assert console(people.support()).post("/admin/filters/", sent).status_code == 403


def test_empty_audit_log_searches_show_no_results(desk: Client) -> None:
    page = desk.get(LOG, {"request": "none"})
    assert page.status_code == 200
    assert "No results" in page.content.decode()


# --- Bad input ----------------------------------------------------------------------------------------------------


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


# --- Export -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_an_export_holds_what_the_filter_finds_and_is_recorded(form: str, manager: User) -> None:
    alice, admin = people.alice(), people.admin()
    zoe, story = people.make_staff("zoe"), make_story(alice)
    grant_on_row(manager, zoe, "stories.change_story", story, reason="=HYPERLINK(1)")
    client = console(admin)
    [row] = exported(client, form, user="zoe", action="granted")
    assert row["actor"] == "access"
    assert row["action"] == "granted"
    assert (row["object_type"], row["object_id"], row["user_concerned"]) == ("stories.story", str(story.pk), "zoe")
    assert row["reason"] == "'=HYPERLINK(1)"
    assert row["time"].endswith("Z")
    [line] = found(client, action="exported")
    assert line == "admin exported audit entries, rows: 1, filters action=granted&amp;user=zoe"
    entry = Entry.objects.get(verb=Action.EXPORTED)
    assert entry.detail == {"table": "audit.entry", "rows": 1, "filters": "action=granted&user=zoe"}
    everything = exported(client, form)
    keys = sum(source.model._default_manager.count() for source in log_tables())
    assert len(everything) == keys - 1  # its own entry comes after it


def test_exporting_the_audit_log_needs_its_own_permission(desk: Client, manager: User) -> None:
    assert "Export as CSV" not in desk.get(LOG).content.decode()
    assert desk.post(EXPORT).status_code == 403
    manager.user_permissions.add(Permission.objects.get(codename="export_entry"))
    assert "Export as CSV" in desk.get(LOG).content.decode()
    assert exported(desk)


def test_every_action_can_be_chosen_and_has_an_answer(desk: Client) -> None:
    page = desk.get(LOG).content.decode()
    of_entries = [action for action in Action if "." not in action and action != Action.RECORDED]
    for action in (*of_entries, *CHANGES):
        assert f'<option value="{action}">' in page
        assert desk.get(LOG, {"action": action}).status_code == 200
