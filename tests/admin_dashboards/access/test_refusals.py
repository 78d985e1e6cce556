"""Refused attempts of staff are recorded in the audit log."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.audit.services import record_refusal
from apps.users.models import User
from tests import people
from tests.admin_dashboards.access.audit_log.log import approved, found
from tests.console import console

pytestmark = pytest.mark.django_db


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
    assert not [entry for entry in Entry.objects.all() if "my secret" in str(entry.details)]


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
