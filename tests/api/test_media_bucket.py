"""Files in a bucket: signed addresses, refusals of the store, and parts of videos."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import boto3
import pytest
from moto.server import ThreadedMotoServer

from admin_dashboards.compliance import pages
from apps.infra.media import signed_address
from apps.review.claims import claim
from apps.stories.models import Story
from apps.stories.services import post_story
from apps.users.accounts import profiles
from apps.users.models import Document
from apps.users.verification.upload import send_document
from tests import people
from tests.api.media import body, get
from tests.client import api, assert_problem
from tests.console import console
from tests.drawn import mp4, png, upload
from tests.factories import make_video_story
from tests.people import alice, bob

pytestmark = pytest.mark.django_db


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
            "BACKEND": "apps.infra.files.bucket.Bucket",
            "OPTIONS": access
            | {
                "bucket_name": "infloo",
                "region_name": "us-east-1",
                "querystring_auth": True,
                "querystring_expire": 60,
            },
        }
    }
    yield yield_bucket
    server.stop()


def test_bucket_files_redirect_to_addresses_signed_for_a_minute(
    bucket: Any, django_capture_on_commit_callbacks: Any
) -> None:
    person = profiles.set_image(alice(), upload(png(), name="../../me.html"))
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
        profiles.clear_image(person)
    assert not list(bucket.objects.all())


def test_bucket_files_with_one_name_stay_apart(bucket: Any) -> None:
    first, second = (send_document(owner, upload(png(), "same.png"), doc_type="identity") for owner in (alice(), bob()))
    assert first.file.name != second.file.name
    assert (
        len({kept.key for kept in bucket.objects.filter(Prefix="documents/")} & {first.file.name, second.file.name})
        == 2
    )


class Picky(BaseHTTPRequestHandler):
    """A store that takes no more than an old one, or a careful owner, lets pass, and hands that on to `behind`."""

    behind: ClassVar[str]
    refuses: ClassVar[str] = ""
    asked: ClassVar[list[str]] = []

    def _pass_on(self) -> None:
        if self.headers.get("Expect") == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append(f"{self.command} {self.path.partition('?')[0]}")
        said = " ".join(self.headers).lower()
        if self.command in ("HEAD", self.refuses) or "x-amz-acl" in said or "checksum" in said or "trailer" in said:
            self._answer(403, {}, b"" if self.command == "HEAD" else b"<Error><Code>AccessDenied</Code></Error>")
            return
        onward = HTTPConnection(self.behind)
        onward.request(self.command, self.path, body, dict(self.headers))
        answer = onward.getresponse()
        self._answer(answer.status, dict(answer.headers), answer.read())

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


for _method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
    setattr(Picky, f"do_{_method}", Picky._pass_on)


@pytest.fixture
def picky(bucket: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Picky]]:
    """The bucket of production's settings, behind a store that is picky."""
    bucket.objects.all().delete()  # moto keeps what there was in this process
    options = settings.STORAGES["default"]["OPTIONS"]
    monkeypatch.setattr(Picky, "behind", urlsplit(options["endpoint_url"]).netloc, raising=False)
    monkeypatch.setattr(Picky, "asked", [])
    with ThreadingHTTPServer(("127.0.0.1", 0), Picky) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        kept = ("access_key", "secret_key", "bucket_name", "region_name", "querystring_auth", "querystring_expire")
        settings.STORAGES = settings.STORAGES | {
            "default": {
                "BACKEND": "apps.infra.files.bucket.Bucket",
                "OPTIONS": {name: options[name] for name in kept}
                | {"endpoint_url": f"http://127.0.0.1:{server.server_port}"},
            }
        }
        yield Picky
        server.shutdown()


def test_a_bucket_may_refuse_checksums_lists_and_head(
    bucket: Any, picky: type[Picky], django_capture_on_commit_callbacks: Any
) -> None:
    owner, officer = alice(), people.compliance()
    document = send_document(owner, upload(png()), doc_type="identity")
    story = post_story(owner, upload(mp4(size=1000), "video.mp4"))
    owner = profiles.set_image(owner, upload(png()))
    assert {kept.key for kept in bucket.objects.all()} == {
        document.file.name,
        story.content_file.name,
        owner.profile.image.name,
    }
    assert document.file.size == document.size
    with document.file.open("rb") as file:
        assert hashlib.sha256(file.read()).hexdigest() == document.sha256
    claim(officer, Document, document.pk)
    assert console(officer).get(pages.picture_address(officer, document, 1)).status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        profiles.clear_image(owner)
    assert not [kept.key for kept in bucket.objects.filter(Prefix="profiles/")]
    assert not [line for line in picky.asked if line.startswith("HEAD")]


@pytest.mark.parametrize(
    ("address", "form", "model"),
    [
        ("/users/verify", {"file": png, "doc_type": lambda: "identity"}, Document),
        ("/stories", {"content_file": png}, Story),
        ("/users/profile/image", {"image": png}, None),
    ],
)
def test_a_store_that_refuses_is_said_and_leaves_nothing(
    bucket: Any, picky: type[Picky], monkeypatch: pytest.MonkeyPatch, address: str, form: dict[str, Any], model: Any
) -> None:
    monkeypatch.setattr(picky, "refuses", "PUT")
    sent = {name: upload(made()) if made is png else made() for name, made in form.items()}
    answer = api(alice()).upload(address, **sent)
    assert_problem(answer, 503, "storage-away")
    assert "Try again later" in answer.json()["detail"]
    assert not list(bucket.objects.all())
    assert model is None or not model.objects.exists()


def test_files_of_failed_writes_are_deleted_from_the_bucket(
    bucket: Any, picky: type[Picky], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise RuntimeError

    owner = alice()
    for module, write in (
        ("apps.users.verification.upload", lambda: send_document(owner, upload(png()), doc_type="identity")),
        ("apps.stories.services", lambda: post_story(owner, upload(png()))),
        ("apps.users.accounts.profiles", lambda: profiles.set_image(owner, upload(png()))),
    ):
        monkeypatch.setattr(f"{module}.save_as", fail)
        with pytest.raises(RuntimeError):
            write()
    assert [line.split()[0] for line in picky.asked] == ["PUT", "DELETE"] * 3
    assert not list(bucket.objects.all())


def test_the_console_says_that_the_store_is_away(
    bucket: Any, picky: type[Picky], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, officer = alice(), people.compliance()
    document = send_document(owner, upload(png()), doc_type="identity")
    claim(officer, Document, document.pk)
    monkeypatch.setattr(picky, "refuses", "GET")
    answer = console(officer).get(pages.picture_address(officer, document, 1))
    assert (answer.status_code, "Try again later" in answer.text) == (503, True)
    story = post_story(owner, upload(png()))
    answer = console(people.community()).get(f"/admin/stories/story/{story.pk}/file/")
    assert (answer.status_code, "Try again later" in answer.text) == (503, True)


def test_a_folder_that_refuses_is_said_too(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "file"
    settings.MEDIA_ROOT.write_text("no folder")
    answer = api(alice()).upload("/users/profile/image", image=upload(png()))
    assert_problem(answer, 503, "storage-away")


def test_bucket_videos_are_served_in_ranges(bucket: Any) -> None:
    story = make_video_story(alice())
    address = signed_address("story", story.pk, viewer=bob().pk)
    answer = get(address, Range="bytes=10-19")
    assert (answer.status_code, answer["Content-Range"]) == (206, "bytes 10-19/1000")
    assert body(answer) == mp4(size=1000)[10:20]
    assert body(get(address)) == mp4(size=1000)
