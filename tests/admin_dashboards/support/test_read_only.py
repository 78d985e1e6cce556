"""Looking changes nothing: no link acts, and support cannot write at any address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from tests import people
from tests.console import console, fields, links, undrawn_errors
from tests.crawling import crawl, everything
from tests.factories import (
    make_connection,
    make_event,
    make_message,
    make_notification,
    make_report,
    make_story,
)
from tests.undoing import undone

pytestmark = pytest.mark.django_db
TABLES = ["connections/connection", "users/profile", "notifications/notification"]


@pytest.fixture(scope="module")
def rows(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, Any]]:
    with django_db_blocker.unblock(), undone():
        alice, bob = people.alice(), people.bob()
        story, event = make_story(alice), make_event(alice)
        yield {
            "stories/story": story,
            "events/event": event,
            "chat/message": make_message(alice, bob),
            "moderation/report": make_report(bob, "story", story, alice),
            "connections/connection": make_connection(alice, bob),
            "users/profile": alice.profile,
            "notifications/notification": make_notification(alice),
        }


@pytest.mark.parametrize("who", ["community", "support"])
def test_following_every_link_changes_nothing_and_leads_nowhere_closed(rows: dict[str, Any], who: str) -> None:
    client = console(getattr(people, who)())
    client.get("/admin/")
    before = everything()
    visited = {}
    for address, response in crawl(client):
        visited[address] = response.status_code
    assert len(visited) > 20
    assert {address: status for address, status in visited.items() if status not in (200, 302)} == {}
    assert everything() == before


def addresses(model: str, pk: int) -> list[str]:
    """Every address of a model's table, and of one of its rows, as the site knows them."""
    app_label, name = model.split("/")

    def walk(patterns: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
        for entry in patterns:
            route = prefix + str(entry.pattern).lstrip("^")
            if isinstance(entry, URLResolver):
                yield from walk(entry.url_patterns, route)
            elif isinstance(entry, URLPattern):
                yield route, entry.name or ""

    found = []
    for route, _name in walk(get_resolver().url_patterns):
        if route.startswith(f"admin/{app_label}/{name}/"):
            address = (
                route.replace("<path:object_id>", str(pk)).replace("<str:version_id>", "1").replace("([^/]+)", "1")
            )
            found.append("/" + address.rstrip("$"))
    return found


@pytest.mark.parametrize("table", TABLES)
@undrawn_errors()
def test_support_cannot_write_at_any_address(rows: dict[str, Any], table: str) -> None:
    row = rows[table]
    support = people.support()
    client = console(support)
    client.get("/admin/")
    before = everything()
    own = addresses(table, row.pk)
    assert {address.removeprefix(f"/admin/{table}/") for address in own} >= {
        "", "add/", "import/", "process_import/", "export/", f"{row.pk}/change/", f"{row.pk}/delete/",
        f"{row.pk}/history/", f"{row.pk}/history/1/",
    }  # fmt: skip
    for address in own:
        for action in ("", "delete_selected"):
            sent = {"action": action, "_selected_action": [row.pk], "post": "yes", "_save": "Save", "format": "0"}
            answer = client.post(address, sent)
            assert answer.status_code == 403, (address, action)
    assert everything() == before


@pytest.mark.parametrize("table", TABLES)
def test_there_is_nothing_to_fill_in_for_support(rows: dict[str, Any], table: str) -> None:
    client = console(people.support())
    page = client.get(f"/admin/{table}/{rows[table].pk}/change/")
    assert page.status_code == 200
    assert not [name for name in fields(page) if name in ("_save", "_continue", "action", "status", "bio", "text")]
    assert not [link for link in links(page) if "/delete/" in link or "/add/" in link]


@pytest.mark.parametrize("table", TABLES)
@undrawn_errors()
def test_superusers_only_read_them_too(rows: dict[str, Any], table: str) -> None:
    client = console(people.admin())
    own = f"/admin/{table}/{rows[table].pk}/"
    for address in (f"/admin/{table}/add/", f"{own}change/", f"{own}delete/", f"/admin/{table}/import/"):
        assert client.post(address, {"post": "yes"}).status_code == 403
    assert client.get(f"/admin/{table}/add/").status_code == 403


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("who", ["compliance", "community", "access"])
@undrawn_errors()
def test_other_desks_do_not_open_them(rows: dict[str, Any], table: str, who: str) -> None:
    client = console(getattr(people, who)())
    for address in (f"/admin/{table}/", f"/admin/{table}/{rows[table].pk}/change/"):
        assert client.get(address).status_code == 403
    assert client.get(f"/admin/{table}/987654321/change/").status_code == 403


@pytest.mark.parametrize("table", TABLES)
def test_a_row_that_is_not_there_is_not_found(table: str) -> None:
    client = console(people.support())
    for number in ("987654321", "0", "x", "9" * 30):
        assert client.get(f"/admin/{table}/{number}/change/").status_code == 404


@pytest.mark.parametrize(
    ("table", "lookup"),
    [
        ("chat/message", "text__icontains"),
        ("users/profile", "user__email__startswith"),
        ("users/profile", "user__password__startswith"),
        ("connections/connection", "sender__email__contains"),
        ("stories/story", "content_file__contains"),
        ("users/user", "phone__endswith"),
    ],
)
def test_masked_fields_cannot_be_filtered(rows: dict[str, Any], table: str, lookup: str) -> None:
    answer = console(people.admin()).get(f"/admin/{table}/", {lookup: "a"})
    assert answer.status_code in (302, 400)


@pytest.mark.parametrize("chosen", ["x", "", "9" * 30, "-1"])
def test_an_odd_selection_is_no_crash(rows: dict[str, Any], chosen: str) -> None:
    answer = console(people.community()).post(
        "/admin/stories/story/", {"action": "delete_selected", "_selected_action": [chosen], "post": "yes"}
    )
    assert answer.status_code in (200, 302, 400, 404)
