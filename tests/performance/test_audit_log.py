"""What a page of the audit log costs: it reads about as many rows as it shows, whatever is searched for.

`AUDIT_ROWS=1000000 python -m pytest -s -n 0 tests/performance/test_audit_log.py` asks it of a million entries and as
many versions, and says how long each page takes.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import timedelta
from typing import Any

from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.chat.models import Message
from apps.events.models import Event
from apps.users.models import Document, User
from demo.bulk import copy_rows
from tests import people
from tests.console import console
from tests.factories import make_event
from tests.performance.plans import rows_read

NOW = timezone.now()
ROWS = int(os.environ.get("AUDIT_ROWS", "20000"))
ROWS_OF_A_PAGE = 1000
"""Of two dozen tables ten lines each, those that few have passed over; and what is read of each line that is shown."""
RARE = 20
"""How many lines there are of what is rare; they are the oldest."""


def _at(place: int) -> Any:
    """The time of a row; the first is the latest."""
    return NOW - timedelta(seconds=place * 10)


def _fill(staff: User, rare: User, clients: list[User]) -> None:
    verbs = [Action.VIEWED, Action.CLAIMED, Action.RELEASED, Action.SIGNED_IN]
    copy_rows(
        Entry,
        ("actor_id", "verb", "target_type", "target_id", "subject_id", "reason", "request_id", "detail", "created_at"),
        (
            (
                rare.pk if is_rare else staff.pk,
                Action.ESCALATED if is_rare else verbs[place % len(verbs)],
                "moderation.case" if is_rare else "users.document",
                str(place),
                (rare if is_rare else clients[place % 50]).pk,
                "beyond my rules" if is_rare else "",
                f"{place:032x}",
                "{}",
                _at(place),
            )
            for place in range(ROWS)
            for is_rare in [place >= ROWS - RARE]
        ),
    )
    versions: tuple[tuple[Any, str, int], ...] = (
        (Message, "sender_id", 2),
        (Event, "host_id", 4),
        (Document, "owner_id", 4),
    )
    for model, owner, share in versions:
        count = ROWS // share
        history = model.history.model
        columns = [
            "id",
            owner,
            "history_user_id",
            "history_date",
            "history_type",
            "history_change_reason",
            "request_id",
        ]
        more: dict[str, Any] = {Message: {"seq": 1}, Event: {"date": _at(0), "ends_at": _at(0)}, Document: {"size": 1}}[
            model
        ]
        copy_rows(
            history,
            (*columns, *more),
            (
                (
                    place + 1,
                    (rare if is_rare else clients[place % 50]).pk,
                    rare.pk if is_rare else clients[place % 50].pk,
                    _at(place),
                    "-" if is_rare else "+",
                    "as asked" if is_rare else "made",
                    f"{place:032x}",
                    *more.values(),
                )
                for place in range(count)
                for is_rare in [place >= count - RARE]
            ),
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


class AuditLogTest(TestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        cls.access, cls.admin = people.access(), people.admin()
        cls.staff, cls.rare = people.make_staff("busy"), people.make_user("rare")
        _fill(cls.staff, cls.rare, [people.make_user(f"client{number}") for number in range(50)])
        make_event(cls.rare, "Party")

    def setUp(self) -> None:
        self.browser, self.manager = console(self.admin), console(self.access)
        for browser in (self.browser, self.manager):
            browser.get("/admin/access/audit/")
        if ROWS < 100_000:
            # Reading all of a table of some thousand rows is cheap enough to be chosen over an index. Is there one?
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL enable_seqscan = off")

    def test_a_page_reads_few_rows_whatever_is_searched_for(self) -> None:
        old = f"{_at(ROWS - 15):%Y-%m-%dT%H:%M}"
        key = str(int(_at(ROWS // 2).timestamp() * 1_000_000))
        closed: tuple[dict[str, str], ...] = ({}, {"actor": "rare"}, {"user": "rare"}, {"type": "users.document"})
        for place, query in enumerate(
            (
                *closed,  # asked by those who may not view what end users did
                {},
                {"actor": "busy"},
                {"actor": "rare"},
                {"actor": "busy", "action": "viewed"},
                {"action": "viewed"},
                {"action": "escalated"},
                {"action": "deleted"},
                {"action": "changed"},
                {"action": "created"},
                {"type": "users.document"},
                {"type": "moderation.case"},
                {"type": "users.document", "id": str(ROWS // 3)},
                {"user": "rare"},
                {"user": "rare", "action": "deleted"},
                {"until": old},
                {"since": old},
                {"actor": "rare", "reason": "beyond"},
                {"request": f"{ROWS // 2:032x}"},
                {"before": f"{key}-audit.entry-1"},
                {"after": f"{key}-audit.entry-1"},
                {"actor": "busy", "before": f"{key}-audit.entry-1"},
            )
        ):
            browser = self.manager if place < len(closed) else self.browser
            with CaptureQueriesContext(connection) as captured:
                began = time.perf_counter()
                response = browser.get("/admin/access/audit/", query)
                took = time.perf_counter() - began
            assert response.status_code == 200, query
            shown = response.content.decode().count('<li id="line-')
            assert shown or query == {"action": "changed"}, query
            queries = [query["sql"] for query in captured.captured_queries]
            # What is put together of several tables begins with a bracket.
            read = [
                rows_read(sql) for sql in queries if sql.lstrip("(").startswith("SELECT") and "set_config" not in sql
            ]
            asked = sum(float(query["time"]) for query in captured.captured_queries)
            said = (
                f"{took * 1000:7.1f} ms, {asked * 1000:4.0f} in the database, {max(read):4} rows read, {shown:2} lines"
            )
            sys.stdout.write(f"{said}: {query}\n")
            assert max(read) <= ROWS_OF_A_PAGE, f"{query}: {max(read)} rows"
