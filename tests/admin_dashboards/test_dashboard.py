"""The dashboard of staff with several queues."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.users.models import Document
from tests import people
from tests.console import console
from tests.factories import make_document

pytestmark = pytest.mark.django_db


def overdue(document: Document) -> None:
    Document.objects.filter(pk=document.pk).update(created_at=timezone.now() - timedelta(days=40))


def test_staff_with_several_desks_see_all_queues() -> None:
    overdue(make_document(people.alice()))
    for who in (people.admin(), people.make_staff("lead", "Compliance Officer", "Community Manager")):
        page = console(who).get("/admin/").content.decode().replace("\xa0", " ")
        assert "1 item is overdue, the oldest waits 1 month" in page
        assert page.count("Received and decided, 14 days") == 3


def test_staff_with_one_desk_see_no_dashboard() -> None:
    overdue(make_document(people.alice()))
    for who in ("compliance", "community", "access", "support"):
        page = console(getattr(people, who)()).get("/admin/").content.decode()
        assert 'class="dashboard' not in page, who


def test_a_dashboard_with_nothing_in_it_says_so() -> None:
    page = console(people.admin()).get("/admin/").content.decode()
    assert "All queues are within their SLA." in page
    assert "No decisions in the last 14 days." in page


def test_the_dashboard_costs_so_many_queries(django_assert_num_queries: Any) -> None:
    for number in range(4):
        make_document(people.make_user(f"user{number}"))
    client = console(people.admin())
    client.get("/admin/")
    with django_assert_num_queries(30):  # four and the goal for each of three queues; a count for each table
        client.get("/admin/")
