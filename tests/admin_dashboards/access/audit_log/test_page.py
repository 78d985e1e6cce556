"""The page of the audit log: who opens it, the order of its lines, and its pages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.review.models import SavedFilter
from apps.users.authentication.api_sessions import begin
from apps.users.models import User
from tests import people
from tests.admin_dashboards.access.audit_log.log import EXPORT, LOG, approved, found, lines_of
from tests.console import console, links
from tests.factories import make_event, make_message, make_story

pytestmark = pytest.mark.django_db


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
