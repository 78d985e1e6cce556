"""Every address of the console, opened and posted to by each person of the cast."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from django.test import Client

from tests.console import console, undrawn_errors, undrawn_pages
from tests.permissions import console_scene
from tests.permissions.console_table import FOR_ALL, SIGNING_OUT, TABLE
from tests.undoing import undone

pytestmark = pytest.mark.django_db

SHUT = {"get": {403, 405}, "post": {403}}
# The sign-in itself answers those who are not in yet.


def test_the_table_names_every_address_and_no_other() -> None:
    assert set(TABLE) == set(console_scene.addresses()) - {SIGNING_OUT}


@pytest.fixture(scope="module")
def scene(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[dict[str, Client], dict[str, int]]]:
    """Made once: every request of these tests is rolled back."""
    with django_db_blocker.unblock(), undone():
        cast = console_scene.cast()
        rows = console_scene.rows(cast)
        clients = {name: console(person) if person else Client() for name, person in cast.items()}
        for client in clients.values():
            client.get("/admin/jsi18n/")  # The console's session begins here, outside of what is rolled back.
        yield clients, rows


def test_the_error_page_is_drawn_for_all_staff(scene: tuple[dict[str, Client], dict[str, int]]) -> None:
    clients, _rows = scene
    for who in clients.keys() - {"anonymous", "alice"}:
        with undone():
            page = clients[who].get("/admin/users/document/add/")
        assert page.status_code == 403, who
        assert str(page.context["sentence"]) in page.text, who


@pytest.mark.parametrize("table", sorted({re.sub(r"^(\w+?_\w+?)_.*", r"\1", name) for name in TABLE}))
@undrawn_errors()
def test_all_users_are_admitted_and_denied_by_the_table(
    table: str, scene: tuple[dict[str, Client], dict[str, int]]
) -> None:
    clients, rows = scene
    routes = console_scene.addresses()
    for name, (readers, posters) in TABLE.items():
        if re.sub(r"^(\w+?_\w+?)_.*", r"\1", name) != table:
            continue
        key = next((row for model, row in rows.items() if name.startswith(f"{model}_")), 1)
        address = re.sub(r"<[^>]*>", str(key), routes[name])
        for method, allowed in (("get", readers), ("post", posters)):
            admitted = [who for who in clients if who in allowed]
            statuses = {}
            with undone():  # together, for what is refused changes nothing
                for who in clients.keys() - admitted:
                    with undrawn_pages():
                        statuses[who] = _status(clients[who], method, address)
            # Drawn for those alone who have the fewest and the most permissions of all who come in.
            drawn_for = {*admitted[:1], *admitted[-1:]}
            for who in admitted:
                with undone(), nullcontext() if who in drawn_for else undrawn_pages():
                    statuses[who] = _status(clients[who], method, address)
            for who, status in statuses.items():
                said = f"{who} {method} {name}: {status}"
                if who in ("anonymous", "alice"):
                    assert name in FOR_ALL or status == 302, said
                elif who in allowed:
                    assert status not in {403, 405}, said
                else:
                    assert status in SHUT[method], said
                assert status < 500, said


def _status(client: Client, method: str, address: str) -> Any:
    return getattr(client, method)(address).status_code
