"""Stories over HTTP."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image

from apps.stories.models import Story, StoryView
from apps.stories.services import free_expired, hold_story, mark_seen, remove_story
from apps.users.accounts.relationships import block
from tests.client import Api, api, assert_problem
from tests.costs import queries_of
from tests.factories import make_connection, make_story
from tests.people import admin, alice, bob, carol, make_user, newton

pytestmark = pytest.mark.django_db


def upload(content: bytes | None = None, name: str = "sunrise.png") -> SimpleUploadedFile:
    if content is None:
        out = BytesIO()
        Image.new("RGB", (8, 8), "teal").save(out, "PNG")
        content = out.getvalue()
    return SimpleUploadedFile(name, content)


def captions(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["caption"] for row in answer.json()["results"]]


def fetch(client: Api, address: str) -> Any:
    return client.client.get(address.removeprefix("http://testserver"))


def test_a_story_is_posted_seen_and_fetched() -> None:
    author, viewer = alice(), bob()
    answer = api(author).upload("/stories", content_file=upload(), caption="Hi", audience="public")
    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == {
        "id",
        "author",
        "content_file",
        "media_type",
        "caption",
        "audience",
        "created_at",
        "expires_at",
        "seen",
    }
    assert body["author"]["username"] == "alice"
    assert (body["media_type"], body["caption"], body["audience"]) == ("image/png", "Hi", "public")
    story = Story.objects.get()
    assert story.expires_at - story.created_at == timedelta(hours=24)
    client = api(viewer)
    path = f"/stories/{body['id']}"
    seen = client.get(path).json()
    assert seen["seen"] is False
    picture = fetch(client, seen["content_file"])
    assert picture.status_code == 200
    assert picture["Content-Type"] == "image/png"
    for _again in range(2):
        assert client.post(f"{path}/view").status_code == 204
    assert client.get(path).json()["seen"] is True
    assert [row["seen"] for row in client.get("/stories").json()["results"]] == [True]
    page = api(author).get(f"{path}/viewers").json()
    assert [row["person"]["username"] for row in page["results"]] == ["bob"]
    assert page["results"][0]["seen_at"].endswith("Z")
    assert_problem(client.get(f"{path}/viewers"), 403, "permission-missing")


def test_caption_and_audience_can_be_left_out() -> None:
    body = api(alice()).upload("/stories", content_file=upload()).json()
    assert (body["caption"], body["audience"]) == ("", "public")


def test_posting_stories_needs_verification() -> None:
    assert_problem(api(newton()).upload("/stories", content_file=upload()), 403, "verification-required")
    assert_problem(api().upload("/stories", content_file=upload()), 401, "unauthenticated")


def test_invalid_stories_are_rejected() -> None:
    client = api(alice())
    assert_problem(client.upload("/stories", content_file=upload(b"%PDF-1.4 nothing")), 415, "wrong-kind-of-file")
    assert_problem(client.upload("/stories", content_file=upload(b"<svg/>", "a.png")), 415, "wrong-kind-of-file")
    for form, field in (
        ({}, "content_file"),
        ({"content_file": "text"}, "content_file"),
        ({"content_file": upload(b"")}, "content_file"),
        ({"content_file": upload(), "audience": "friends"}, "audience"),
        ({"content_file": upload(), "caption": "x" * 501}, "caption"),
        ({"content_file": upload(), "caption": "a\x00b"}, "caption"),
        ({"content_file": upload(), "expires_at": "2040-01-01"}, "expires_at"),
        ({"content_file": upload(), "author": "1"}, "author"),
    ):
        problem = assert_problem(client.upload("/stories", **form), 422, "invalid")
        assert field in [error["field"] for error in problem["errors"]]
    assert not Story.objects.exists()


def test_the_feed_has_what_the_viewer_may_see() -> None:
    author, friend, stranger = alice(), bob(), carol()
    make_connection(author, friend, status="accepted", responded_at=timezone.now())
    make_story(author, "for all", hours_old=3)
    make_story(author, "for connections", audience="connections", hours_old=2)
    make_story(author, "expired", hours_old=25)
    remove_story(admin(), make_story(author, "removed").pk)
    make_story(stranger, "by carol", hours_old=1)
    assert captions(api(friend).get("/stories")) == ["by carol", "for connections", "for all"]
    assert captions(api(stranger).get("/stories")) == ["by carol", "for all"]
    block(stranger, "alice")
    assert captions(api(stranger).get("/stories")) == ["by carol"]
    assert captions(api(author).get("/stories")) == ["for connections", "for all"]
    assert captions(api(author).get("/stories/my_stories")) == ["for connections", "for all"]
    assert captions(api(author).get("/stories/my_stories", expired="true")) == [
        "for connections",
        "for all",
        "expired",
    ]
    assert captions(api(friend).get("/stories/my_stories")) == []


def test_an_expired_one_is_there_for_its_owner_alone() -> None:
    author, viewer = alice(), bob()
    story = make_story(author)
    path = f"/stories/{story.pk}"
    with time_machine.travel(story.expires_at, tick=False):
        for answer in (
            api(viewer).get(path),
            api(viewer).post(f"{path}/view"),
            api(viewer).get(f"{path}/viewers"),
            api(viewer).patch(path, {"caption": "x"}),
            api(viewer).delete(path),
        ):
            assert_problem(answer, 404, "not-found")
        owner = api(author)
        assert owner.get(path).status_code == 200
        assert owner.get(f"{path}/viewers").status_code == 200
        assert free_expired() == 1
        assert owner.get(path).json()["content_file"] is None


def test_an_address_of_a_file_ends_with_the_story() -> None:
    story, viewer = make_story(alice()), bob()
    with time_machine.travel(story.expires_at - timedelta(seconds=2), tick=False):
        client = api(viewer)
        address = client.get(f"/stories/{story.pk}").json()["content_file"]
        assert fetch(client, address).status_code == 200
    with time_machine.travel(story.expires_at, tick=False):
        assert fetch(client, address).status_code == 404


def test_the_author_edits_it() -> None:
    author = alice()
    story = make_story(author, audience="connections")
    client, path = api(author), f"/stories/{story.pk}"
    body = client.patch(path, {"caption": "Edited caption"}).json()
    assert (body["caption"], body["audience"]) == ("Edited caption", "connections")
    assert client.patch(path, {"audience": "public"}).json()["caption"] == "Edited caption"
    body = client.put(path, {"caption": "New"}).json()
    assert (body["caption"], body["audience"]) == ("New", "public")
    client.patch(path, {"audience": "connections"})
    body = client.put(path, {}).json()
    # Left out, the audience stays, so that nothing is shown to more people by mistake.
    assert (body["caption"], body["audience"]) == ("", "connections")
    assert client.patch(path, {}).status_code == 200
    for wrong in (
        {"caption": None},
        {"caption": "x" * 501},
        {"caption": 5},
        {"audience": "friends"},
        {"audience": None},
        {"content_file": "x"},
        {"expires_at": "2040-01-01T00:00:00Z"},
    ):
        assert_problem(client.patch(path, wrong), 422, "invalid")
    assert_problem(client.put(path, {"caption": "a\u0000b"}), 422, "invalid")


def test_others_may_not() -> None:
    story = make_story(alice())
    client, path = api(bob()), f"/stories/{story.pk}"
    for answer in (client.put(path, {"caption": "x"}), client.patch(path, {"caption": "x"}), client.delete(path)):
        assert_problem(answer, 403, "permission-missing")


def test_the_author_deletes_it_also_during_a_legal_hold() -> None:
    author, viewer = alice(), bob()
    kept, gone = make_story(author), make_story(author)
    hold_story(viewer, kept.pk)
    for story in (kept, gone):
        path = f"/stories/{story.pk}"
        assert api(author).delete(path).status_code == 204
        assert_problem(api(author).get(path), 404, "not-found")
        assert_problem(api(author).delete(path), 404, "not-found")
    assert list(Story.objects.all()) == [kept]
    assert captions(api(author).get("/stories/my_stories", expired="true")) == []


def test_lists_cost_the_same_however_long() -> None:
    author, viewer = alice(), bob()
    story = make_story(author)
    mark_seen(viewer, story.pk)
    client, owner = api(viewer), api(author)

    def costs(page_size: int) -> list[int]:
        return [
            queries_of(client, "/stories", page_size),
            queries_of(owner, "/stories/my_stories?expired=true", page_size),
            queries_of(owner, f"/stories/{story.pk}/viewers", page_size),
        ]

    few = costs(10)
    for number in range(60):
        person = make_user(f"person{number}")
        make_story(person)
        make_story(author, hours_old=number)
        StoryView.objects.create(story=story, viewer=person)
    assert costs(100) == few == [2, 2, 4]


def test_uploads_are_limited(settings: Any) -> None:
    settings.LIMITS = settings.LIMITS | {"upload": (1, 3600)}
    client = api(alice())
    assert client.upload("/stories", content_file=upload()).status_code == 201
    assert_problem(client.upload("/stories", content_file=upload()), 429, "too-many-requests")
