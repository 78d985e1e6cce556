"""Tables out as files, in the request: which rows and columns they hold, and how many."""

from __future__ import annotations

from typing import Any

import pytest
from guardian.shortcuts import assign_perm

from admin_dashboards.tables import limits
from apps.audit.actions import Action
from apps.audit.models import Entry
from tests import people
from tests.admin_dashboards.tables.transfers import CSV, TABLES, exporter, rows_of
from tests.console import EVENTS, console
from tests.factories import make_event, make_message, make_notification, make_story

pytestmark = pytest.mark.django_db


def test_an_export_holds_the_rows_of_the_filters_and_is_written_down() -> None:
    host = people.alice()
    make_event(host, "Bygone Ball", in_hours=-48)
    make_event(host, "Distant Dinner")
    staff = exporter("events.export_event")
    client = console(staff)
    assert client.get(f"{EVENTS}export/?when=past").status_code == 200
    answer = client.post(f"{EVENTS}export/?when=past", {"format": CSV})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    [row] = rows_of(answer)
    assert (row["title"], row["host"]) == ("Bygone Ball", "alice")
    entry = Entry.objects.get(verb=Action.EXPORTED)
    assert entry.actor == staff
    assert entry.details == {"table": "events.event", "rows": 1, "filters": "when=past"}


def test_an_export_holds_only_rows_that_one_may_see() -> None:
    host = people.alice()
    granted = make_event(host, "Granted")
    make_event(host, "Withheld")
    helper = people.make_staff("helper")
    assign_perm("view_event", helper, granted)
    assert console(helper).post(f"{EVENTS}export/", {"format": CSV}).status_code == 403
    assign_perm("events.export_event", helper)
    assert [row["title"] for row in rows_of(console(helper).post(f"{EVENTS}export/", {"format": CSV}))] == ["Granted"]


def test_mail_phone_and_chat_text_are_in_no_file() -> None:
    alice = people.make_user("alice", phone="+1 555 0123")
    make_message(alice, people.bob(), "Behind the mill")
    make_story(alice)
    make_notification(alice)
    client = console(people.admin())
    for table in TABLES:
        answer = client.post(f"/admin/{table}/export/", {"format": CSV})
        # No user exports groups, staff and sessions.
        expected = 403 if table in ("auth/group", "users/staff", "users/session") else 200
        assert answer.status_code == expected, table
        text = answer.content.decode()
        assert not any(secret in text for secret in ("alice@example.com", "0123", "mill", "md5$"))


def test_an_export_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_EXPORTED_ROWS", 2)
    monkeypatch.setattr(limits, "EXPORTED_AT_ONCE", 2)
    host = people.alice()
    client = console(exporter("events.export_event"))
    for number in range(2):
        make_event(host, f"Event {number}")
    assert client.post(f"{EVENTS}export/", {"format": CSV})["Content-Type"] == "text/csv; charset=utf-8"
    make_event(host, "One too many")
    answer = client.post(f"{EVENTS}export/", {"format": CSV}, follow=True)
    assert "Narrow the table down" in answer.content.decode()
    assert Entry.objects.filter(verb=Action.EXPORTED).count() == 1


def test_an_export_takes_the_same_queries_however_long_it_is(django_assert_num_queries: Any) -> None:
    host = people.alice()
    client = console(exporter("events.export_event"))
    client.post(f"{EVENTS}export/", {"format": CSV})
    for number in range(3):
        make_event(people.make_user(f"host{number}"))
        make_event(host)
        with django_assert_num_queries(7):
            client.post(f"{EVENTS}export/", {"format": CSV})
