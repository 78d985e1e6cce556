"""Files go out at signed addresses that live a minute, and never by their path."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import boto3  # type: ignore[import-untyped]
import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from moto.server import ThreadedMotoServer

from apps.files import signed_address
from apps.stories.models import Story
from apps.users import services
from apps.users.models import Block, User
from tests.api.test_errors import assert_problem
from tests.drawn import mp4, picture, png, upload
from tests.people import alice, bob

pytestmark = pytest.mark.django_db


def get(address: str, **headers: str) -> Any:
    return Client().get(address, headers=headers)


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


@pytest.fixture
def story() -> Story:
    return Story.objects.create(
        author=alice(), content_file=upload(mp4(size=1000), "film.mp4"), media_type="video/mp4", size=1000, sha256=""
    )


def test_the_default_picture_is_public() -> None:
    answer = get("/media/default.jpg")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/jpeg"
    assert "public" in answer["Cache-Control"]
    assert body(answer).startswith(b"\xff\xd8\xff")


def test_a_file_goes_out_as_what_it_is_and_as_nothing_that_runs() -> None:
    person = services.set_image(alice(), upload(picture("WEBP")))
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
def test_nothing_goes_out_by_its_path_or_a_made_up_address(path: str) -> None:
    assert get(f"/media/{path}").status_code == 404


def test_a_stored_file_has_no_path_on_the_web() -> None:
    person = services.set_image(alice(), upload(png()))
    assert get(f"/media/{person.profile.image.name}").status_code == 404
    assert get(f"/{person.profile.image.name}").status_code == 404


def test_an_address_lives_a_minute() -> None:
    person = services.set_image(alice(), upload(png()))
    address = signed_address("profile", person.pk)
    with time_machine.travel(timezone.now() + timedelta(seconds=62)):
        assert_problem(get(address), 404, "not-found")


def test_there_is_no_picture_where_none_was_set() -> None:
    assert get(signed_address("profile", alice().pk)).status_code == 404
    assert get(signed_address("profile", 12345)).status_code == 404


def test_an_address_changes_nothing() -> None:
    assert Client().post(signed_address("profile", alice().pk)).status_code == 405
    assert Client().delete("/media/default.jpg").status_code == 405


# --- Stories: judged anew when the address is used ------------------------------------------------------------------


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


# --- In a bucket ----------------------------------------------------------------------------------------------------


@pytest.fixture
def bucket(settings: Any) -> Iterator[Any]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    access = {"access_key": "key", "secret_key": "secret", "endpoint_url": f"http://{host}:{port}"}
    boto = boto3.resource(
        "s3",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        endpoint_url=access["endpoint_url"],
        region_name="us-east-1",
    )
    yield_bucket = boto.create_bucket(Bucket="infloo")
    settings.USE_S3 = True
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": access
            | {
                "bucket_name": "infloo",
                "region_name": "us-east-1",
                "default_acl": "private",
                "file_overwrite": False,
                "querystring_auth": True,
                "querystring_expire": 60,
                "signature_version": "s3v4",
            },
        }
    }
    yield yield_bucket
    server.stop()


def test_in_a_bucket_an_address_leads_to_a_signed_one_of_a_minute(
    bucket: Any, django_capture_on_commit_callbacks: Any
) -> None:
    person = services.set_image(alice(), upload(png(), name="../../me.html"))
    [stored] = list(bucket.objects.all())
    assert stored.key == person.profile.image.name
    answer = get(signed_address("profile", person.pk))
    assert answer.status_code == 302
    assert answer["Cache-Control"] == "no-store"
    query = parse_qs(urlsplit(answer["Location"]).query)
    assert query["X-Amz-Expires"] == ["60"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    with urlopen(answer["Location"]) as fetched:  # noqa: S310  # the loopback server of this test
        assert fetched.headers["Content-Type"] == "image/png"
        assert fetched.headers["Content-Disposition"].startswith("inline")
        assert fetched.read().startswith(b"\x89PNG")
    with django_capture_on_commit_callbacks(execute=True):
        services.clear_image(person)
    assert not list(bucket.objects.all())


def test_in_a_bucket_two_files_of_one_name_stay_two(bucket: Any) -> None:
    from django.core.files.storage import default_storage

    first, second = (default_storage.save("documents/same.pdf", upload(content)) for content in (b"one", b"two"))
    assert first != second
    assert default_storage.open(first).read() == b"one"
