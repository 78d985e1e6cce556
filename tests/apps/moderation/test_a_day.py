"""A day of moderation: five officers at once, nothing resolved twice, and figures that are a plain count."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC
from functools import partial
from random import Random
from typing import Any

import pytest
from django.db.models import Count
from django.utils import timezone

from admin_dashboards.moderation.desk import ModerationDesk
from apps.moderation.models import Case, Report, Strike
from apps.moderation.priority import update_open_scores
from apps.review.decisions.models import Decision
from apps.review.figures import figures
from apps.users.models import User
from tests.console import console
from tests.factories import make_event, make_story
from tests.people import make_staff, make_user
from tests.races import at_once

DESK = "/admin/moderation/"
REPORTS, TARGETS, OFFICERS = 150, 15, 5


def reported(random: Random) -> None:
    """Reports by 20 people about targets of 5 authors."""
    authors = [make_user(f"author{number}") for number in range(5)]
    reporters = [make_user(f"reporter{number}") for number in range(20)]
    reports = []
    for number in range(TARGETS):
        author = authors[number % 5]
        target: Any = make_story(author) if number % 2 else make_event(author)
        about = {"kind": "story" if number % 2 else "event", "target_id": target.pk, "author": author}
        case = Case.objects.create(**about)
        for reporter in random.sample(reporters, REPORTS // TARGETS):
            reason = random.choice(["spam", "fraud", "violence", "nudity"])
            reports.append(Report(**about, reporter=reporter, case=case, reason=reason))
    Report.objects.bulk_create(reports)
    update_open_scores()


def work(officer: User, random: Random) -> int:
    """Take what is next and decide it, by the keys of the page, until nothing is left; how many."""
    client, decided = console(officer), 0
    while (address := client.get(f"{DESK}next/")["Location"]) != DESK:
        page = client.get(address, headers={"X-Part": "1"}).content.decode()
        if found := re.search(r'name="version" value="(\d+)"', page):
            outcome = random.choice(["kept", "warned"])
            answer = client.post(f"{address}decide/", {"version": found[1], "outcome": outcome})
            decided += answer.status_code == 302
    return decided


@pytest.mark.django_db(transaction=True)
def test_five_officers_resolve_a_day_s_reports_each_once() -> None:
    random = Random(7)
    reported(random)
    officers = [make_staff(f"officer{number}", "Community Manager") for number in range(OFFICERS)]
    counts = at_once([partial(work, officer, Random(number)) for number, officer in enumerate(officers)])
    assert sum(counts) == TARGETS == Decision.objects.count()
    assert not Case.objects.open().exists()
    assert Report.objects.filter(status="closed").count() == REPORTS
    by_target = Decision.objects.values("target_id").annotate(n=Count("pk"))
    assert {row["n"] for row in by_target} == {1}
    assert Strike.objects.count() == Case.objects.filter(outcomes=["warned"]).count()

    shown = figures(ModerationDesk.queue, Case.objects.all(), officers[0], UTC)
    today = Case.objects.filter(closed_at__date=timezone.now().date())
    assert (shown.open, shown.decided_today, shown.days[-1].arrived) == (0, today.count(), Case.objects.count())
    by_person = Counter(Decision.objects.values_list("actor__username", flat=True))
    assert {person.name: person.today for person in shown.people} == by_person
    assert dict(zip((officer.username for officer in officers), counts, strict=True)) == {
        officer.username: by_person[officer.username] for officer in officers
    }
