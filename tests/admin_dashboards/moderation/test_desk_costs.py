"""What the pages of the moderation desk cost in queries, however much there is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from admin_dashboards.review.queue_filters import TABS
from apps.moderation.appeals import appeal
from apps.moderation.cases import resolve_case
from apps.moderation.models import Appeal, Case, Strike
from apps.moderation.reporting import report
from apps.users.models import User
from tests import people
from tests.console import case_page, console
from tests.factories import make_case, make_event, make_story
from tests.jobs import run_jobs

pytestmark = pytest.mark.django_db
DESK = "/admin/moderation/"
UNDO_WINDOW = timedelta(seconds=10)


@pytest.fixture
def client() -> Client:
    return console(people.community())


def test_the_pages_cost_the_same_however_much_there_is(client: Client, django_assert_max_num_queries: Any) -> None:
    author = people.alice()
    case = make_case(people.bob(), "story", make_story(author))
    client.get(case_page(case))
    for number in range(8):
        with django_assert_max_num_queries(24):
            client.get(DESK)
        with django_assert_max_num_queries(46):
            client.get(case_page(case))
        report(people.make_user(f"person{number}"), kind="story", target_id=case.target_id, reason="fraud")
        make_case(people.make_user(f"other{number}"), "event", make_event(author))


def test_each_tab_of_both_queues_costs_the_same_with_many_rows_as_with_few(client: Client) -> None:
    decider, other = people.admin(), people.make_staff("other", "Community Manager")
    authors = [people.make_user(f"author{number}") for number in range(4)]
    reporter = people.bob()
    shares = [
        *(f"{desk}?tab={tab.code}" for desk in (DESK, f"{DESK}appeals/") for tab in TABS),
        *(f"{desk}?q=author" for desk in (DESK, f"{DESK}appeals/")),
    ]

    def more() -> None:
        for author in authors:
            resolve_case(decider, make_case(reporter, "story", make_story(author)).pk, outcomes=["removed"])
        run_jobs(later=UNDO_WINDOW)
        for strike in Strike.objects.filter(decision__appeal__isnull=True):
            appeal(strike.person, strike.decision_id, text="It is art.")
        made = [make_case(reporter, "event", make_event(author)) for author in authors]
        for work in (made, list(Appeal.objects.open().order_by("-id")[:4])):
            for item, given in zip(
                work,
                ({}, {"assigned_to": client_user}, {"escalated_at": now, "assigned_to": other}, {"snoozed_until": now}),
                strict=True,
            ):
                type(item).objects.filter(pk=item.pk).update(**given)

    def costs() -> dict[str, int]:
        found = {}
        for share in shares:
            with CaptureQueriesContext(connection) as captured:
                assert client.get(share).status_code == 200, share
            found[share] = len(captured)
        return found

    client_user, now = User.objects.get(username="community"), timezone.now() + timedelta(hours=1)
    more()
    costs()  # the first page of a process remembers what it looks up
    few = costs()
    more()
    more()
    assert costs() == few
    assert max(few.values()) <= 22


def test_bulk_previews_cost_few_queries_and_resolve_nothing(client: Client) -> None:
    reporter, author = people.bob(), people.alice()
    cases = [make_case(reporter, "story", make_story(author)) for _ in range(6)]

    def cost(some: list[Case]) -> int:
        with CaptureQueriesContext(connection) as captured:
            page = client.post(f"{DESK}bulk/", {"action": "removed", "item": [case.pk for case in some]})
        assert page.text.count("Message to alice: Our team has removed your story.") == len(some)
        return len(captured)

    one = cost(cases[:1])
    assert cost(cases) - one <= 5 * 3
    assert Case.objects.open().count() == 6
