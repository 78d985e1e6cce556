"""Fields that a form of the console does not have, sent along with it: nothing more is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from apps.moderation.models import Case, Report
from apps.review.claims import claim
from apps.users.models import Document
from tests.admin_dashboards.tables.transfers import confirm
from tests.attacks.names import SET_BY_SERVICES
from tests.console import console, upload_import
from tests.crawling import forms
from tests.permissions import console_scene
from tests.permissions.console_table import TABLE
from tests.rows import rows, written
from tests.undoing import undone

pytestmark = pytest.mark.django_db

STAFF = {"username": "nora", "email": "nora@staff.example.com"}
PASSWORD = {"password1": "a-long-enough-one", "password2": "a-long-enough-one"}
SENT: dict[str, tuple[str, dict[str, Any]]] = {
    # page: (who sends its form, what that person fills in)
    "users_document_change": ("compliance", {"status": "rejected", "reason": "", "comment": "Blurred."}),
    "moderation_report_change": ("community", {"outcome": "kept", "comment": "Fine."}),
    "events_event_change": ("community", {"title": "Tea", "description": "Hot."}),
    "auth_group_add": ("access", {"name": "Night shift"}),
    "auth_group_change": ("access", {"name": "Night shift"}),
    "users_staff_add": ("access", STAFF | PASSWORD),
    "users_staff_change": ("access", STAFF),
    "users_staff_password": ("access", PASSWORD),
}

CHOSEN = ("_", "groups", "permissions")
"""How names begin of buttons and of what is ticked."""


@pytest.fixture(scope="module")
def scene(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[dict[str, Client], dict[str, int]]]:
    """Made once, at a time that stands still: every form of these tests is undone."""
    with django_db_blocker.unblock(), time_machine.travel(timezone.now(), tick=False), undone():
        cast = console_scene.cast()
        keys = console_scene.rows(cast)
        report = Report.objects.get(pk=keys["moderation_report"])
        report.case = Case.objects.create(kind=report.kind, target_id=report.target_id, author=report.author)
        report.save()
        officer = cast["compliance"]
        assert officer
        claim(officer, Document, keys["users_document"])
        clients = {name: console(person) for name, person in cast.items() if person and person.is_staff}
        for client in clients.values():
            client.get("/admin/")
        yield clients, keys


def address_of(name: str, keys: dict[str, int]) -> str:
    model, _, _page = name.rpartition("_")
    return (
        console_scene.addresses()[name]
        .replace("<path:object_id>", str(keys[model]))
        .replace("<int:staff_id>", str(keys[model]))
    )


def test_every_form_of_a_row_is_among_them() -> None:
    of_rows = {
        name
        for name, (_readers, posters) in TABLE.items()
        if posters and name.endswith(("_add", "_change", "_staff_password"))
    }
    assert of_rows - {"password_change"} == set(SENT)


def test_a_form_writes_nothing_of_fields_that_it_does_not_have(scene: tuple[dict[str, Client], dict[str, int]]) -> None:
    clients, keys = scene
    group = Group.objects.get(name="Access Manager").pk
    for name, (who, filled) in SENT.items():
        client, address = clients[who], address_of(name, keys)
        shown = [found for _method, action, found in forms(address, client.get(address)) if action == address]
        own = {key: value for key, value in shown[-1].items() if not key.startswith(CHOSEN)} | filled
        others = {field: group for field in SET_BY_SERVICES if field not in shown[-1]}
        assert others
        before, done = rows(), []
        for extra in ({}, others):
            with undone():
                answer = client.post(address, own | extra)
                assert answer.status_code == 302, (name, answer.content.decode())
                done.append(written(before))
        assert done[0], name
        assert done[0] == done[1], name


def test_a_file_changes_nothing_by_columns_that_the_table_does_not_import(
    scene: tuple[dict[str, Client], dict[str, int]],
) -> None:
    clients, keys = scene
    event, others = keys["events_event"], [name for name in SET_BY_SERVICES if name != "id"]
    before, done = rows(), []
    for more in ([], others):
        with undone():
            lines = [",".join(["id", "title", *more]), ",".join([f"{event}", "Tea", *["1"] * len(more)])]
            preview = upload_import(clients["admin"], "\n".join(lines))
            assert confirm(clients["admin"], preview).status_code == 200
            done.append(written(before))
    assert done[0] == done[1] != []
