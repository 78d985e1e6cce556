"""The audit log as a file."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from apps.audit.actions import Action
from apps.audit.log_tables import log_tables
from apps.audit.models import Entry
from apps.users.models import User
from apps.users.staff.object_grants import grant_on_row
from tests import people
from tests.admin_dashboards.access.audit_log.log import EXPORT, LOG, exported, found
from tests.console import console
from tests.factories import make_story

pytestmark = pytest.mark.django_db


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
    assert entry.details == {"table": "audit.entry", "rows": 1, "filters": "action=granted&user=zoe"}
    everything = exported(client, form)
    keys = sum(source.model._default_manager.count() for source in log_tables())
    assert len(everything) == keys - 1  # its own entry comes after it


def test_exporting_the_audit_log_needs_its_own_permission(desk: Client, manager: User) -> None:
    assert "Export as CSV" not in desk.get(LOG).content.decode()
    assert desk.post(EXPORT).status_code == 403
    manager.user_permissions.add(Permission.objects.get(codename="export_entry"))
    assert "Export as CSV" in desk.get(LOG).content.decode()
    assert exported(desk)
