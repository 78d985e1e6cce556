"""Every operation of the API, requested by each person of the cast."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from redis import Redis

from api.main import api as schema_of
from tests.client import Api
from tests.permissions.api_table import MORE, TABLE, Row
from tests.permissions.scene import Scene, build, small_png
from tests.undoing import undone

pytestmark = pytest.mark.django_db

SHAPES = {
    # Names of objects in the table's addresses, as the schema's own parameters.
    r"/profile/alice": "/profile/{}",
    r"\{[a-z_]+\}": "{}",
}


def shape(path: str) -> str:
    path = path.split("?", 1)[0]
    for pattern, replacement in SHAPES.items():
        path = re.sub(pattern, replacement, path)
    return path


def operations() -> set[tuple[str, str]]:
    paths = schema_of.get_openapi_schema()["paths"]
    return {
        (method.upper(), shape(path.removeprefix("/api")))
        for path, calls in paths.items()
        for method in calls
        if method in ("get", "post", "put", "patch", "delete")
    }


def test_the_table_names_every_operation_and_no_other() -> None:
    named = {(row.method, shape(row.path)) for row in TABLE}
    assert named == operations()


def ask(scene: Scene, row: Row, who: str) -> int:
    client = Api(None if who == "anonymous" else scene.tokens_of(who))
    path = "/api" + scene.fill(row.path, who)
    if row.form is not None:
        form = {
            name: SimpleUploadedFile("picture.png", small_png(), "image/png") if value == "@png" else value
            for name, value in row.form.items()
        }
        answer = client.client.post(path, form, headers=client.headers)
    elif row.body is not None:
        send = getattr(client.client, row.method.lower())
        answer = send(path, scene.fill(row.body, who), content_type="application/json", headers=client.headers)
    else:
        answer = getattr(client.client, row.method.lower())(path, headers=client.headers)
    return int(answer.status_code)


@pytest.fixture(scope="module")
def scene(django_db_setup: None, django_db_blocker: Any) -> Iterator[Scene]:
    """Made once: every request of these tests is rolled back."""
    with django_db_blocker.unblock(), undone():
        scene = build()
        for who in scene.people:
            scene.tokens_of(who)
        yield scene


@pytest.mark.parametrize("row", TABLE + MORE, ids=lambda row: f"{row.method} {row.path}")
def test_all_users_get_the_answers_of_the_table(row: Row, scene: Scene, broker: Redis) -> None:
    got = {}
    for who in row.expected():
        with undone():  # What one does must not change what the next finds.
            got[who] = ask(scene, row, who)
        broker.flushdb()  # Limits count together what different people do from one address.
    assert got == row.expected()
