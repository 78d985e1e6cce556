"""Pages that go on from a row: every row once, in order, both ways, whatever the order and whatever is deleted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.functions import Length
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from admin_dashboards.tables.keyset import Page, Pages, keys_of
from apps.events.models import Event
from apps.users.authentication import api_sessions
from apps.users.models import User
from tests import people
from tests.performance.plans import selects
from tests.undoing import undone

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)

ORDERS: dict[str, tuple[Any, ...]] = {
    "latest first": ("-date_joined", "-pk"),
    "oldest first": ("date_joined", "date_joined", "-pk"),
    "NULL first": ("-last_login", "-pk"),
    "NULL last": ("last_login", "-pk"),
    "NULL last, falling": (F("last_login").desc(nulls_last=True), "pk"),
    "NULL first, rising": (F("last_login").asc(nulls_first=True), "pk"),
    "NULL last, second": ("role", "last_login", "pk"),
    "two NULLs": ("last_login", "-suspended_until", "-pk"),
    "two ways": ("role", "-last_login", "date_joined", "-pk"),
    "unique": ("-username",),
    "only the primary key": ("-pk",),
    "by an expression": (Length("username").desc(), F("date_joined"), "-pk"),
    "over a relation": ("profile__company_name", "-pk"),
    "over a relation, NULL": ("-profile__user__last_login", "pk"),
}


@pytest.fixture(scope="module")
def two_dozen(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Made once, many of them alike: what a test changes is rolled back at its end."""
    with django_db_blocker.unblock(), undone():
        _make_users()
        yield


@pytest.fixture
def users(two_dozen: None) -> QuerySet[User]:
    return User.objects.all()


