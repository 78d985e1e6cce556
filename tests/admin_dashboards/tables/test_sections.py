"""Rows of tables that open to show related objects."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission

from apps.moderation.reporting import report as file_report
from tests import people
from tests.console import console
from tests.factories import make_document, make_report, make_story

pytestmark = pytest.mark.django_db


def test_documents_stand_under_their_user_for_those_who_may_see_them() -> None:
    alice = people.alice()
    document = make_document(alice)
    page = console(people.compliance()).get("/admin/users/user/").content.decode()
    assert f"/admin/users/document/{document.pk}/change/" in page
    viewer = people.make_staff("viewer")
    viewer.user_permissions.set(Permission.objects.filter(codename="view_user"))
    page = console(viewer).get("/admin/users/user/").content.decode()
    assert "Latest documents" not in page
    assert f"/admin/users/document/{document.pk}/" not in page


def test_other_reports_of_the_same_case_stand_under_a_report() -> None:
    alice, bob, carol = people.alice(), people.bob(), people.carol()
    story = make_story(alice)
    first = file_report(bob, kind="story", target_id=story.pk, reason="spam", note="")
    second = file_report(carol, kind="story", target_id=story.pk, reason="nudity", note="")
    page = console(people.community()).get("/admin/moderation/report/").content.decode()
    assert page.count("Other reports in the same case") == 2
    for report in (first, second):
        # In its own line, and under the other one.
        assert page.count(f'href="/admin/moderation/report/{report.pk}/change/') == 2


@pytest.mark.parametrize("table", ["users/user", "moderation/report"])
def test_rows_that_open_cost_no_query_each(django_assert_max_num_queries: Any, table: str) -> None:
    client = console(people.admin())
    bob = people.bob()
    for number in range(8):
        user = people.make_user(f"user{number}")
        make_document(user)
        make_report(bob, "story", make_story(user), user)
    client.get(f"/admin/{table}/")
    with django_assert_max_num_queries(12):
        client.get(f"/admin/{table}/")
