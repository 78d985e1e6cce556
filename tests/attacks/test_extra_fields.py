"""Fields that clients may not set, sent along with every call of the API: refused, or without any effect."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.utils import timezone

from api.main import api as application
from tests.attacks.names import SET_BY_SERVICES
from tests.client import Api
from tests.crawling import everything
from tests.drawn import png, upload
from tests.permissions.api_table import TABLE, Row
from tests.permissions.scene import Scene, build
from tests.rows import rows
from tests.undoing import undone

pytestmark = pytest.mark.django_db

BEGINNINGS, ENDS = ("is_",), ("_at", "_by", "_id", "_until")


@cache
def set_by_services() -> list[str]:
    """Names of fields of ours that no client sets, where `TAKEN` does not say so."""
    models = [model for model in apps.get_models() if model.__module__.startswith("apps.")]
    columns = {name for model in models for field in model._meta.fields for name in (field.name, field.attname)}
    return sorted({*SET_BY_SERVICES, *(name for name in columns if name.startswith(BEGINNINGS) or name.endswith(ENDS))})


TAKEN = {
    "/users/auth/register": {"role", "password"},
    "/users/auth/login": {"password"},
    "/users/auth/password_reset/confirm": {"password"},
    "/users/auth/mfa": {"password"},
    "/users/auth/passkeys": {"password"},
    "/users/auth/passkeys/{passkey}": {"password"},
    "/users/profile": {"password"},
    "/users/data_export": {"password"},
    "/connections/{pending}/action": {"status"},
    "/events": {"ends_at"},
    "/events/{event}": {"ends_at"},
    "/events/{event}/join": {"status"},
    "/events/{event}/invite": {"user"},
    "/chat": {"client_id"},
    "/reports": {"kind", "id"},
    "/appeals": {"text"},
}
"""By call: a choice that it is about, or a password that is asked for again."""
ENTRIES = 90
"""More than 100 in one body are refused for their number."""


@pytest.fixture(scope="module")
def scene(django_db_setup: None, django_db_blocker: Any) -> Iterator[Scene]:
    """Made once, at a time that stands still: every call of these tests is undone."""
    with django_db_blocker.unblock(), time_machine.travel(timezone.now(), tick=False), undone():
        scene = build()
        for who in scene.people:
            scene.tokens_of(who)
        yield scene


@pytest.fixture(autouse=True)
def _unlimited(settings: Any) -> None:
    settings.LIMITS_SCALE = 1e6


def operation(row: Row) -> dict[str, Any]:
    """What the schema says of the call of a row."""
    path = "/api" + row.path.partition("?")[0]
    patterns = {re.sub(r"\{\w+\}", "[^/]+", known): calls for known, calls in application._schema["paths"].items()}
    # Names in braces stand for numbers, and a path without any goes before one with a place for a name.
    fitting = [pattern for pattern in sorted(patterns, key=lambda one: "[^/]+" in one) if re.fullmatch(pattern, path)]
    calls: dict[str, dict[str, Any]] = patterns[fitting[0]]
    return calls[row.method.lower()]


def known(row: Row, kind: str) -> set[str]:
    """The names that the body of a call takes."""
    schema = operation(row).get("requestBody", {}).get("content", {}).get(kind, {}).get("schema", {})
    if "$ref" in schema:
        schema = application._schema["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return set(schema["properties"])


def caller(row: Row) -> str:
    """A user who may make the call."""
    return next((who for who, status in row.expected().items() if status < 300 and who != "anonymous"), "carol")


def call(scene: Scene, row: Row, extra: dict[str, Any]) -> Any:
    """The answer to the call of a row, with `extra` in its body, or in its query where it has none."""
    who = caller(row)
    client = Api(scene.tokens_of(who))
    path = "/api" + scene.fill(row.path, who)
    if row.form is not None:
        sent = {name: upload(png()) if value == "@png" else value for name, value in row.form.items()}
        return client.client.post(path, sent | extra, headers=client.headers)
    if row.method == "GET":
        return client.client.get(path, extra, headers=client.headers)
    body = (scene.fill(row.body, who) if row.body else {}) | extra
    return getattr(client.client, row.method.lower())(
        path, body, content_type="application/json", headers=client.headers
    )


def test_no_body_takes_what_only_services_set() -> None:
    for row in TABLE:
        if row.body is not None or row.form is not None:
            kind = "application/json" if row.form is None else "multipart/form-data"
            assert known(row, kind) & set(set_by_services()) == TAKEN.get(row.path, set()), row


def test_every_json_body_refuses_fields_that_it_does_not_know(scene: Scene) -> None:
    with undone():
        before = everything()
        for row in [row for row in TABLE if row.body is not None]:
            extras = [name for name in set_by_services() if name not in known(row, "application/json")]
            answer = call(scene, row, dict.fromkeys(extras[:ENTRIES], True))
            assert answer.status_code == 422, row
            assert {error["code"] for error in answer.json()["errors"]} == {"extra-forbidden"}, row
        assert everything() == before


def test_every_form_refuses_parts_that_it_does_not_know(scene: Scene) -> None:
    with undone():
        before = everything()
        for row in [row for row in TABLE if row.form is not None]:
            for name in SET_BY_SERVICES:
                answer = call(scene, row, {name: upload(png()) if name == "id" else "1"})
                assert answer.status_code == 422, (row, name)
                [error] = answer.json()["errors"]
                assert (error["field"], error["code"]) == (name, "extra-forbidden"), row
        assert everything() == before


def test_calls_without_a_body_do_the_same_whatever_is_sent_along(scene: Scene) -> None:
    silent = [row for row in TABLE if row.method != "GET" and row.body is row.form is None]
    assert silent
    for row in silent:
        assert "requestBody" not in operation(row), row
        done = []
        for extra in ({}, dict.fromkeys(SET_BY_SERVICES, 1)):
            with undone():
                done.append((call(scene, row, extra).status_code, rows()))
        assert done[0] == done[1], row


def test_lists_and_objects_are_the_same_whatever_lookups_are_asked_for(scene: Scene) -> None:
    for row in [row for row in TABLE if row.method == "GET"]:
        names = {parameter["name"] for parameter in operation(row).get("parameters", [])}
        lookups = [f"{name}{end}" for name in SET_BY_SERVICES for end in ("", "__startswith") if name not in names]
        plain, answer = call(scene, row, {}), call(scene, row, dict.fromkeys(lookups[:ENTRIES], "x"))
        if answer.status_code == 422:
            assert {error["code"] for error in answer.json()["errors"]} == {"extra-forbidden"}, row
        else:
            assert (answer.status_code, answer.content) == (plain.status_code, plain.content), row
