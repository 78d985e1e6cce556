"""A day at the desk of compliance: five officers at once, twenty documents, nothing decided twice."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from random import Random
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from apps.review.decisions.models import Decision
from apps.review.figures import figures
from apps.users.models import DocType, Document, Profile, Role, User
from tests import people
from tests.console import console

OFFICERS, DOCUMENTS = 5, 20


@pytest.mark.django_db(transaction=True)
def test_five_officers_work_a_queue_off() -> None:
    from admin_dashboards.compliance.desk import ComplianceDesk

    officers = [people.make_staff(f"officer{number}", "Compliance Officer") for number in range(OFFICERS)]
    _fill()
    decided = _all_at_once(officers)

    assert not Document.objects.pending().exists()
    by_document = [target for target, _officer in decided]
    assert sorted(by_document) == sorted(Document.objects.values_list("pk", flat=True))
    written = Decision.objects.filter(verb__in=["document.approved", "document.rejected"])
    assert sorted(written.values_list("target_id", "actor_id")) == sorted(decided)
    assert Document.history.filter(history_type="~").count() == DOCUMENTS

    counted = figures(ComplianceDesk.queue, Document.objects.all(), officers[0], UTC)
    assert (counted.open, counted.decided_today) == (0, DOCUMENTS)
    mine = {officer.pk: sum(who == officer.pk for _target, who in decided) for officer in officers}
    assert {person.id: person.today for person in counted.people} == {pk: n for pk, n in mine.items() if n}


def _fill() -> None:
    names = [f"owner{number:03}" for number in range(DOCUMENTS)]
    owners = User.objects.bulk_create(
        [User(username=name, email=f"{name}@example.com", role=Role.INFLUENCER, password="!") for name in names]
    )
    Profile.objects.bulk_create([Profile(user=owner) for owner in owners])
    columns = {
        "doc_type": DocType.IDENTITY,
        "file": "gone.png",
        "media_type": "image/png",
        "size": 1,
        "sha256": "0" * 64,
    }
    now = timezone.now()
    Document.objects.bulk_create(
        [
            Document(owner=owner, created_at=now - timedelta(minutes=place), pages=1, **columns)
            for place, owner in enumerate(owners)
        ]
    )


def _all_at_once(officers: list[User]) -> list[tuple[int, int]]:
    """Which document was decided by whom, as each of them saw it."""

    def work(officer: User) -> list[tuple[int, int]]:
        browser, chance, done = console(officer), Random(officer.pk), []
        try:
            address = browser.get("/admin/compliance/next/").url
            while found := re.search(r"/compliance/(\d+)/", address):
                page = browser.get(address, headers={"X-Part": "1"})
                address, was_taken = _decide(browser, address, page.text, chance)
                if was_taken:
                    done.append((int(found[1]), officer.pk))
            return done
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(officers)) as pool:
        return [each for part in pool.map(work, officers) for each in part]


def _decide(browser: Any, address: str, page: str, chance: Random) -> tuple[str, bool]:
    """Decide what is open, as the page offers it; or go on to the next. Where it led, and whether it was taken."""
    is_mine = 'data-free="1"' not in page or browser.post(f"{address}action/", {"action": "renew"}).status_code == 204
    if is_mine and 'name="verdict"' in page:
        version = re.search(r'name="version" value="(\d+)"', page)
        assert version
        verdict = chance.choice([{"verdict": "approved"}, {"verdict": "rejected", "reason": "expired"}])
        answer = browser.post(f"{address}decide/", verdict | {"version": version[1]})
        if answer.status_code == 302:
            return answer.url, True
        assert answer.status_code == 409
    return browser.get("/admin/compliance/next/").url, False
