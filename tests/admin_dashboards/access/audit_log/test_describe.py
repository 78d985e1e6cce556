"""Lines of the audit log name objects and users as far as the viewer may see them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.audit.models import Entry
from apps.events.models import Event
from apps.moderation.reporting import resolve_report
from apps.review.reveals import reveal
from apps.users.accounts.relationships import block
from apps.users.models import User
from tests import people
from tests.admin_dashboards.access.audit_log.log import LOG, approved, exported, found
from tests.client import api
from tests.console import console, links
from tests.factories import make_connection, make_event, make_message, make_report, make_story

pytestmark = pytest.mark.django_db


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
