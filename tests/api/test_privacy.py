"""The end of an account and copies of its data, as an app asks for them."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from zipfile import ZipFile

import pytest
from django.core import mail
from django.utils import timezone

from apps.audit.models import Entry
from apps.privacy import data_exports, erasures
from apps.privacy.files import delete_file
from apps.privacy.models import DataExport, Erasure
from tests import people
from tests.client import api, assert_problem
from tests.factories import make_document, make_message, make_story
from tests.jobs import arguments, waiting

pytestmark = pytest.mark.django_db
PASSWORD = {"password": "infloo-demo"}


def test_a_user_schedules_and_cancels_the_erasure_of_the_account() -> None:
    alice = people.alice()
    client = api(alice)
    assert client.get("/users/erasure").status_code == 404
    scheduled = client.delete("/users/profile", PASSWORD)
    assert scheduled.status_code == 202
    answer = scheduled.json()
    assert client.delete("/users/profile", PASSWORD).json() == answer
    assert client.get("/users/erasure").json() == answer
    assert client.get("/users/profile").status_code == 200, "it works on while it waits"
    assert client.delete("/users/erasure").status_code == 204
    assert client.get("/users/erasure").status_code == 404
    assert Erasure.objects.get().status == "cancelled"


def test_a_wrong_password_schedules_no_erasure() -> None:
    client = api(people.alice())
    refused = client.delete("/users/profile", {"password": "wrong"})
    assert assert_problem(refused, 422, "invalid")["errors"][0]["field"] == "password"
    assert client.delete("/users/profile").status_code in (400, 422)
    assert not Erasure.objects.exists()


def test_an_erased_user_is_signed_out_and_cannot_sign_in() -> None:
    alice = people.alice()
    client = api(alice)
    client.delete("/users/profile", PASSWORD)
    Erasure.objects.update(due_at=timezone.now())
    assert erasures.erase_due() == 1
    assert client.get("/users/profile").status_code == 401
    again = api().post("/users/auth/login", {"username": "alice", "password": "infloo-demo"})
    assert again.status_code == 401
    new = {"username": "alice", "email": "alice@example.com", "password": "a-long-pass-phrase-7", "role": "brand"}
    assert api().post("/users/auth/register", new).status_code == 201, "name and address are free again"


def test_a_copy_of_ones_data_has_rows_and_files() -> None:
    alice, bob = people.alice(), people.bob()
    make_message(alice, bob, "See you at eight")
    make_message(bob, alice, "A secret of bob")
    story, document = make_story(alice), make_document(alice)
    client = api(alice)
    assert client.post("/users/data_export", PASSWORD).json()["status"] == "preparing"
    assert client.post("/users/data_export", PASSWORD).status_code == 202, "the same"
    [job] = waiting("privacy.make_copy")
    data_exports.make_copy(**arguments(job))
    data_exports.make_copy(**arguments(job))
    state = client.get("/users/data_export").json()
    assert state["status"] == "ready"
    answer = client.get("/users/data_export/file")
    content = b"".join(answer.streaming_content)
    assert len(content) == state["size"]
    with ZipFile(io.BytesIO(content)) as archive:
        names = set(archive.namelist())
        text = {name: archive.read(name).decode() for name in names if name.endswith(".json")}
    assert {f"files/{story.content_file.name}", f"files/{document.file.name}"} <= names
    assert [row["text"] for row in json.loads(text["messages.json"])] == ["See you at eight"]
    assert json.loads(text["account.json"])[0]["username"] == "alice"
    assert "A secret of bob" not in "".join(text.values())
    assert "pbkdf2" not in "".join(text.values())
    assert Entry.objects.filter(verb="data_export.requested", actor=alice).count() == 1
    assert client.post("/users/data_export", PASSWORD).status_code == 409, "one a day"
    assert api(bob).get("/users/data_export/file").status_code == 404


def test_the_file_of_a_copy_expires() -> None:
    alice = people.alice()
    client = api(alice)
    client.post("/users/data_export", PASSWORD)
    [job] = waiting("privacy.make_copy")
    data_exports.make_copy(**arguments(job))
    DataExport.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get("/users/data_export/file").status_code == 404
    data_exports.expire_due()
    [deletion] = waiting("privacy.delete_file")
    delete_file(**arguments(deletion))
    assert client.get("/users/data_export").json()["status"] == "expired"
    assert not mail.outbox or "alice" not in mail.outbox[0].subject