def _make_users() -> None:
    for number in range(24):
        user = people.make_user(f"user{'x' * (number % 3)}{number:02}", role=("brand", "influencer")[number % 2])
        User.objects.filter(pk=user.pk).update(
            date_joined=MONDAY + timedelta(days=number // 5),
            last_login=None if number % 3 == 0 else MONDAY + timedelta(hours=number % 4),
            suspended_until=None if number % 2 else MONDAY + timedelta(hours=number % 5),
        )
        user.profile.company_name = f"Company {number % 4}"
        user.profile.save()


def pages_of(rows: QuerySet[Any], order: tuple[Any, ...], size: int = 5) -> Pages:
    return Pages(rows, keys_of(rows.model, order), size)


def after(pages: Pages, page: Page) -> Page:
    place = pages.read(page.after)
    assert place
    return pages.after(place)


def before(pages: Pages, page: Page) -> Page:
    place = pages.read(page.before)
    assert place
    return pages.before(place)


def every(pages: Pages) -> list[Page]:
    found = [pages.first()]
    while found[-1].after:
        found.append(after(pages, found[-1]))
        assert len(found) < 99
    return found


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("size", [1, 5, 24])
def test_every_row_comes_once_in_order_forth_and_back(users: QuerySet[User], name: str, size: int) -> None:
    keys = keys_of(User, ORDERS[name])
    expected = list(users.order_by(*(key.order_by() for key in keys)).values_list("pk", flat=True))
    pages = pages_of(users, ORDERS[name], size)
    found = every(pages)
    assert [row.pk for page in found for row in page.rows] == expected
    for earlier, later in pairwise(found):
        assert before(pages, later).rows == earlier.rows
    last = pages.last()
    assert [row.pk for row in last.rows] == expected[-size:]
    assert (bool(last.before), last.after) == (size < 24, "")


@pytest.mark.parametrize("name", ORDERS)
def test_the_order_of_the_first_key_is_that_of_django(users: QuerySet[User], name: str) -> None:
    theirs = users.order_by(*ORDERS[name])
    first = ORDERS[name][0]
    value = first if isinstance(first, str) else getattr(first, "expression", first)
    value = value.removeprefix("-") if isinstance(value, str) else value
    expected = list(theirs.annotate(_value=F(value) if isinstance(value, str) else value).values_list("_value"))
    rows = [row for page in every(pages_of(users, ORDERS[name])) for row in page.rows]
    assert [(row._key0,) for row in rows] == expected


def test_rows_over_many_related_ones_come_once_where_they_are_distinct(users: QuerySet[User]) -> None:
    for host in users[:12]:
        assert api_sessions.begin(host)
        assert api_sessions.begin(host)
    rows = users.filter(sessions__door="api").distinct()
    found = [row.pk for page in every(pages_of(rows, ("-date_joined", "-pk"))) for row in page.rows]
    assert len(found) == len(set(found)) == 12


def test_the_cursor_of_a_deleted_row_keeps_its_place(users: QuerySet[User]) -> None:
    pages = pages_of(users, ("-date_joined", "-pk"))
    first = pages.first()
    expected = after(pages, first).rows
    User.objects.filter(pk=first.rows[-1].pk).delete()
    assert after(pages, first).rows == expected
    second = after(pages, first)
    User.objects.filter(pk=second.rows[0].pk).delete()
    place = pages.read(second.before)
    assert place
    assert [row.pk for row in pages.before(place).rows] == [row.pk for row in pages.first().rows]


def test_a_row_that_has_moved_does_not_move_the_page(users: QuerySet[User]) -> None:
    pages = pages_of(users, ("-date_joined", "-pk"))
    first = pages.first()
    expected = after(pages, first).rows
    User.objects.filter(pk=first.rows[-1].pk).update(date_joined=MONDAY + timedelta(days=99))
    assert after(pages, first).rows == expected


def test_past_the_end_is_the_last_page_and_before_the_beginning_the_first(users: QuerySet[User]) -> None:
    pages = pages_of(users, ("-date_joined", "-pk"))
    second = after(pages, pages.first())
    third = after(pages, second)
    User.objects.filter(pk__in=[row.pk for row in third.rows]).delete()
    User.objects.exclude(pk__in=[row.pk for row in (*pages.first().rows, *second.rows)]).delete()
    place = pages.read(second.after)
    assert place
    last = pages.after(place)
    assert last.rows == second.rows
    assert (bool(last.before), last.after) == (True, "")
    User.objects.filter(pk__in=[row.pk for row in pages.first().rows[:3]]).delete()
    place = pages.read(second.before)
    assert place
    first = pages.before(place)
    assert len(first.rows) == 5, "whole, though fewer rows precede"
    assert first.before == ""


def test_no_rows_are_one_page() -> None:
    pages = pages_of(Event.objects.all(), ("-date", "-pk"))
    assert pages.first() == pages.last() == Page([], "", "")


# --- Cursors ---------------------------------------------------------------------------------------------------------


def test_a_cursor_discloses_no_value_and_is_the_same_for_the_same_place(users: QuerySet[User]) -> None:
    pages = pages_of(users, ("-username",))
    cursor = pages.first().after
    name = pages.first().rows[-1].username
    assert name not in cursor
    assert pages.read(cursor) == [name]
    assert pages_of(users, ("-username",)).first().after == cursor


def test_a_cursor_of_another_order_table_or_key_is_none(users: QuerySet[User]) -> None:
    cursor = pages_of(users, ("-date_joined", "-pk")).first().after
    for order in (("date_joined", "pk"), ("-last_login", "-pk"), ("-username",)):
        assert pages_of(users, order).read(cursor) is None
    assert pages_of(users.filter(role="brand"), ("-date_joined", "-pk")).read(cursor), "of another filter it is one"
    assert pages_of(Event.objects.all(), ("-date", "-pk")).read(cursor) is None
    with override_settings(SECRET_KEY="another"):
        assert pages_of(users, ("-date_joined", "-pk")).read(cursor) is None


@pytest.mark.parametrize("text", ["", "x", "end", "%00", "ü", "\udce4", "A" * 40, "A" * 9000, "-_-_", "1", "[1]"])
def test_malformed_cursors_are_none(users: QuerySet[User], text: str) -> None:
    pages = pages_of(users, ("-date_joined", "-pk"))
    assert pages.read(text) is None
    cursor = pages.first().after
    assert pages.read(cursor[:-1]) is None
    assert pages.read(f"{'B' if cursor[0] == 'A' else 'A'}{cursor[1:]}") is None


# --- Days ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("descending", [True, False])
def test_a_day_begins_with_its_first_row(users: QuerySet[User], descending: bool) -> None:
    pages = pages_of(users, ("-date_joined", "-pk") if descending else ("date_joined", "pk"))
    assert pages.by_day
    page = pages.at_day(date(2026, 3, 4))
    assert {row.date_joined.date() for row in page.rows} == {date(2026, 3, 4)}
    preceding = before(pages, page).rows[-1].date_joined.date()
    assert preceding == (date(2026, 3, 5) if descending else date(2026, 3, 3))


def test_days_are_those_of_the_viewer(users: QuerySet[User]) -> None:
    User.objects.filter(date_joined=MONDAY + timedelta(days=1)).update(date_joined="2026-03-02T23:30:00Z")
    pages = pages_of(users, ("date_joined", "pk"))
    assert pages.at_day(date(2026, 3, 3)).rows[0].date_joined.date() == date(2026, 3, 4)
    with override_settings(TIME_ZONE="Europe/Berlin"):
        assert pages.at_day(date(2026, 3, 3)).rows[0].date_joined.isoformat() == "2026-03-02T23:30:00+00:00"


@pytest.mark.parametrize("order", [("-date_joined", "-pk"), ("date_joined", "pk")])
def test_a_row_of_midnight_belongs_to_its_day(users: QuerySet[User], order: tuple[str, ...]) -> None:
    User.objects.filter(username="userx01").update(date_joined="2026-03-20T00:00:00Z")
    pages = pages_of(users, order, 1)
    assert pages.at_day(date(2026, 3, 20)).rows[0].username == "userx01"
    assert pages.at_day(date(2026, 3, 19)).rows[0].username == ("userxx23" if "-" in order[0] else "userx01")


def test_a_day_past_either_end_is_that_end(users: QuerySet[User]) -> None:
    pages = pages_of(users, ("-date_joined", "-pk"))
    assert pages.at_day(date(2999, 12, 31)) == pages.first()
    assert pages.at_day(date(1900, 1, 1)) == pages.last()


# --- What the database is asked --------------------------------------------------------------------------------------


def test_a_page_of_an_indexed_order_is_one_query_with_a_comparison_of_rows(users: QuerySet[User]) -> None:
    # A heading puts its order before that of the table.
    for order in (("-date_joined", "-pk"), ("date_joined", "-date_joined", "-pk")):
        pages = pages_of(users, order)
        place = pages.read(pages.first().after)
        assert place
        with CaptureQueriesContext(connection) as captured:
            pages.after(place)
        [sql] = selects(captured)
        assert '("users_user"."date_joined", "users_user"."id") ' in sql
        assert "OFFSET" not in sql
