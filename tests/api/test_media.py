"""Files go out at signed addresses that live a minute, and never by their path."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from apps.infra.media import signed_address
from apps.stories.models import Story
from apps.users.accounts import profiles
from apps.users.models import Block, User
from tests.api.media import body, get
from tests.client import Api, api, assert_problem
from tests.drawn import mp4, pdf, picture, png, upload
from tests.factories import make_video_story
from tests.people import alice, bob

pytestmark = pytest.mark.django_db


@pytest.fixture
def story() -> Story:
    return make_video_story(alice())


def test_the_default_picture_is_public() -> None:
    answer = get("/media/default.jpg")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/jpeg"
    assert "public" in answer["Cache-Control"]
    assert body(answer).startswith(b"\xff\xd8\xff")


def test_a_file_goes_out_as_what_it_is_and_as_nothing_that_runs() -> None:
    person = profiles.set_image(alice(), upload(picture("WEBP")))
    answer = get(signed_address("profile", person.pk))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/webp"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"].startswith("inline; filename=")
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["Cache-Control"] == "private, max-age=60"
    content = body(answer)
    assert len(content) == int(answer["Content-Length"])
    assert content[8:12] == b"WEBP"


@pytest.mark.parametrize("path", ["profiles/x.png", "nonsense", "..%2f..%2fmanage.py", "story.1.1:x:y", "%00"])
def test_files_are_not_served_by_path_or_forged_address(path: str) -> None:
    assert get(f"/media/{path}").status_code == 404


def test_a_stored_file_has_no_path_on_the_web() -> None:
    person = profiles.set_image(alice(), upload(png()))
    assert get(f"/media/{person.profile.image.name}").status_code == 404
    assert get(f"/{person.profile.image.name}").status_code == 404


def test_an_address_lives_a_minute() -> None:
    person = profiles.set_image(alice(), upload(png()))
    address = signed_address("profile", person.pk)
    with time_machine.travel(timezone.now() + timedelta(seconds=62)):
        assert_problem(get(address), 404, "not-found")


def test_there_is_no_picture_where_none_was_set() -> None:
    assert get(signed_address("profile", alice().pk)).status_code == 404
    assert get(signed_address("profile", 12345)).status_code == 404


def test_an_address_changes_nothing() -> None:
    assert Client().post(signed_address("profile", alice().pk)).status_code == 405
    assert Client().delete("/media/default.jpg").status_code == 405


# --- Stories: evaluated anew when the address is used -----------------------------------------------------------------


def test_a_story_goes_out_to_whom_the_address_was_made_for(story: Story) -> None:
    answer = get(signed_address("story", story.pk, viewer=bob().pk))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "video/mp4"
    assert len(body(answer)) == 1000
    assert get(signed_address("story", story.pk)).status_code == 404
    assert get(signed_address("story", story.pk, viewer=12345)).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"removed_at": "2026-01-01T00:00Z"},
        {"deleted_at": "2026-01-01T00:00Z"},
        {"freed_at": "2026-01-01T00:00Z"},
        {"expires_at": "2026-01-01T00:00Z"},
        {"audience": "connections"},
    ],
)
def test_a_story_that_is_gone_is_gone_at_its_addresses_too(story: Story, change: dict[str, Any]) -> None:
    address = signed_address("story", story.pk, viewer=bob().pk)
    Story.objects.filter(pk=story.pk).update(**change)
    assert_problem(get(address), 404, "not-found")


def test_a_block_and_a_switched_off_account_close_addresses_too(story: Story) -> None:
    viewer = bob()
    address = signed_address("story", story.pk, viewer=viewer.pk)
    block = Block.objects.create(blocker=story.author, blocked=viewer)
    assert get(address).status_code == 404
    block.delete()
    assert get(address).status_code == 200
    User.objects.filter(pk=viewer.pk).update(is_active=False)
    assert get(address).status_code == 404


def test_the_author_still_sees_an_expired_one(story: Story) -> None:
    Story.objects.filter(pk=story.pk).update(expires_at=timezone.now() - timedelta(days=1))
    assert get(signed_address("story", story.pk, viewer=story.author_id)).status_code == 200


def test_a_file_that_storage_lost_is_absent(story: Story) -> None:
    story.content_file.storage.delete(str(story.content_file.name))
    assert get(signed_address("story", story.pk, viewer=story.author_id)).status_code == 404


# --- On disk --------------------------------------------------------------------------------------------------------


def modes(root: Path) -> dict[str, int]:
    return {str(path.relative_to(root)): path.stat().st_mode & 0o777 for path in [root, *root.rglob("*")]}


def test_stored_files_are_closed_to_other_accounts_of_the_machine(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    client = api(alice())
    assert client.upload("/users/verify", file=upload(pdf()), doc_type="identity").status_code == 201
    large = upload(mp4(size=settings.FILE_UPLOAD_MAX_MEMORY_SIZE + 1))  # by way of a temporary file
    for content_file in (upload(png()), large):
        assert client.upload("/stories", content_file=content_file).status_code == 201
    found = modes(settings.MEDIA_ROOT)
    assert len([name for name in found if "." in name[1:]]) == 3
    assert {mode for name, mode in found.items() if "." in name[1:]} == {0o600}
    assert {mode for name, mode in found.items() if "." not in name[1:]} == {0o700}


def test_files_of_an_earlier_release_are_closed(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    folder = settings.MEDIA_ROOT / "documents"
    folder.mkdir(parents=True)
    (folder / "passport.png").write_bytes(png())
    for path, mode in ((settings.MEDIA_ROOT, 0o755), (folder, 0o755), (folder / "passport.png", 0o644)):
        path.chmod(mode)
    call_command("close_media")
    assert modes(settings.MEDIA_ROOT) == {".": 0o700, "documents": 0o700, "documents/passport.png": 0o600}


# --- Sent in as a file, or not ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "name"), [("/users/verify", "file"), ("/users/profile/image", "image"), ("/stories", "content_file")]
)
@pytest.mark.parametrize(
    ("file_name", "content"),
    [
        ("", b"text"),
        ("", png()),
        ("", b"\x89\x00"),
        ("", bytes(3_000_000)),
        ('; filename=""', png()),
        ('; filename="."', png()),
    ],
)
def test_files_sent_as_plain_fields_are_rejected_with_advice(
    path: str, name: str, file_name: str, content: bytes
) -> None:
    head = f'--edge\r\nContent-Disposition: form-data; name="{name}"{file_name}\r\nContent-Type: image/png\r\n\r\n'
    client = api(alice())
    answer = client.client.post(
        f"/api{path}",
        head.encode() + content + b"\r\n--edge--\r\n",
        content_type="multipart/form-data; boundary=edge",
        headers=client.headers,
    )
    problem = assert_problem(answer, 422, "invalid")
    assert problem["detail"] == f"Send `{name}` as a file, with a name."
    assert [error["field"] for error in problem["errors"]] == [name]


# --- Parts, for players ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-99", 0, 99),
        ("bytes=100-", 100, 999),
        ("bytes=-10", 990, 999),
        ("bytes=0-999999", 0, 999),
        ("bytes=999-999", 999, 999),
        ("bytes=-5000", 0, 999),
    ],
)
def test_players_may_ask_for_a_part(story: Story, asked: str, start: int, end: int) -> None:
    answer = get(signed_address("story", story.pk, viewer=story.author_id), Range=asked)
    assert answer.status_code == 206
    assert answer["Content-Range"] == f"bytes {start}-{end}/1000"
    content = body(answer)
    assert content == mp4(size=1000)[start : end + 1]
    assert int(answer["Content-Length"]) == len(content)


@pytest.mark.parametrize("asked", ["bytes=1000-", "bytes=5-2", "bytes=99999999999-", "bytes=-0"])
def test_a_part_that_is_not_there(story: Story, asked: str) -> None:
    answer = get(signed_address("story", story.pk, viewer=story.author_id), Range=asked)
    assert answer.status_code == 416
    assert answer["Content-Range"] == "bytes */1000"


@pytest.mark.parametrize("asked", ["", "nonsense", "bytes=-", "bytes=a-b", "items=0-1", "bytes=0-1,5-6"])
def test_other_askings_get_the_whole(story: Story, asked: str) -> None:
    answer = get(signed_address("story", story.pk, viewer=story.author_id), Range=asked)
    assert answer.status_code == 200
    assert answer["Accept-Ranges"] == "bytes"
    assert len(body(answer)) == 1000


def playing(viewer: User, story: Story) -> tuple[Api, str]:
    client = api(viewer)
    address = client.get(f"/stories/{story.pk}").json()["content_file"]
    return client, address.removeprefix("http://testserver")


def later(minutes: float) -> Any:
    return time_machine.travel(timezone.now() + timedelta(minutes=minutes))


def test_a_video_that_began_plays_on(story: Story) -> None:
    _client, address = playing(bob(), story)
    for minutes in (0, 5, 55):
        with later(minutes):
            answer = get(address, Range="bytes=500-")
            assert answer.status_code == 206
            assert body(answer) == mp4(size=1000)[500:]
    with later(5):
        assert_problem(get(address), 404, "not-found")
    with later(61):
        assert_problem(get(address, Range="bytes=500-"), 404, "not-found")


def test_playing_on_is_checked_anew(story: Story) -> None:
    viewer = bob()
    client, address = playing(viewer, story)
    with later(5):
        block = Block.objects.create(blocker=story.author, blocked=viewer)
        assert get(address, Range="bytes=500-").status_code == 404
        block.delete()
        assert get(address, Range="bytes=500-").status_code == 206
        Story.objects.filter(pk=story.pk).update(removed_at=timezone.now())
        assert get(address, Range="bytes=500-").status_code == 404
        Story.objects.filter(pk=story.pk).update(removed_at=None)
        assert client.tokens is not None
        assert client.post("/users/auth/logout", {"refresh": client.tokens.refresh}).status_code == 204
        assert get(address, Range="bytes=500-").status_code == 404
    assert get(address).status_code == 404, "also within its minute"


def test_pictures_and_addresses_without_a_login_last_a_minute_in_parts_too(story: Story) -> None:
    picture_story = Story.objects.create(
        author=story.author, content_file=upload(png()), media_type="image/png", size=100, sha256=""
    )
    profiles.set_image(story.author, upload(png()))
    viewer = bob()
    _client, address = playing(viewer, picture_story)
    without_login = signed_address("story", story.pk, viewer=viewer.pk)
    profile = signed_address("profile", story.author_id, viewer=viewer.pk, login=1)
    with later(2):
        for one in (address, without_login, profile):
            assert get(one, Range="bytes=0-").status_code == 404


def test_the_api_says_how_long_an_address_lives() -> None:
    schemas = Client().get("/api/openapi.json").json()["components"]["schemas"]
    assert "for an hour" in schemas["StoryOut"]["properties"]["content_file"]["description"]
