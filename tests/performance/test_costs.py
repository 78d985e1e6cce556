"""What each list of the API and each table of the console costs, on some thousands of rows.

A page reads about as many rows as it shows, however many there are; only counts read more, and those of the console
stop at a limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.events.models import Event
from apps.moderation.models import Appeal, Report
from apps.users.models import Document, Session, User
from demo.bulk import copy_rows
from demo.seed import fill, take_figures
from demo.seeding.amounts import Amounts
from tests import people
from tests.client import api
from tests.console import console, links, undrawn_pages
from tests.performance.plans import is_count, page_of, rows_read, selects

AMOUNTS = Amounts(
    users=1500,
    events=3000,
    stories=3000,
    messages=9000,
    documents=3000,
    connections_per_user=6,
    notifications_per_user=4,
)
# For a page of ten: what it shows, what belongs to that, and what a filter passes over on the way.
ROWS_OF_A_PAGE = 1000
ROWS_OF_TEN = 500
"""For a table that shows ten."""

# Every list of the API, as user000000 sees it, with the queries of one page. Names in braces stand for seeded objects.
LISTS = {
    "/events": 2,
    "/events?when=past": 2,
    "/events?when=ongoing": 2,
    "/events?when=upcoming": 2,
    "/events?search=party": 3,
    "/events/{event}/attendees": 4,
    "/users": 2,
    "/users?role=brand": 2,
    "/users?verified=true": 2,
    "/users?search=user00012": 3,
    "/connections": 2,
    "/connections?status=accepted": 2,
    "/connections?direction=sent": 2,
    "/connections?status=accepted&direction=received": 2,
    "/stories": 2,
    "/stories/my_stories": 2,
    "/stories/{story}/viewers": 3,
    "/chat/rooms": 5,
    "/chat": 3,
    "/chat?room={room}": 3,
    "/chat?room={room}&before=300": 3,
    "/chat?room={room}&after=300": 3,
    "/notifications": 2,
    "/notifications?unread=true": 2,
    "/reports": 2,
    "/users/verify": 3,
    "/users/profile/access_log": 2,
}


class ListsTest(TestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        cls.sample = fill(AMOUNTS)
        take_figures("ANALYZE")
        cls.user = User.objects.get(username="user000000")

    def setUp(self) -> None:
        self.client_app = api(self.user)

    def queries(self, path: str, **query: Any) -> list[str]:
        first = {"event": self.sample["events"][0], "story": self.sample["stories"][0], "room": self.sample["rooms"][0]}
        parts = urlsplit(path.format(**first))
        with CaptureQueriesContext(connection) as captured:
            answer = self.client_app.get(parts.path, **dict(parse_qsl(parts.query)), **query)
        assert answer.status_code == 200, (path, answer.content)
        return selects(captured)

    def test_a_page_takes_so_many_queries(self) -> None:
        assert {path: len(self.queries(path)) for path in LISTS} == LISTS

    def test_a_larger_page_takes_no_more(self) -> None:
        for path, count in LISTS.items():
            assert len(self.queries(path, page_size=100)) <= count, path

    def test_a_page_reads_few_rows(self) -> None:
        for path in LISTS:
            if "search=" in path:
                continue  # at this size reading all is the quicker search; see SearchTest
            for sql in map(page_of, self.queries(path)):
                assert is_count(sql) or rows_read(sql) <= ROWS_OF_A_PAGE, f"{path}: {rows_read(sql)} rows\n{sql}"


@pytest.mark.xdist_group("tables")  # one process fills them
class TablesTest(TestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        fill(AMOUNTS)
        _fill_what_seed_leaves_out()
        take_figures("ANALYZE")
        cls.admin = people.admin()

    leads: ClassVar[dict[str, list[str]]] = {}

    def setUp(self) -> None:
        User.objects.filter(pk=self.admin.pk).update(page_size=10)
        self.browser = console(self.admin)
        self.explained: set[str] = set()
        # Reading all of a table of some thousand rows is cheap enough to be chosen over an index. Is there one?
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")

    def open(self, address: str, *, drawn: bool = True) -> tuple[Any, list[str]]:
        """The page, and its queries: those that find its rows alone where it is not drawn."""
        with CaptureQueriesContext(connection) as captured, nullcontext() if drawn else undrawn_pages():
            response = self.browser.get(address)
        assert response.status_code == 200, address
        return response, selects(captured)

    def offered(self, table: str) -> list[str]:
        """Where its page leads within it; drawn for this once."""
        if table not in self.leads:
            page, _ = self.open(table)
            self.leads[table] = sorted({link for link in links(page) if link.startswith("?")})
        return self.leads[table]

    def assert_few_rows(self, queries: list[str], address: str) -> None:
        """What all pages of a test ask alike, such as for the session, is explained once."""
        for sql in queries:
            if sql not in self.explained and not is_count(sql):
                assert (read := rows_read(sql)) <= ROWS_OF_TEN, f"{address}: {read}\n{sql}"
                self.explained.add(sql)

    def test_a_table_takes_few_queries_whatever_its_size(self) -> None:
        for table in tables():
            counts = []
            User.objects.filter(pk=self.admin.pk).update(page_size=10)
            self.open(table)
            for size in (10, 100):
                User.objects.filter(pk=self.admin.pk).update(page_size=size)
                counts.append(len(self.open(table)[1]))
            assert counts[1] <= counts[0] <= 10, (
                table,
                counts,
            )  # saved filters, the session, two for the counts in the menu

    def test_every_offered_choice_opens_and_reads_few_rows(self) -> None:
        for table in tables():
            for query in self.offered(table):
                _, queries = self.open(f"{table}{query}")
                self.assert_few_rows(queries, f"{table}{query}")

    def test_pages_of_every_order_go_on_and_back_and_read_few_rows(self) -> None:
        for table in tables():
            for query in ("?", *(link for link in self.offered(table) if link.startswith("?o="))):
                first, _ = self._rows(f"{table}{query}")
                if not first.next:
                    continue
                second, queries = self._rows(f"{table}{first.next}")
                back, more = self._rows(f"{table}{second.previous}")
                last, most = self._rows(f"{table}{first.last}")
                ids = [[row.pk for row in each.result_list] for each in (first, second, back, last)]
                assert ids[0] == ids[2], (table, query)
                assert not set(ids[0]) & set(ids[1]), (table, query)
                assert (last.next, len(ids[3])) == ("", len(ids[0])), (table, query)
                self.assert_few_rows([*queries, *more, *most], f"{table}{query}")

    def _rows(self, address: str) -> tuple[Any, list[str]]:
        page, queries = self.open(address, drawn=False)
        return page.context_data["cl"], queries

    def test_scoped_viewers_read_few_rows(self) -> None:
        brandy = people.make_staff("brandy")
        brandy.user_permissions.set(Permission.objects.filter(codename="review_brand_document"))
        self.browser = console(brandy)
        # Some thousand people are few enough to be kept at hand for the join; a million are not.
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_material = off")
        self.open("/admin/users/document/")
        _, queries = self.open("/admin/users/document/")
        assert len(queries) <= 12
        self.assert_few_rows(queries, "documents")

    def test_a_search_takes_few_queries(self) -> None:
        for table in tables():
            for term in ("user000012", "party", "12345"):
                assert len(self.open(f"{table}?q={term}")[1]) <= 11, (table, term)

    def test_the_palette_and_the_counts_in_the_menu_read_few_rows(self) -> None:
        for address in (*(f"/admin/search/?s={term}" for term in ("user00012", "12345", "party", "u")), "/admin/live/"):
            self.open(address)
            _, queries = self.open(address)
            assert len(queries) <= 24, (address, len(queries))
            self.assert_few_rows(queries, address)

    def test_days_are_found_by_an_index(self) -> None:
        day = timezone.now().date()
        fields = {
            "users/document": "created_at", "users/user": "date_joined", "stories/story": "created_at",
            "events/event": "date", "chat/message": "sent_at", "moderation/report": "created_at",
            "connections/connection": "created_at", "notifications/notification": "created_at",
            "users/session": "last_seen_at",
        }  # fmt: skip
        for table, field in fields.items():
            for query in (f"{field}_from={day}", f"{field}_to={day}", f"{field}_from={day}&{field}_to={day}"):
                _, queries = self.open(f"/admin/{table}/?{query}", drawn=False)
                self.assert_few_rows(queries, f"{table}?{query}")

    def test_an_order_that_no_heading_offers_is_not_taken(self) -> None:
        """It would read and sort the whole table."""
        for table in tables():
            for column in range(1, 8):
                _, queries = self.open(f"{table}?o={column}", drawn=False)
                self.assert_few_rows(queries, f"{table}?o={column}")


class SearchTest(TestCase):
    """At a size where reading all were cheaper, so without that choice."""

    def test_parts_of_names_are_found_by_index(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
        searches = {
            "user_name_search": User.objects.with_name_part("launch"),
            "username_key_unique": User.objects.named("launch"),
            "email_key_unique": User.objects.mailed("launch@example.com"),
            "event_title_search": Event.objects.filter(title__icontains="launch"),
            "event_place_search": Event.objects.filter(location__icontains="harbour"),
        }
        for index, rows in searches.items():
            assert index in rows.order_by().explain(), index

    def test_few_of_many_items_of_a_desk_are_found_by_index(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
        pending = Document.objects.filter(status=Document.Status.PENDING).order_by("created_at", "pk")
        lists = {
            "document_escalated": pending.filter(escalated_at__isnull=False),
            "document_snoozed": pending.filter(snoozed_until__gt=timezone.now()),
            "appeal_latest_ruled": Appeal.objects.filter(ruled_at__isnull=False).order_by("-ruled_at", "-pk"),
        }
        for index, rows in lists.items():
            assert index in rows.explain(), index


def tables() -> Iterator[str]:
    for model in admin.site._registry:
        yield f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


def _fill_what_seed_leaves_out() -> None:
    ids = list(User.objects.order_by("id").values_list("id", flat=True))
    times = [timezone.now() - timedelta(minutes=minute) for minute in range(len(ids))]
    week = timedelta(days=7)
    copy_rows(
        Session,
        ("key", "user_id", "door", "created_at", "last_seen_at", "expires_at", "ended_at"),
        (
            # Of three one is live, one has ended, one has expired.
            (uuid4(), user, "api", at, at, at - week if place % 3 == 2 else at + week, at if place % 3 == 1 else None)
            for place, (user, at) in enumerate(zip(ids, times, strict=True))
        ),
    )
    kinds, reasons = Report.Kind.values, Report.Reason.values
    copy_rows(
        Report,
        ("reporter_id", "author_id", "kind", "target_id", "reason", "note", "created_at"),
        (
            (
                ids[place - 1],
                user,
                kinds[place % len(kinds)],
                user,
                reasons[place % len(reasons)],
                "Look.",
                times[place],
            )
            for place, user in enumerate(ids)
        ),
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE users_session, moderation_report")
