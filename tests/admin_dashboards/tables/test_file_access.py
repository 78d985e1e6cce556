"""Who may export and import tables."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from guardian.shortcuts import assign_perm

from apps.users.models import User
from tests import people
from tests.admin_dashboards.tables.transfers import (
    CSV,
    TABLES,
    exporter,
)
from tests.console import EVENTS, console, links

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("who", ["community", "support"])
def test_no_group_exports_or_imports_by_itself(who: str) -> None:
    client = console(getattr(people, who)())
    for table in TABLES:
        for page in ("export", "import", "process_import"):
            assert client.post(f"/admin/{table}/{page}/", {"format": "0"}).status_code == 403, (table, page)
    for page in ("export", "import", "process_import"):
        assert client.get(f"{EVENTS}{page}/").status_code == 403


def test_tables_that_take_no_import_take_none_from_any_user() -> None:
    client = console(people.admin())
    for table in set(TABLES) - {"events/event"}:
        for page in ("import", "process_import"):
            assert client.post(f"/admin/{table}/{page}/", {"format": "0"}).status_code == 403, (table, page)


def test_buttons_are_there_for_those_who_may() -> None:
    def buttons(staff: User) -> set[str]:
        paths = {urlsplit(link).path for link in links(console(staff).get(EVENTS))}
        return {page for page in ("export", "import") if f"{EVENTS}{page}/" in paths}

    assert buttons(people.community()) == set()
    assert buttons(exporter("events.export_event")) == {"export"}
    assert buttons(people.admin()) == {"export", "import"}


def test_exporting_needs_seeing_the_table() -> None:
    staff = people.make_staff("blind")
    assign_perm("users.export_user", staff)
    assert console(staff).get("/admin/users/user/export/").status_code == 403
    assert console(staff).post("/admin/users/user/export/", {"format": CSV}).status_code == 403
