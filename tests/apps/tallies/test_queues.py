"""Figures of a queue by tally are those of its items, after whatever is written, by any writer."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.moderation.models import Appeal, Case
from apps.moderation.queues import CASES
from apps.review.figures import figures
from apps.tallies import jobs
from apps.tallies.models import Tally
from apps.tallies.services import recount
from apps.users.models import DocType, Document
from apps.users.verification.queue import DOCUMENTS
from tests import people
from tests.factories import make_case, make_event

pytestmark = pytest.mark.django_db

STEPS = 150
KINDS = (Document, Case, Appeal)


class Desk:
    """Officers and documents, written in every way that rows are."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.officers = [people.make_staff(name, "Compliance Officer") for name in ("vera", "omar")]
        self.number = 0

    def change(self) -> None:
        self.dice.choice(
            [self.arrive, self.arrive, self.arrive_many, self.decide, self.decide_all, self.reopen, self.claim,
             self.move, self.delete, self.leave]
        )()  # fmt: skip

    def ago(self, most: float) -> datetime:
        return timezone.now() - timedelta(hours=self.dice.random() * most)

    def any(self, **given: Any) -> Document | None:
        found = list(Document.objects.filter(**given).order_by("pk"))
        return self.dice.choice(found) if found else None

    def one(self, at: datetime) -> Document:
        self.number += 1
        owner = people.make_user(f"owner{self.number}", verified=False)
        return Document(
            owner=owner, doc_type=DocType.IDENTITY, file="x", media_type="image/png", size=1, sha256="0" * 64,
            created_at=at,
        )  # fmt: skip

    def arrive(self) -> None:
        self.one(self.ago(40 * 24)).save()

    def arrive_many(self) -> None:
        Document.objects.bulk_create([self.one(self.ago(40)) for _ in range(3)])

    def decide(self) -> None:
        if document := self.any(status="pending"):
            document.status, document.decided_by = "approved", self.dice.choice([*self.officers, None])
            document.decided_at = max(document.created_at, self.ago(50))
            document.save()

    def decide_all(self) -> None:
        Document.objects.filter(status="pending", pk__gt=self.number // 2).update(
            status="rejected", decided_at=timezone.now(), decided_by=self.officers[0]
        )

    def reopen(self) -> None:
        Document.objects.filter(pk=getattr(self.any(status="approved"), "pk", None)).update(
            status="pending", decided_at=None, decided_by=None
        )

    def claim(self) -> None:
        Document.objects.update(claimed_by=self.officers[0], claimed_until=timezone.now() + timedelta(minutes=5))

    def move(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE users_document SET created_at = created_at - interval '7 hours' WHERE id % 3 = 0")

    def delete(self) -> None:
        if document := self.any():
            document.delete()

    def leave(self) -> None:
        if document := self.any():
            Document.objects.filter(owner=document.owner_id).delete()


@pytest.mark.parametrize("seed", range(2))
def test_tallied_figures_of_a_queue_are_those_of_its_items(seed: int) -> None:
    desk = Desk(seed)
    for step in range(STEPS):
        desk.change()
        if step % 10 == 0:
            jobs.fold(0)
        now = timezone.now()
        read = figures(DOCUMENTS, Document.objects.all(), desk.officers[0], UTC, now)
        assert figures(DOCUMENTS, None, desk.officers[0], UTC, now) == read
    assert [recount(kind.TALLIES.tallied) for kind in KINDS] == [0, 0, 0]


def test_cases_are_tallied_from_their_report_to_their_decision() -> None:
    bob, officer = people.make_user("bob"), people.make_staff("mona", "Community Manager")
    for number in range(4):
        case = make_case(bob, "event", make_event(people.make_user(f"host{number}")))
        if number % 2:
            Case.objects.filter(pk=case.pk).update(
                status="closed", outcomes=["dismissed"], closed_at=timezone.now(), closed_by=officer
            )
    now = timezone.now()
    found = figures(CASES, None, officer, UTC, now)
    assert found == figures(CASES, Case.objects.all(), officer, UTC, now)
    assert (found.open, found.decided_today, found.in_time_lately) == (2, 2, 2)
    assert recount(Case.TALLIES.tallied) == 0


def test_open_items_stay_in_their_spans_of_time_and_old_days_are_folded() -> None:
    desk = Desk(0)
    old = timezone.now() - timedelta(days=90)
    desk.one(old).save()
    done = desk.one(old)
    done.status, done.decided_at = "approved", old + timedelta(hours=1)
    done.save()
    jobs.fold(0)
    spans = dict(Tally.objects.filter(kind__startswith="queue_documents.").values_list("kind", "bucket__year"))
    assert spans == {
        "queue_documents.open": old.year,
        "queue_documents.came": 1970,
        "queue_documents.went.": 1970,
        "queue_documents.took.1": 1970,
    }
    assert figures(DOCUMENTS, None, desk.officers[0], UTC).late == 1
