"""The figures of a queue are those of a plain count, in the viewer's days; the line-up is in its order."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db.models import QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from apps.review.figures import CHART_DAYS, figures
from apps.review.models import Goal
from apps.review.queue import AGES, ReviewQueue, line_up, mine, neighbour, waiting
from apps.users.models import DocType, Document, User
from apps.users.verification.queue import DOCUMENTS
from tests.people import make_staff, make_user

pytestmark = pytest.mark.django_db

QUEUE = DOCUMENTS
NOW = datetime(2026, 3, 10, 1, 30, tzinfo=UTC)


@pytest.fixture
def vera(db: None) -> User:
    return make_staff("vera", "Compliance Officer")


@pytest.fixture
def omar(db: None) -> User:
    return make_staff("omar", "Compliance Officer")


def make_document(number: int, at: datetime, **given: object) -> Document:
    owner = make_user(f"owner{number}", verified=False)
    columns = {"doc_type": DocType.IDENTITY, "file": "x", "media_type": "image/png", "size": 1, "sha256": "0" * 64}
    return Document.objects.create(owner=owner, created_at=at, **columns | given)


def decided(at: datetime, by: User, status: str = "approved") -> dict[str, object]:
    return {"status": status, "decided_at": at, "decided_by": by}


def read() -> QuerySet[Document]:
    """Documents as of an officer who works on some: figures read them."""
    return Document.objects.all()


def tallied() -> None:
    """None, as of an officer who works on all: figures are kept of them."""


@pytest.mark.parametrize("some", [read, tallied])
@pytest.mark.parametrize("name", ["UTC", "Asia/Kolkata", "America/Los_Angeles"])
def test_figures_equal_a_plain_count(
    name: str, some: Callable[[], QuerySet[Document] | None], vera: User, omar: User
) -> None:
    zone, chance = ZoneInfo(name), random.Random(7)
    Goal.objects.create(queue="documents", hours=30)
    documents = []
    for number in range(60):
        at = NOW - timedelta(hours=chance.choice([1, 20, 40, 100, 300, 900]) + chance.random() * 9)
        given: dict[str, object] = {}
        if number % 2:
            given = decided(min(NOW, at + timedelta(hours=chance.random() * 60)), chance.choice([vera, omar]))
        elif number % 8 == 0:
            given = {"claimed_by": vera, "claimed_until": NOW + timedelta(minutes=chance.choice([-1, 5]))}
        elif number % 10 == 0:
            given = {"assigned_to": vera}
        elif number % 12 == 0:
            given = {"snoozed_until": NOW + timedelta(hours=chance.choice([-1, 5])), "escalated_at": NOW}
        documents.append(make_document(number, at, **given))

    found = figures(QUEUE, some(), vera, zone, NOW)

    def day(time: datetime) -> object:
        return time.astimezone(zone).date()

    goal = timedelta(hours=30)
    still_open = [each for each in documents if each.status == "pending"]
    done = [each for each in documents if each.decided_at]
    today = day(NOW)
    own = [each for each in still_open if each.claim_holder(NOW) == vera or each.assigned_to_id == vera.pk]
    due_today = [each for each in still_open if each.created_at + goal >= NOW and day(each.created_at + goal) == today]
    assert found.open == len(still_open)
    assert found.oldest == min(each.created_at for each in still_open)
    assert found.late == sum(each.created_at + goal < NOW for each in still_open)
    assert found.due_today == len(due_today)
    assert found.mine == len(own)
    assert found.snoozed == sum(bool(each.snoozed_until and each.snoozed_until > NOW) for each in still_open)
    assert found.escalated == sum(bool(each.escalated_at) for each in still_open)
    whole_days = [(NOW - each.created_at).days for each in still_open]
    assert found.ages == [
        (first, last, sum(first <= age <= (last or age) for age in whole_days)) for first, last in AGES
    ]
    assert len(found.days) == CHART_DAYS
    for each in found.days:
        assert each.arrived == sum(day(document.created_at) == each.date for document in documents)
        assert each.decided == sum(day(document.decided_at) == each.date for document in done)
    lately = [each for each in done if day(each.decided_at) >= found.days[0].date]
    assert found.decided_today == sum(day(each.decided_at) == today for each in done)
    assert found.decided_lately == len(lately)
    in_time = sum(each.decided_at - each.created_at <= goal for each in lately)
    assert found.share_in_time == round(100 * in_time / len(lately))
    for person in found.people:
        theirs = [each for each in lately if each.decided_by_id == person.id]
        assert (person.lately, person.today) == (len(theirs), sum(day(each.decided_at) == today for each in theirs))


@pytest.mark.parametrize("some", [read, tallied])
@pytest.mark.parametrize(("day", "hours"), [("2026-10-25", 25), ("2027-03-28", 23)])
def test_days_of_23_and_25_hours_count_each_item_once(
    day: str, hours: int, some: Callable[[], QuerySet[Document] | None], vera: User
) -> None:
    zone = ZoneInfo("Europe/Berlin")
    Goal.objects.create(queue="documents", hours=24)
    midnight = datetime.fromisoformat(day).replace(tzinfo=zone).astimezone(UTC)
    with time_machine.travel(now := midnight + timedelta(hours=12)):
        for number in range(hours + 2):  # at half past each hour, from the day before to the day after
            make_document(number, midnight + timedelta(hours=number - 1, minutes=30), **decided(now, vera))
        # The goal of the first is over on the day itself, that of the second after it.
        make_document(100, midnight + timedelta(hours=hours - 24, minutes=-15))
        make_document(101, midnight + timedelta(hours=hours - 24, minutes=15))
        found = figures(QUEUE, some(), vera, zone, now)
        assert found.due_today == 1
        later = figures(QUEUE, some(), vera, zone, now + timedelta(days=1))
    assert [each.arrived for each in later.days[-3:]] == ([1, 27, 1] if hours == 25 else [3, 23, 1])
    assert later.days[-2].date.isoformat() == day


@pytest.mark.parametrize("some", [read, tallied])
def test_figures_cost_the_same_however_much_there_is(
    some: Callable[[], QuerySet[Document] | None], vera: User, django_assert_max_num_queries
) -> None:
    for number in range(3):
        with django_assert_max_num_queries(10):
            figures(QUEUE, some(), vera, UTC)
        make_document(number, timezone.now(), **decided(timezone.now(), vera) if number else {})


def test_late_ones_stand_in_front_and_what_is_not_ones_own_is_left_out(vera: User, omar: User) -> None:
    now = timezone.now()
    young = make_document(1, now - timedelta(hours=1))
    late = make_document(2, now - timedelta(hours=30))
    later = make_document(3, now - timedelta(hours=40))
    make_document(4, now, claimed_by=omar, claimed_until=now + timedelta(minutes=1))
    make_document(5, now, assigned_to=omar)
    make_document(6, now, snoozed_until=now + timedelta(hours=1))
    make_document(7, now, escalated_at=now)
    make_document(8, now, **decided(now, omar))
    let_go = make_document(9, now, claimed_by=omar, claimed_until=now - timedelta(seconds=1))
    awake = make_document(10, now, snoozed_until=now - timedelta(seconds=1), assigned_to=vera)
    rows = waiting(QUEUE, Document.objects.all(), vera, now)
    assert line_up(QUEUE, rows, timedelta(hours=24), now) == [later, late, young, let_go, awake]
    assert line_up(QUEUE, rows, timedelta(hours=24), now, 2) == [later, late]
    # Weight or any other order counts among those that are equally late.
    by_number = ReviewQueue("x", Document, "created_at", ("-id",))
    assert line_up(by_number, rows, timedelta(hours=24), now) == [later, late, awake, let_go, young]
    assert list(mine(QUEUE, Document.objects.all(), vera, now)) == [awake]


def test_the_neighbour_is_never_the_item_itself() -> None:
    assert neighbour([3, 5, 8], 5, 1) == 8
    assert neighbour([3, 5, 8], 5, -1) == 3
    assert neighbour([3, 5, 8], 8, 1) == 3
    assert neighbour([3, 5, 8], 4, 1) == 3
    assert neighbour([3], 3, 1) is None
    assert neighbour([], 3, 1) is None


@pytest.mark.parametrize("some", [read, tallied])
def test_a_day_that_the_database_alone_knows_is_left_out(
    some: Callable[[], QuerySet[Document] | None], vera: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where its time zones are of another year than Python's."""
    make_document(1, NOW, **decided(NOW + timedelta(hours=12), vera))
    later = ZoneInfo("Pacific/Kiritimati")
    monkeypatch.setattr("apps.review.figures.TruncDate", lambda name, tzinfo: TruncDate(name, tzinfo=later))
    assert figures(QUEUE, some(), vera, UTC, NOW).decided_lately == 0


@time_machine.travel(NOW, tick=False)
def test_a_day_begins_at_midnight_of_the_viewer(vera: User) -> None:
    """01:30 UTC is still yesterday in Los Angeles."""
    make_document(1, NOW - timedelta(days=2), **decided(NOW - timedelta(minutes=100), vera))
    for some in (read(), None):
        utc = figures(QUEUE, some, vera, UTC)
        la = figures(QUEUE, some, vera, ZoneInfo("America/Los_Angeles"))
        assert (utc.decided_today, la.decided_today) == (0, 1)
